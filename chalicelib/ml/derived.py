"""Numbers that are made of raw values: parts of dates, measures of texts, products and ratios.

Everywhere values are (n,) and what is missing comes out as NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.columns import Column, Interaction, is_missing

Floats = NDArray[np.float64]
LARGEST = float(np.finfo(np.float32).max)  # The matrix that models read is float32.
_DAY_US = 86_400_000_000
_MONDAY = 3  # 1970-01-01 was a Thursday.


def as_days(values: Sequence[Any] | NDArray[Any]) -> Floats:
    """Instants (datetime64, naive datetimes, dates, ISO text, None) -> days since 1970."""
    instants = np.asarray(values, dtype="datetime64[us]")
    days: Floats = instants.astype(np.int64) / _DAY_US
    return np.where(np.isnat(instants), np.nan, days)


def date_part(part: str, days: Floats, latest: float) -> Floats:
    """One part of instants given in days since 1970.

    Args:
        part: year, month (1 to 12), weekday (Monday is 0), yearday (1 to 366), or age_days: how
            long before `latest`.
        days: The instants.
        latest: The latest instant of training.
    """
    if part == "age_days":
        return latest - days
    missing = np.isnan(days)
    whole = np.floor(np.where(missing, 0.0, days)).astype(np.int64)
    found = _CALENDAR[part](whole.astype("datetime64[D]"))
    return np.where(missing, np.nan, found.astype(np.float64))


def _year(day: NDArray[np.datetime64]) -> NDArray[np.int64]:
    number: NDArray[np.int64] = day.astype("datetime64[Y]").astype(np.int64) + 1970
    return number


def _month(day: NDArray[np.datetime64]) -> NDArray[np.int64]:
    number: NDArray[np.int64] = day.astype("datetime64[M]").astype(np.int64) % 12 + 1
    return number


def _weekday(day: NDArray[np.datetime64]) -> NDArray[np.int64]:
    number: NDArray[np.int64] = (day.astype(np.int64) + _MONDAY) % 7
    return number


def _yearday(day: NDArray[np.datetime64]) -> NDArray[np.int64]:
    first = day.astype("datetime64[Y]").astype("datetime64[D]")
    number: NDArray[np.int64] = (day - first).astype(np.int64) + 1
    return number


_CALENDAR = {"year": _year, "month": _month, "weekday": _weekday, "yearday": _yearday}


def text_part(part: str, values: Sequence[Any] | NDArray[Any]) -> Floats:
    """How many characters, or words, texts have."""
    lengths = (_measure(part, value) for value in values)
    return np.fromiter(lengths, dtype=np.float64, count=len(values))


def _measure(part: str, value: Any) -> float:
    if is_missing(value):
        return np.nan
    if not isinstance(value, str):
        raise TypeError(f"a text is a string or None, not {type(value).__name__}")
    return float(len(value) if part == "characters" else len(value.split()))


def combined(pair: Interaction, a: Floats, b: Floats) -> Floats:
    """The product or ratio of two columns; a ratio to 0, and what no number holds, is missing."""
    with np.errstate(over="ignore"):
        if pair.kind == "product":
            found = a * b
        else:
            found = np.divide(a, b, out=np.full_like(a, np.nan), where=b != 0)
    return np.where(np.abs(found) <= LARGEST, found, np.nan)


def measured(column: Column, values: Sequence[Any] | NDArray[Any]) -> Floats:
    """(n,) one number per value of any column but a category: days of dates, length of texts."""
    if column.kind == "date":
        return as_days(values)
    if column.kind == "text":
        return text_part("characters", values)
    return np.asarray(values, dtype=np.float64)
