"""Which text is a number, a date, yes or no: whole columns as single values are read."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.prices.profiling.parsing import parse_dates, parse_numbers
from chalicelib.prices.profiling.reading import (
    Readings,
    date_form,
    is_ambiguous,
    is_day_ambiguous,
    number_format,
    read_all,
)
from chalicelib.prices.values import (
    DATE_FORMS,
    NumberFormat,
    read_bool,
    read_date,
    read_label,
    read_number,
)


def at(*parts: int) -> datetime:
    """An instant without offset, as files have it."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


def look(values: list[str]) -> Readings:
    """What a column of one piece can be read as."""
    return read_all(lambda: [pa.array(values, pa.string())])


def form_of(*values: str, prefers_comma: bool = False) -> NumberFormat | None:
    return number_format(look(list(values)), prefers_comma)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-2.5", "+3", ".5", "4.", "1e-3", ""], [1, -2.5, 3, 0.5, 4, 0.001, np.nan]),
        (["1,5", "-2", "NA"], [1.5, -2, np.nan]),
        (["1.234,56", "12", "?"], [1234.56, 12, np.nan]),
        (["1,234.56", "1,000,000", "null"], [1234.56, 1e6, np.nan]),
        (["1 234,5", "12,25", "-"], [1234.5, 12.25, np.nan]),
        (["R$ 1.234,56", "R$12,00", "- R$ 5,10"], [1234.56, 12, -5.1]),
        (["US$ 1,234.50", "US$ 3.25", "none"], [1234.5, 3.25, np.nan]),
        (["12 %", "3,5%", "N/A"], [12, 3.5, np.nan]),
        (["1\u00a0234,5", "2,5", "nd"], [1234.5, 2.5, np.nan]),
    ],
)
def test_numbers_are_read_as_they_are_written(values: list[str], expected: list[float]) -> None:
    form = form_of(*values)
    assert form is not None
    read = parse_numbers(pa.array(values), form).to_numpy(zero_copy_only=False)
    np.testing.assert_allclose(read, expected)
    np.testing.assert_allclose([_or_nan(read_number(value, form)) for value in values], expected)


def _or_nan(number: float | None) -> float:
    return np.nan if number is None else number


@pytest.mark.parametrize(
    "values",
    [
        ["1", "casa"],
        ["1,5", "1.5"],
        ["12.34,5", "1"],
        ["R$ 5", "US$ 5"],
        ["inf", "1"],
        ["1e999", "1"],
        ["1" * 101, "1"],
        ["0x1F", "2"],
        ["1_000", "2"],
        ["", "NA"],
    ],
)
def test_one_value_that_is_no_number_leaves_the_column_text(values: list[str]) -> None:
    assert form_of(*values) is None


def test_whether_a_dot_parts_thousands_the_rest_of_the_file_says() -> None:
    values = ["1.234", "20.000", "3.500"]
    assert is_ambiguous(look(values))
    plain, grouped = form_of(*values), form_of(*values, prefers_comma=True)
    assert plain is not None
    assert grouped is not None
    assert (read_number("1.234", plain), read_number("1.234", grouped)) == (1.234, 1234)
    with_comma = form_of("1,234", "20,000")
    assert with_comma is not None
    assert read_number("1,234", with_comma) == 1234


def test_counts_of_pieces_are_those_of_the_whole() -> None:
    values = ["1", "2,5", "casa", "", "NA", "10/02/2026", "2026-02-10", "007", "sim"] * 3
    whole = look(values)
    pieces = read_all(lambda: [pa.array(values[i : i + 4]) for i in range(0, len(values), 4)])
    assert pieces.marks == whole.marks == {"": 3, "NA": 3}
    assert pieces.numbers.tolist() == whole.numbers.tolist()
    assert (pieces.dates, pieces.rows, pieces.truths) == (whole.dates, 27, 6)
    assert pieces.leading_zeros == 3


