"""Cases as they were sent, read by the rules that their dataset's columns were read by.

A JSON number is a number in any column of numbers. Text is read as the dataset's file wrote that
column (its decimal comma, its dates, its marks of absence), or refused with the field named: a
number that the file would have written otherwise is never guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.prices.schemas_datasets import LONGEST_NAME, ColunaPerfil, TipoColuna
from chalicelib.prices.values import (
    PLAIN,
    NumberFormat,
    number_text,
    read_bool,
    read_date,
    read_label,
    read_number,
)

MOST_FAULTS = 100
LONGEST_TEXT = 10_000
MOST_UNKNOWN = 50  # Named back and kept with the prediction.
STORED = (
    *("nome", "tipo", "unidade", "na_e_categoria", "vazio_e_categoria"),
    *("formato_numero", "formato_data"),
)
Reader = Callable[[Any], Any]


@dataclass(frozen=True)
class Read:
    """Cases that were read.

    Attributes:
        table: Column -> (n,) values as the encoder takes them.
        given: What was read of each case, as plain JSON; absent values are left out.
        missing: Columns that came with no value or not at all, of each case.
        unknown: Names that came and the version does not read, of each case; the first fifty.
    """

    table: Mapping[str, Any]
    given: list[dict[str, Any]] = field(default_factory=list)
    missing: list[list[str]] = field(default_factory=list)
    unknown: list[list[str]] = field(default_factory=list)


def schema_of(columns: Sequence[ColunaPerfil]) -> list[dict[str, Any]]:
    """What is stored with a version of the columns it reads: how each is written."""
    return [each.model_dump(mode="json", include=set(STORED)) for each in columns]


def read_cases(
    cases: Sequence[Mapping[str, Any]],
    schema: Sequence[Mapping[str, Any]],
    target: str,
    *,
    in_list: bool,
) -> Read:
    """Read cases.

    Args:
        cases: Column -> value, each.
        schema: Of `schema_of`: the version's columns.
        target: What it foretells; a case that has it anyway is read without.
        in_list: Whether the cases came in a list, for the names of fields.

    Raises:
        ValidationFailed: Names the first hundred values that cannot be read, or says that no
            case has any column of the version.
    """
    faults: list[FieldError] = []
    columns = {each["nome"]: _column(each, cases, faults, in_list=in_list) for each in schema}
    if faults:
        raise ValidationFailed(errors=faults)
    known = columns.keys() | {target}
    found = Read(table=table_of(columns, schema))
    for place, case in enumerate(cases):
        row = {name: values[place] for name, values in columns.items()}
        found.given.append({name: _as_json(v) for name, v in row.items() if v is not None})
        found.missing.append([name for name, value in row.items() if value is None])
        strange = sorted(case.keys() - known)[:MOST_UNKNOWN]
        found.unknown.append([name[:LONGEST_NAME] for name in strange])
    _refuse_strangers(cases, columns.keys(), in_list=in_list)
    return found


def table_of(
    values: Mapping[str, list[Any]], schema: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Values that a column's reader gave, as the encoder takes them."""
    return {each["nome"]: _as_table(each, values[each["nome"]]) for each in schema}


def read_stored(
    given: Sequence[Mapping[str, Any]], schema: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Cases that were kept, as `Read.given` had them, back as a table of the same columns."""
    table = {}
    for column in schema:
        values = [each.get(column["nome"]) for each in given]
        if column["tipo"] == TipoColuna.DATA:
            values = [None if v is None else datetime.fromisoformat(v) for v in values]
        table[column["nome"]] = _as_table(column, values)
    return table


def _refuse_strangers(
    cases: Sequence[Mapping[str, Any]], columns: Set[str], *, in_list: bool
) -> None:
    """A case without any column of the version is a mistake, not a case of missing values."""
    faults = [
        FieldError(
            campo=f"instancias.{place}" if in_list else "instancia",
            erro="has none of the columns that this version reads",
        )
        for place, case in enumerate(cases)
        if all(case.get(name) is None for name in columns)
    ]
    if faults:
        raise ValidationFailed(errors=faults[:MOST_FAULTS])


def _column(
    column: Mapping[str, Any],
    cases: Sequence[Mapping[str, Any]],
    faults: list[FieldError],
    *,
    in_list: bool,
) -> list[Any]:
    name, read = column["nome"], reader_of(column)
    values: list[Any] = []
    for place, case in enumerate(cases):
        try:
            values.append(read(case.get(name)))
        except (ValueError, OverflowError):
            where = f"instancias.{place}" if in_list else "instancia"
            if len(faults) < MOST_FAULTS:
                faults.append(FieldError(campo=f"{where}.{name}", erro=advice(column)))
    return values


def reader_of(column: Mapping[str, Any]) -> Reader:
    """What reads one value of a column: a float, a text, a naive instant in UTC, or None.

    It raises ValueError for what cannot be read.
    """
    form = column["formato_numero"]
    na, empty = bool(column["na_e_categoria"]), bool(column["vazio_e_categoria"])
    written = () if form is None else tuple(form.items())
    return _reader(column["tipo"], written, column["formato_data"], na, empty)


@lru_cache(maxsize=1024)  # A case of 80 columns asks for 80 of them, most of them alike.
def _reader(
    kind: str, written: tuple[tuple[str, Any], ...], form_of_date: str | None, na: bool, empty: bool
) -> Reader:
    tipo = TipoColuna(kind)
    if tipo is TipoColuna.NUMERO:
        form = NumberFormat.model_validate(dict(written)) if written else PLAIN
        return lambda value: read_number(value, form)
    if tipo is TipoColuna.DATA:
        return lambda value: _read_moment(value, form_of_date or "iso")
    if tipo is TipoColuna.BOOLEANO:
        return _read_truth
    return lambda value: _short(read_label(value, na_is_category=na, empty_is_category=empty))


def _number_format(column: Mapping[str, Any]) -> NumberFormat:
    stored = column["formato_numero"]
    return PLAIN if stored is None else NumberFormat.model_validate(stored)


def _read_moment(value: Any, form: str) -> datetime | None:
    """A date as the file writes it, or by ISO 8601, which JSON uses."""
    try:
        return read_date(value, form)
    except ValueError:
        return read_date(value)


def _read_truth(value: Any) -> str | None:
    """Categories `true` and `false`, as columns of truth values are stored."""
    if value in (0, 1) and not isinstance(value, bool):
        value = bool(value)
    found = read_bool(value)
    return None if found is None else "true" if found else "false"


def _short(text: str | None) -> str | None:
    if text is not None and len(text) > LONGEST_TEXT:
        raise ValueError("too long")
    return text


def advice(column: Mapping[str, Any]) -> str:
    """What to say where a value of the column cannot be read."""
    kind = TipoColuna(column["tipo"])
    if kind is TipoColuna.NUMERO:
        form = _number_format(column)
        shown = number_text(1234.5).replace(".", form.decimal)
        return f"use a JSON number, or text as the dataset writes it, such as {shown}"
    if kind is TipoColuna.DATA:
        return "use a date such as 2026-03-18, or an instant such as 2026-03-18T07:15:00-03:00"
    if kind is TipoColuna.BOOLEANO:
        return "use true or false"
    return f"use text of at most {LONGEST_TEXT} characters"


def _as_table(column: Mapping[str, Any], values: list[Any]) -> Any:
    """Values as the encoder takes them: instants as numpy's own, None as NaT."""
    if column["tipo"] == TipoColuna.DATA:
        import numpy as np

        return np.array(values, dtype="datetime64[us]")
    return values


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
