"""How a single value is read: which text is a number, a date, nothing.

Profiling reads whole columns by the same rules (`profiling/reading.py`), a test holds the two
together; this module is light, so that a value sent for a prediction is read as its column was.
"""

import math
import re
from datetime import UTC, datetime, time
from typing import Any, Literal

from pydantic import BaseModel

NA_MARKS = frozenset({"na", "n/a", "#n/a"})
"""Absence as some write it; in a column where it means something, a category of its own."""

MISSING_MARKS = NA_MARKS | {"", "nan", "null", "?", "-", "--"}
"""Absence in any column, in lower case. Not "none": in files of houses it is a material."""

MISSING_NUMBER_MARKS = MISSING_MARKS | {".", "none", "nil", "nd", "n/d", "s/d", "missing"}
"""Absence in a column whose other values are numbers or dates."""

NA = "NA"
CURRENCIES = ("R$", "US$", "U$", "$", "€", "£", "BRL", "USD", "EUR")

BOOL_PAIRS = (
    ("true", "false"),
    ("t", "f"),
    ("sim", "não"),
    ("sim", "nao"),
    ("s", "n"),
    ("verdadeiro", "falso"),
    ("v", "f"),
    ("yes", "no"),
    ("y", "n"),
)
"""What columns of yes and no are written with."""
TRUE_WORDS = frozenset(yes for yes, _ in BOOL_PAIRS)
FALSE_WORDS = frozenset(no for _, no in BOOL_PAIRS)

DATE_FORMS: dict[str, tuple[str, str]] = {
    "iso": (r"^([0-9]{4})-([0-9]{2})-([0-9]{2})", r"\1-\2-\3"),
    "d/m/a": (r"^([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})", r"\3-\2-\1"),
    "m/d/a": (r"^([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})", r"\3-\1-\2"),
    "a/m/d": (r"^([0-9]{4})[/.]([0-9]{1,2})[/.]([0-9]{1,2})", r"\1-\2-\3"),
}
"""Form of a date -> what its beginning matches, and how that is written as ISO 8601 has it.

Where a day could be a month, the form that comes first here is taken.
"""
TIME = r"([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
ONE_DIGIT = ((r"-([0-9])\b", r"-0\1"), (r"[ T]([0-9]):", r" 0\1:"))
"""What to replace by what where days, months and hours have one digit."""


class NumberFormat(BaseModel):
    """How a column writes its numbers.

    Attributes:
        decimal: What stands before the decimals.
        milhar: What stands between groups of three digits; none where it is empty.
        moeda: A sign of currency that stands before or after some of the numbers.
        percentual: Whether some of them end in a sign of per cent; 12 % is 12.
    """

    decimal: Literal[".", ","] = "."
    milhar: Literal["", ".", ",", " "] = ""
    moeda: str = ""
    percentual: bool = False


PLAIN = NumberFormat()
LONGEST_NUMBER = 100
LARGEST_NUMBER = 1e100
"""Beyond it is no price and no measure, and squares would overflow."""


def pattern_of(form: NumberFormat) -> str:
    """What the number itself must match, in a form that RE2 understands, too."""
    decimal = re.escape(form.decimal)
    if not form.milhar:
        return rf"[+-]?([0-9]+{decimal}?[0-9]*|{decimal}[0-9]+)([eE][+-]?[0-9]{{1,3}})?"
    grouped = rf"[0-9]{{1,3}}({re.escape(form.milhar)}[0-9]{{3}})+|[0-9]+"
    return rf"[+-]?({grouped})({decimal}[0-9]+)?"


def bare_number(text: str, form: NumberFormat) -> str:
    """A number's text without signs of currency and per cent, and the blanks around them."""
    found = text.replace("\u00a0", " ").strip()
    if form.moeda:
        found = found.replace(form.moeda, "", 1)
    if form.percentual:
        found = found.removesuffix("%")
    found = found.strip()
    # The sign may stand before the currency, with a blank between: "- R$ 5".
    return re.sub(r"^([+-])\s+", r"\1", found)


def read_number(value: Any, form: NumberFormat = PLAIN) -> float | None:
    """A number as its column writes it; None where it is absent.

    Args:
        value: A number, or text.
        form: How the column writes its numbers; a plain number is read in any column.

    Raises:
        ValueError: It is none, or not finite.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        raise ValueError("no number")
    if isinstance(value, int | float):
        return _finite(float(value))
    if not isinstance(value, str):
        raise ValueError("no number")
    if value.strip().lower() in MISSING_NUMBER_MARKS:
        return None
    bare = bare_number(value, form)
    if len(bare) > LONGEST_NUMBER or not re.fullmatch(pattern_of(form), bare):
        raise ValueError("no number")
    if form.milhar:
        bare = bare.replace(form.milhar, "")
    return _finite(float(bare.replace(form.decimal, ".")))


def _finite(number: float) -> float | None:
    if math.isnan(number):
        return None
    if abs(number) > LARGEST_NUMBER:
        raise ValueError("beyond all measure")
    return number


def read_date(value: Any, form: str = "iso") -> datetime | None:
    """A date or an instant as its column writes it, without offset; None where it is absent.

    What has an offset is taken to UTC; a local time stays as it is written.

    Args:
        value: Text.
        form: One of `DATE_FORMS`; ISO 8601 is read in any column.

    Raises:
        ValueError: It is none.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("no date")
    text = value.strip()
    if text.lower() in MISSING_NUMBER_MARKS:
        return None
    for name in dict.fromkeys((form, "iso")):
        pattern, iso = DATE_FORMS[name]
        if re.match(pattern + TIME, text):
            return _instant(re.sub(pattern, iso, text))
    raise ValueError("no date")


def _instant(written: str) -> datetime:
    for pattern, padded in ONE_DIGIT:
        written = re.sub(pattern, padded, written)
    found = datetime.fromisoformat(written)
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def read_bool(value: Any) -> bool | None:
    """Yes or no, in Portuguese or English, or 1 or 0; None where it is absent.

    Raises:
        ValueError: It is neither.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in MISSING_MARKS:
            return None
        if word in TRUE_WORDS or word in FALSE_WORDS or word in ("0", "1"):
            return word in TRUE_WORDS or word == "1"
    if isinstance(value, int | float) and value in (0, 1):
        return value == 1
    raise ValueError("neither yes nor no")


def read_label(value: Any, *, na_is_category: bool, empty_is_category: bool) -> str | None:
    """A category or a text, trimmed; None where it is absent.

    Args:
        value: Text, a truth value or a number.
        na_is_category: "NA" (N/A, #N/A) is the category NA.
        empty_is_category: So is every other kind of absence.

    Raises:
        ValueError: It is none of these.
    """
    text = _label_text(value)
    mark = text.lower()
    if mark not in MISSING_MARKS:
        return text
    is_category = na_is_category and (mark in NA_MARKS or empty_is_category)
    return NA if is_category else None


def _label_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float):
        return number_text(float(value))
    raise ValueError("no text")


def number_text(number: float) -> str:
    """A number as a category is named by it: without decimals where it is whole."""
    if math.isnan(number):
        return ""
    return str(int(number)) if number.is_integer() and abs(number) < 2**63 else repr(number)


def instant_text(instant: datetime) -> str:
    """A date or an instant as text: of midnight the day alone."""
    is_day = instant.time() == time.min
    return (instant.date() if is_day else instant.replace(tzinfo=None)).isoformat()
