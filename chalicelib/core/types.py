"""Field types that several products' schemas share."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

LARGEST_ID = 2**63 - 1
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def _within_calendar(instant: datetime) -> datetime:
    if not EARLIEST <= instant < LATEST:
        raise ValueError("must lie between 1970 and 2200")
    return instant.astimezone(UTC)


Id = Annotated[int, Field(ge=1, le=LARGEST_ID, examples=[1])]
"""A row's id: a positive 64-bit integer."""

Instant = Annotated[AwareDatetime, AfterValidator(_within_calendar)]
"""A moment with its offset from UTC, such as `2026-03-02T07:15:00-03:00`; kept in UTC."""

ShortText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""A line of text, trimmed, not empty."""


class Strict(BaseModel):
    """A request: a field it does not know is refused rather than ignored."""

    model_config = ConfigDict(extra="forbid")


class FromRow(BaseModel):
    """A response that can be read off a table row."""

    model_config = ConfigDict(from_attributes=True)