@pytest.mark.parametrize(
    ("values", "form", "expected"),
    [
        (["2026-03-02", ""], "iso", [at(2026, 3, 2), None]),
        (["2026-03-02T10:15:00.5", "2026-03-02"], "iso", None),
        (["2026-03-02T10:15:00-03:00", "2026-03-02T10:15:00Z"], "iso", None),
        (["2/3/2026", "31/12/2025"], "d/m/a", [at(2026, 3, 2), at(2025, 12, 31)]),
        (["02.03.2026 9:05", "NA"], "d/m/a", [at(2026, 3, 2, 9, 5), None]),
        (["12/31/2025", "1/2/2026"], "m/d/a", [at(2025, 12, 31), at(2026, 1, 2)]),
        (["2026/3/2", "2025.12.31"], "a/m/d", [at(2026, 3, 2), at(2025, 12, 31)]),
    ],
)
def test_dates_are_read_as_they_are_written(
    values: list[str], form: str, expected: list[datetime | None] | None
) -> None:
    assert date_form(look(values)) == form
    alone = [read_date(value, form) for value in values]
    assert parse_dates(pa.array(values), form).to_pylist() == alone
    assert expected is None or alone == expected


@pytest.mark.parametrize("value", ["30/02/2026", "2026-13-01", "1/2/26", "ontem", "2026-03-02x"])
def test_what_is_no_date_is_none(value: str) -> None:
    readings = look(["01/02/2026", value])
    assert date_form(readings) is None
    for form in DATE_FORMS:
        assert parse_dates(pa.array([value]), form).to_pylist() == [None]
        with pytest.raises(ValueError, match=r"."):
            read_date(value, form)


def test_day_comes_first_where_it_could_be_a_month() -> None:
    readings = look(["01/02/2026", "03/04/2026"])
    assert (date_form(readings), is_day_ambiguous(readings)) == ("d/m/a", True)
    assert not is_day_ambiguous(look(["13/02/2026"]))


ONE_VALUE = st.one_of(
    st.from_regex(r"[+-]?[0-9]{1,6}([.,][0-9]{1,3}){0,3}%?", fullmatch=True),
    st.from_regex(r"(R\$|US\$|€)? ?[0-9]{1,3}(\.[0-9]{3}){0,2}(,[0-9]{1,2})?", fullmatch=True),
    st.from_regex(
        r"[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4}( [0-9]{1,2}:[0-9]{2})?", fullmatch=True
    ),
    st.sampled_from(
        [
            "1e308",
            "-1e999",
            "9" * 16,
            "",
            "NA",
            "n/a",
            "nan",
            "inf",
            "-",
            ".",
            "None",
            "casa",
            "1e5",
            "- 5",
            "%",
        ]
    ),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ONE_VALUE, min_size=1, max_size=6))
def test_column_and_single_value_are_read_alike(values: list[str]) -> None:
    values = [value.strip() for value in values]
    readings = look(values)
    form = number_format(readings, prefers_comma=False)
    if form is not None:
        read = parse_numbers(pa.array(values), form).to_pylist()
        assert read == [read_number(value, form) for value in values]
    for name in DATE_FORMS:
        for value, found in zip(
            values, parse_dates(pa.array(values), name).to_pylist(), strict=True
        ):
            try:
                expected = read_date(value, name)
            except ValueError:
                expected = None
            assert found == expected or (found is None and _is_iso(value) and name != "iso")


def _is_iso(value: str) -> bool:
    """A single value may also come as ISO 8601 has it, whatever its column's form."""
    try:
        return read_date(value) is not None
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (0, False),
        ("Sim", True),
        ("NÃO", False),
        ("f", False),
        ("1", True),
        ("", None),
    ],
)
def test_yes_and_no(value: object, expected: bool | None) -> None:
    assert read_bool(value) is expected


@pytest.mark.parametrize("value", ["talvez", 2, 0.5, [1]])
def test_what_is_neither_yes_nor_no(value: object) -> None:
    with pytest.raises(ValueError, match="neither"):
        read_bool(value)


@pytest.mark.parametrize(
    ("value", "na", "empty", "expected"),
    [
        ("NA", False, False, None),
        ("NA", True, False, "NA"),
        ("n/a", True, False, "NA"),
        ("", True, False, None),
        (None, True, False, None),
        (None, True, True, "NA"),
        ("?", True, False, None),
        (" Norte ", False, False, "Norte"),
        ("None", False, False, "None"),
        (3.0, False, False, "3"),
        (2.5, False, False, "2.5"),
        (True, False, False, "true"),
    ],
)
def test_labels(value: object, na: bool, empty: bool, expected: str | None) -> None:
    assert read_label(value, na_is_category=na, empty_is_category=empty) == expected


@pytest.mark.parametrize("value", [True, [1], "casa", "1,5", float("inf")])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_number(value)
