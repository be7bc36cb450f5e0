"""Columns of text turned into numbers and dates, once it is known how they are written."""

from functools import cache
from itertools import product

import pyarrow as pa
import pyarrow.compute as pc

from chalicelib.prices.values import (
    DATE_FORMS,
    MISSING_NUMBER_MARKS,
    ONE_DIGIT,
    TIME,
    NumberFormat,
    read_date,
)


def absent_marks(values: pa.Array) -> pa.Array:
    """Where a column of numbers or dates holds nothing."""
    return pc.fill_null(pc.is_in(values, pa.array(all_cases())), fill_value=True)


@cache
def all_cases() -> list[str]:
    """The marks of absence in capitals, small letters, and all between.

    To look for some two hundred texts costs a third of what a column's small letters do.
    """
    return sorted(
        "".join(letters)
        for mark in MISSING_NUMBER_MARKS
        for letters in product(*({letter, letter.upper()} for letter in mark))
    )


def parse_numbers(values: pa.Array, form: NumberFormat) -> pa.Array:
    """(n,) trimmed text that is all numbers in a format, or absent -> float64."""
    bare = pc.if_else(absent_marks(values), pa.scalar(None, pa.string()), values)
    try:
        return _as_floats(bare, form)
    except pa.ArrowInvalid:  # Most files have neither signs nor blanks within their numbers.
        bare = pc.replace_substring(bare, "\u00a0", " ")
        if form.moeda:
            bare = pc.replace_substring(bare, form.moeda, "", max_replacements=1)
        if form.percentual:
            bare = pc.replace_substring_regex(bare, "%$", "")
        bare = pc.replace_substring_regex(pc.utf8_trim_whitespace(bare), r"^([+-])\s+", r"\1")
        return _as_floats(bare, form)


def _as_floats(bare: pa.Array, form: NumberFormat) -> pa.Array:
    if form.milhar:
        bare = pc.replace_substring(bare, form.milhar, "")
    if form.decimal != ".":
        bare = pc.replace_substring(bare, form.decimal, ".")
    return bare.cast(pa.float64())


def parse_dates(values: pa.Array, form: str) -> pa.Array:
    """(n,) trimmed text -> timestamp[us], null where it is no date of this form."""
    pattern, iso = DATE_FORMS[form]
    fits = pc.match_substring_regex(values, pattern + TIME)
    written = pc.replace_substring_regex(values, pattern, iso)
    for one, padded in ONE_DIGIT:
        written = pc.replace_substring_regex(written, one, padded)
    written = pc.if_else(fits, written, pa.scalar(None, pa.string()))
    zoned = pc.match_substring_regex(written, r"(Z|[+-][0-9]{2}:?[0-9]{2})$")
    has_time = pc.greater(pc.utf8_length(written), 10)  # A day's own dash is no offset.
    try:
        if pc.any(pc.and_(zoned, has_time)).as_py():
            return written.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
        return written.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return _one_by_one(values, form)


def _one_by_one(values: pa.Array, form: str) -> pa.Array:
    """Where one is the 30th of February, or only some have an offset."""

    def read(value: str | None) -> object:
        try:
            return read_date(value, form)
        except ValueError:
            return None

    return pa.array([read(value) for value in values.to_pylist()], pa.timestamp("us"))
