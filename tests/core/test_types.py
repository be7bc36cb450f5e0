"""Field types that several schemas share, and how their refusals are put."""

import json
from typing import Annotated, Any

import pytest
from pydantic import StringConstraints

from chalicelib.core.errors import FieldError
from chalicelib.core.parsing import A_DAY, AN_INSTANT, parse_json
from chalicelib.core.types import Day, Instant, Strict, WrittenAs

Code = Annotated[
    str, StringConstraints(strip_whitespace=True), WrittenAs("^[a-z]{2}$", "use two letters")
]


class Sample(Strict):
    """One field of each."""

    dia: Day | None = None
    em: Instant | None = None
    codigo: Code | None = None


def _said(field: str, value: Any) -> str | None:
    """What is said of a value; None where it is taken."""
    errors: list[FieldError] = []
    parse_json(Sample, json.dumps({field: value}).encode(), errors)
    return errors[0].erro if errors else None


@pytest.mark.parametrize("value", ["2026-03-18", None])
def test_day_is_taken_as_written(value: Any) -> None:
    assert _said("dia", value) is None


@pytest.mark.parametrize("value", [0, 86_400, 20261120, 1.5, True, "18/03/2026", "86400", [], {}])
def test_nothing_else_is_taken_for_a_day(value: Any) -> None:
    assert _said("dia", value) == "use a date such as 2026-03-18"


def test_day_that_does_not_exist_is_refused_with_advice() -> None:
    assert _said("dia", "2026-02-30") == A_DAY


@pytest.mark.parametrize(
    "value", ["ontem", "2026-03-02", "2026-03-02T07:15:00", "2026-02-30T07:15:00Z", True, []]
)
def test_what_is_no_instant_is_refused_with_advice(value: Any) -> None:
    assert _said("em", value) == AN_INSTANT


@pytest.mark.parametrize(
    ("value", "said"),
    [("ab", None), (" ab\n", None), ("abc", "use two letters"), ("", "use two letters")],
)
def test_text_of_another_form_is_refused_in_words(value: str, said: str | None) -> None:
    assert _said("codigo", value) == said


def test_form_of_a_text_is_in_its_schema() -> None:
    schema = Sample.model_json_schema()["properties"]["codigo"]
    assert {"type": "string", "pattern": "^[a-z]{2}$"} in schema["anyOf"]
