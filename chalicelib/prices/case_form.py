"""The form that asks a version about one case: a field for each column, by its profile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.prices.schemas_datasets import ColunaPerfil, TipoColuna

MOST_OPTIONS = 20
SLIDER_STEPS = 200
FIELD = "valor."
UNREADABLE: Mapping[str, str] = {
    TipoColuna.NUMERO.value: "Use um número.",
    TipoColuna.DATA.value: "Use uma data que existe.",
    TipoColuna.BOOLEANO.value: "Escolha sim ou não.",
}


@dataclass(frozen=True)
class CaseField:
    """A column in a form.

    Attributes:
        name: The column.
        field: Of the form: `valor.` and its place, from 1.
        kind: `number`, `choice`, `truth`, `date`, `some` (a text with suggestions) or `text`.
        unit: Of a number.
        value: What it begins with: the median, the commonest, the latest.
        options: Of a choice, or what is suggested.
        low, high, step: Of a slider, where the column's range is known.
        hint: What the range is.
    """

    name: str
    field: str
    kind: str
    unit: str = ""
    value: str = ""
    options: Sequence[str] = ()
    low: str = ""
    high: str = ""
    step: str = "any"


def case_fields(
    schema: Sequence[Mapping[str, Any]], columns: Sequence[ColunaPerfil], order: Sequence[str]
) -> list[CaseField]:
    """A field for each column that a version reads.

    Args:
        schema: The version's columns, as they are stored with it.
        columns: The profile of what it was trained on; columns may be missing.
        order: The columns that matter most, first; the others follow.
    """
    known = {each.nome: each for each in columns}
    found = [
        _field(place, each, known.get(each["nome"])) for place, each in enumerate(schema, start=1)
    ]
    ranks = {name: rank for rank, name in enumerate(order)}
    return sorted(found, key=lambda each: ranks.get(each.name, len(ranks)))


def _field(place: int, column: Mapping[str, Any], profile: ColunaPerfil | None) -> CaseField:
    name, at, kind = column["nome"], f"{FIELD}{place}", column["tipo"]
    common = [each.valor for each in profile.frequentes] if profile else []
    if kind == TipoColuna.NUMERO:
        return _number(name, at, str(column["unidade"] or ""), profile)
    if kind == TipoColuna.BOOLEANO:
        return CaseField(name, at, "truth", value=_truth(common))
    if kind == TipoColuna.DATA:
        last = profile.data.maximo.date().isoformat() if profile and profile.data else ""
        return CaseField(name, at, "date", value=last)
    if common:
        is_all = (
            profile is not None
            and profile.distintos <= MOST_OPTIONS
            and kind == TipoColuna.CATEGORIA
        )
        return CaseField(name, at, "choice" if is_all else "some", value=common[0], options=common)
    return CaseField(name, at, "text")


def _truth(common: Sequence[str]) -> str:
    words = ("true", "sim", "yes", "1", "verdadeiro", "t", "s", "y", "v")
    return "" if not common else str(common[0].lower() in words).lower()


def _number(name: str, at: str, unit: str, profile: ColunaPerfil | None) -> CaseField:
    if profile is None or profile.numero is None:
        return CaseField(name, at, "number", unit=unit)
    found = profile.numero
    if found.minimo == found.maximo:
        return CaseField(name, at, "number", unit=unit, value=plain(found.mediana))
    step = 1.0 if found.inteiros else 10 ** floor(log10((found.maximo - found.minimo) / 50))
    return CaseField(
        name,
        at,
        "number",
        unit=unit,
        value=plain(found.mediana),
        low=plain(floor(found.minimo / step) * step),
        high=plain(-floor(-found.maximo / step) * step),
        step=plain(step),
    )


def plain(value: float) -> str:
    """A number as inputs of HTML write it."""
    return str(int(value)) if float(value).is_integer() else f"{value:.10g}"


def case_of(values: Mapping[str, str], schema: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The case that a form asks about, as the API takes it; empty fields are missing values.

    Raises:
        ValidationFailed: A number is none.
    """
    case: dict[str, Any] = {}
    faults = []
    for place, column in enumerate(schema, start=1):
        typed = values.get(f"{FIELD}{place}", "").strip()
        if not typed:
            continue
        if column["tipo"] != TipoColuna.NUMERO:
            case[column["nome"]] = typed
            continue
        try:
            case[column["nome"]] = float(typed.replace(",", "."))
        except ValueError:
            told = UNREADABLE[TipoColuna.NUMERO]
            faults.append(FieldError(campo=f"{FIELD}{place}", erro=told))
    if faults:
        raise ValidationFailed(errors=faults)
    return case


def in_case_fields(
    problem: ValidationFailed, schema: Sequence[Mapping[str, Any]]
) -> ValidationFailed:
    """A refusal of a case by the form's fields, in Portuguese."""
    places = {each["nome"]: (n, each["tipo"]) for n, each in enumerate(schema, start=1)}
    found = []
    for each in problem.errors:
        name = each.campo.removeprefix("instancia.")
        if name in places:
            place, kind = places[name]
            told = UNREADABLE.get(kind, "Este valor não pode ser lido.")
            found.append(FieldError(campo=f"{FIELD}{place}", erro=told))
        else:
            told = "Preencha pelo menos uma coluna."
            found.append(FieldError(campo=each.campo, erro=told))
    return ValidationFailed(errors=found)
