"""What a column of text holds: numbers in some format, dates in some form, yes and no, or words.

The rules are those of `chalicelib.prices.values`, run over whole columns by Arrow; a test holds
the two together. Whatever is counted is counted exactly, over every row.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chalicelib.prices.profiling.parsing import absent_marks, parse_dates
from chalicelib.prices.values import (
    BOOL_PAIRS,
    CURRENCIES,
    DATE_FORMS,
    FALSE_WORDS,
    LARGEST_NUMBER,
    LONGEST_NUMBER,
    MISSING_MARKS,
    TRUE_WORDS,
    NumberFormat,
    pattern_of,
)

FORMATS = (
    NumberFormat(decimal="."),
    NumberFormat(decimal=","),
    NumberFormat(decimal=",", milhar="."),
    NumberFormat(decimal=".", milhar=","),
    NumberFormat(decimal=",", milhar=" "),
)
"""Formats of numbers, the likelier first where several fit all values."""

DATE_LIKE = r"^[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4}"
LEADING_ZERO = r"^[+-]?0[0-9]+$"
LONG_CODE = r"^[+-]?[0-9]{16,}$"
CODE_LIMIT = 1e15
"""From here on a whole number may not be what a float64 makes of it."""
ONLY_GROUPS = {
    ".": r"^[+-]?[0-9]{1,3}(\.[0-9]{3})+$",
    ",": r"^[+-]?[0-9]{1,3}(,[0-9]{3})+$",
}
"""Numbers such as 1.234, which may be a thousand and more or little above one."""

TRUTH_WORDS = sorted({*TRUE_WORDS, *FALSE_WORDS, "0", "1"})

Counts = NDArray[np.int64]


@dataclass
class Readings:
    """How many of a column's values can be read as what.

    Attributes:
        rows: All rows, absent ones too.
        marks: How absence is written -> rows, for a column of numbers or dates.
        numbers: Per format of `FORMATS`, how many values are numbers in it.
        dates: Per form, how many values are dates in it.
        currencies: Sign -> values that have it.
        percents: Values that end in a sign of per cent.
        leading_zeros: Values such as 007.
        codes: Whole numbers of more than fifteen digits.
        only_groups: Separator -> values such as 1.234.
        words: Values in lower case, up to a handful: enough to know yes and no by.
        truths: Values that say yes or no.
    """

    rows: int = 0
    marks: Counter[str] = field(default_factory=Counter)
    numbers: Counts = field(default_factory=lambda: np.zeros(len(FORMATS), np.int64))
    dates: Counter[str] = field(default_factory=Counter)
    currencies: Counter[str] = field(default_factory=Counter)
    percents: int = 0
    leading_zeros: int = 0
    codes: int = 0
    only_groups: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    truths: int = 0

    @property
    def as_numbers(self) -> int:
        """Values that are present where numbers or dates are expected."""
        return self.rows - sum(self.marks.values())

    @property
    def absent(self) -> int:
        """Rows without a value, where any text is one."""
        return sum(n for mark, n in self.marks.items() if mark.lower() in MISSING_MARKS)

    @property
    def present(self) -> int:
        """Values where any text is one."""
        return self.rows - self.absent

    def yes_and_no(self) -> tuple[str, str] | None:
        """The two words, where the column holds a pair that says yes and no."""
        if len(self.words) == 2:
            return next((pair for pair in BOOL_PAIRS if set(pair) == set(self.words)), None)
        return None


def read_all(chunks: Callable[[], Iterable[pa.Array]]) -> Readings:
    """Look at every value of a column of trimmed text.

    Args:
        chunks: Gives the column piece by piece, each time it is called. Most columns are plain
            numbers, which one look is enough for; the others are looked at again.
    """
    found = Readings()
    if all(_is_plain(chunk, found) for chunk in chunks()) and not found.leading_zeros:
        return found
    found = Readings()
    for chunk in chunks():
        _look(chunk, found)
    return found


def _is_plain(chunk: pa.Array, found: Readings) -> bool:
    """Count a piece that holds plain numbers only; False where it does not."""
    absent = absent_marks(chunk)
    present = chunk.filter(pc.invert(absent))
    try:
        numbers = present.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    # What is not finite is no number, and of so many digits a code would lose some.
    if not pc.all(pc.less(pc.abs(numbers), CODE_LIMIT), min_count=0).as_py():
        return False
    found.rows += len(chunk)
    found.numbers[0] += len(present)
    found.leading_zeros += _count(pc.match_substring_regex(present, LEADING_ZERO))
    if found.only_groups["."] == found.numbers[0] - len(present):
        found.only_groups["."] += _count(pc.match_substring_regex(present, ONLY_GROUPS["."]))
    for counted in chunk.filter(absent).value_counts().to_pylist():
        found.marks[counted["values"] or ""] += counted["counts"]
    return True


def _count(matches: pa.Array) -> int:
    return int(pc.sum(matches, min_count=0).as_py())


def _look(chunk: pa.Array, found: Readings) -> None:
    encoded = chunk.dictionary_encode(null_encoding="encode")
    values = pc.fill_null(encoded.dictionary, "")
    counts = np.bincount(encoded.indices.to_numpy(), minlength=len(values)).astype(np.int64)
    found.rows += len(chunk)
    lower = pc.utf8_lower(values)
    absent = absent_marks(values).to_numpy(zero_copy_only=False)
    for mark, count in zip(
        values.filter(pa.array(absent)).to_pylist(), counts[absent], strict=True
    ):
        found.marks[mark] += int(count)
    _count_words(lower, counts, found)
    found.truths += _weigh(pc.is_in(lower, pa.array(TRUTH_WORDS)), counts)
    present, weights = values.filter(pa.array(~absent)), counts[~absent]
    if len(present):
        _count_numbers(present, weights, found)
        _count_dates(present, weights, found)


def _count_words(lower: pa.Array, counts: Counts, found: Readings) -> None:
    """Only as many as show that a column is not of yes and no."""
    if len(found.words) > 2:
        return
    for word, count in zip(lower[:10].to_pylist(), counts[:10], strict=True):
        if word not in MISSING_MARKS:
            found.words[word] += int(count)
    if len(lower) > 10:
        found.words.update({"": 0, " ": 0, "  ": 0})


def _weigh(matches: pa.Array, weights: Counts) -> int:
    return int(weights[matches.to_numpy(zero_copy_only=False)].sum())


def _count_numbers(values: pa.Array, weights: Counts, found: Readings) -> None:
    bare = _without_signs(values, weights, found)
    is_short = pc.less_equal(pc.utf8_length(bare), LONGEST_NUMBER)
    for place, form in enumerate(FORMATS):
        matches = pc.and_(is_short, pc.match_substring_regex(bare, f"^{pattern_of(form)}$"))
        found.numbers[place] += _weigh(_measurable(bare, matches), weights)
    found.codes += _weigh(pc.match_substring_regex(bare, LONG_CODE), weights)
    found.leading_zeros += _weigh(pc.match_substring_regex(bare, LEADING_ZERO), weights)
    for separator, pattern in ONLY_GROUPS.items():
        found.only_groups[separator] += _weigh(pc.match_substring_regex(bare, pattern), weights)


def _measurable(bare: pa.Array, matches: pa.Array) -> pa.Array:
    """Which numbers are not beyond all measure: 1e999 is none."""
    # Only these can be.
    large = pc.or_(
        pc.match_substring_regex(bare, r"[eE]\+?[0-9]{2,3}$"),
        pc.greater(pc.utf8_length(bare), LONGEST_NUMBER - 10),
    )
    large = pc.and_(matches, large)
    if not pc.any(large).as_py():
        return matches
    texts = pc.if_else(large, bare, "0").to_pylist()
    numbers = [float(re.sub(r"[.,](?=.*[.,])| ", "", text).replace(",", ".")) for text in texts]
    return pc.and_(matches, pa.array([abs(number) <= LARGEST_NUMBER for number in numbers]))


def _without_signs(values: pa.Array, weights: Counts, found: Readings) -> pa.Array:
    bare = pc.replace_substring(values, "\u00a0", " ")
    for sign in CURRENCIES:
        has = pc.match_substring(bare, sign)
        if pc.any(has).as_py():
            # Of a column of words, those with a dollar sign do no harm: they are no numbers.
            found.currencies[sign] += _weigh(has, weights)
            bare = pc.replace_substring(bare, sign, "", max_replacements=1)
    percents = pc.ends_with(bare, "%")
    if pc.any(percents).as_py():
        found.percents += _weigh(percents, weights)
        bare = pc.replace_substring_regex(bare, "%$", "")
    return pc.replace_substring_regex(pc.utf8_trim_whitespace(bare), r"^([+-])\s+", r"\1")


def _count_dates(values: pa.Array, weights: Counts, found: Readings) -> None:
    like = pc.match_substring_regex(values, DATE_LIKE)
    if not pc.any(like).as_py():
        return
    values, weights = values.filter(like), weights[like.to_numpy(zero_copy_only=False)]
    for form in DATE_FORMS:
        read = parse_dates(values, form)
        found.dates[form] += _weigh(pc.is_valid(read), weights)


def number_format(readings: Readings, prefers_comma: bool) -> NumberFormat | None:
    """The format in which every present value is a number; None where there is none.

    Args:
        readings: Of the column.
        prefers_comma: The file's other columns, or its delimiter, speak for a decimal comma.
    """
    total = readings.as_numbers
    if sum(n > 0 for n in readings.currencies.values()) > 1:
        return None  # Amounts of two currencies are no numbers of one column.
    fitting = [form for form, n in zip(FORMATS, readings.numbers, strict=True) if n == total > 0]
    if not fitting:
        return None
    chosen = fitting[0]
    if readings.only_groups["."] == total and prefers_comma:
        chosen = NumberFormat(decimal=",", milhar=".")
    elif readings.only_groups[","] == total and not prefers_comma:
        chosen = NumberFormat(decimal=".", milhar=",")
    return chosen.model_copy(
        update={
            "moeda": max(readings.currencies, key=readings.currencies.__getitem__, default=""),
            "percentual": readings.percents > 0,
        }
    )


def is_ambiguous(readings: Readings) -> bool:
    """Whether a dot or a comma of the column could separate thousands or decimals alike."""
    return any(readings.only_groups[s] == readings.as_numbers > 0 for s in ONLY_GROUPS)


def date_form(readings: Readings) -> str | None:
    """The form in which every present value is a date; None where there is none."""
    total = readings.as_numbers
    return next((form for form in DATE_FORMS if readings.dates[form] == total > 0), None)


def is_day_ambiguous(readings: Readings) -> bool:
    """Whether every date could have its month first as well."""
    total = readings.as_numbers
    return readings.dates["d/m/a"] == readings.dates["m/d/a"] == total > 0
