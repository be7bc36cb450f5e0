"""How served values may differ from everything that training saw."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class UnseenKind(StrEnum):
    """How a served value differs from everything training saw."""

    CATEGORY = "category"
    BELOW_RANGE = "below_range"
    ABOVE_RANGE = "above_range"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Unseen:
    """A served value of column `source` that training saw nothing like.

    A date's value is ISO text, a text's its number of characters.
    """

    source: str
    kind: UnseenKind
    value: float | str | None
