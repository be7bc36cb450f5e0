"""Of which kind a company's own column is: one rule for schemas of datasets and for models."""

from collections.abc import Iterable
from typing import Any, Literal

from chalicelib.credit.columns import as_number, as_truth

NUMBER_SHARE = 0.99  # With fewer numbers than that a column is a category.

OwnKind = Literal["number", "bool", "category"]


def own_kind(present: int, numbers: int, words: int, zeros_and_ones: int) -> OwnKind:
    """The kind of a column, by how many of its values are what.

    Args:
        present: All.
        numbers: Numbers.
        words: Truth values, and words for yes and no.
        zeros_and_ones: Numbers that may stand for yes and no beside such words.
    """
    if words and words + zeros_and_ones == present:
        return "bool"
    return "number" if present and numbers >= NUMBER_SHARE * present else "category"


def kind_of(present: Iterable[Any]) -> OwnKind:
    """The kind of a column with these values, none of them missing."""
    values = list(present)
    numbers = [value for value in values if as_number(value) is not None]
    truths = sum(as_truth(value) is not None for value in values)
    zeros_and_ones = sum(value in (0, 1) for value in numbers)
    return own_kind(len(values), len(numbers), truths - zeros_and_ones, zeros_and_ones)
