"""Fields of a form from the JSON schemas of hyperparameters, and what was typed into them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from chalicelib.core.errors import FieldError
from chalicelib.core.portuguese import number
from chalicelib.core.portuguese_faults import faults_of
from chalicelib.prices.algorithms import ALGORITMOS, BASELINE, Algoritmo, Tarefa
from chalicelib.prices.words import BLANKS, HYPERPARAMETERS, NO_LIMIT, OPTIONS

RANGE = re.compile(r"(\S+)\s+a\s+(\S+)")
THOUSANDS = re.compile(r"\d{1,3}(\.\d{3})+")  # Of whole numbers a point parts nothing else.
WORD = re.compile(r"[a-z]\w*")
LOGARITHMIC_FROM = 100  # Ends that far apart are looked between by their magnitude.


@dataclass(frozen=True)
class HyperField:
    """One hyperparameter in a form.

    Attributes:
        name: The algorithm's own name of it.
        field: Of the form: `hp.<algorithm>.<name>`.
        label, hint: For a person.
        value: The default, as it is written.
        options: Value and text of a choice; empty where something is typed.
        search: Of the form, where values to try are said; empty where there is nothing to try.
    """

    name: str
    field: str
    label: str
    hint: str
    value: str
    options: list[tuple[str, str]]
    search: str


@dataclass(frozen=True)
class AlgorithmForm:
    """An algorithm that may be chosen, and its hyperparameters."""

    nome: str
    rotulo: str
    descricao: str
    is_baseline: bool
    fields: list[HyperField]


def algorithm_forms(tarefa: Tarefa) -> list[AlgorithmForm]:
    """Every algorithm, with the fields that its schema asks for, the baseline first."""
    return [_algorithm(each, tarefa) for each in ALGORITMOS.values()]


def _algorithm(algorithm: Algoritmo, tarefa: Tarefa) -> AlgorithmForm:
    schema = algorithm.modelos[tarefa].model_json_schema()
    fields = [
        _field(algorithm.nome, name, each) for name, each in schema.get("properties", {}).items()
    ]
    return AlgorithmForm(
        nome=algorithm.nome,
        rotulo=algorithm.rotulo,
        descricao=algorithm.descricao,
        is_baseline=algorithm.nome == BASELINE,
        fields=fields,
    )


def _field(algorithm: str, name: str, schema: Mapping[str, Any]) -> HyperField:
    everywhere = HYPERPARAMETERS.get(name, (name, ""))
    label, hint = HYPERPARAMETERS.get(f"{algorithm}.{name}", everywhere)
    kinds = _kinds(schema)
    options = [(str(each), OPTIONS.get(str(each), str(each))) for each in _choices(schema)]
    limits = "" if options else f"{_limits(schema)} {_words(schema)}".strip()
    blank = BLANKS.get(name, NO_LIMIT)
    hints = (hint, limits, blank if "null" in kinds else "")
    return HyperField(
        name=name,
        field=f"hp.{algorithm}.{name}",
        label=label,
        hint=" ".join(filter(None, hints)),
        value=_written(schema.get("default")),
        options=options,
        search=f"busca.{algorithm}.{name}" if kinds & {"number", "integer"} else "",
    )


def _parts(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = schema.get("anyOf", [schema])
    return found


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    return {str(each.get("type")) for each in _parts(schema)}


def _choices(schema: Mapping[str, Any]) -> list[Any]:
    """The values of a field that takes nothing but these."""
    if _kinds(schema) == {"boolean"}:
        return [True, False]
    return list(schema.get("enum", []))


def _limits(schema: Mapping[str, Any]) -> str:
    """Between what a number must lie."""
    for each in _parts(schema):
        low = each.get("minimum", each.get("exclusiveMinimum"))
        if low is not None and "maximum" in each:
            most = number(each["maximum"])
            above = "exclusiveMinimum" in each
            return (
                f"Acima de {number(low)}, até {most}." if above else f"De {number(low)} a {most}."
            )
    return ""


def _words(schema: Mapping[str, Any]) -> str:
    """What may stand for a number."""
    parts = [each for each in _parts(schema) if each.get("type") == "string"]
    words = [word for each in parts for word in each.get("enum", [each.get("const")]) if word]
    return f"Ou {' ou '.join(words)}." if words else ""


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    return f"{value:g}".replace(".", ",")


def given_hyperparameters(
    nome: str, tarefa: Tarefa, values: Mapping[str, str]
) -> tuple[dict[str, Any], list[FieldError]]:
    """The hyperparameters of an algorithm that are not left at their defaults, and what is wrong.

    Args:
        nome: Which algorithm.
        tarefa: For which task.
        values: The form's fields.
    """
    model = ALGORITMOS[nome].modelos[tarefa]
    given = {}
    for name, schema in model.model_json_schema().get("properties", {}).items():
        typed = values.get(f"hp.{nome}.{name}")
        if typed is None or values.get(f"busca.{nome}.{name}", "").strip():
            continue
        value = _read(typed.strip(), schema)
        if value != schema.get("default") and not (value is None and not _takes_null(schema)):
            given[name] = value
    try:
        model.model_validate(given)
    except ValidationError as error:
        return given, [
            FieldError(campo=_of_form(nome, each.campo), erro=each.erro)
            for each in faults_of(error)
        ]
    return given, []


def _of_form(nome: str, place: str) -> str:
    """A hyperparameter's field; pydantic names which part of a union did not fit as well."""
    return f"hp.{nome}.{place.partition('.')[0]}"


def _takes_null(schema: Mapping[str, Any]) -> bool:
    return "null" in _kinds(schema)


def _read(typed: str, schema: Mapping[str, Any]) -> Any:
    """A value as its schema wants it; what cannot be read stays text, which the model refuses."""
    kinds = _kinds(schema)
    if not typed:
        return None
    if kinds == {"boolean"}:
        return typed == str(True)
    if kinds == {"array"}:
        return [_number(each) for each in re.split(r"[,;\s]+", typed) if each]
    if "number" not in kinds and THOUSANDS.fullmatch(typed):
        typed = typed.replace(".", "")
    return _number(typed) if kinds & {"number", "integer"} else typed


def _number(typed: str) -> int | float | str:
    plain = typed.replace(".", "").replace(",", ".") if "," in typed else typed
    try:
        value = float(plain)
    except ValueError:
        return typed
    return int(value) if value.is_integer() and "e" not in plain.lower() else value


def search_of(
    nome: str, values: Mapping[str, str]
) -> tuple[dict[str, Any] | None, list[FieldError]]:
    """The search that a form asks for, as the API takes it; None where it asks for none."""
    prefix = f"busca.{nome}."
    typed = {
        name.removeprefix(prefix): text.strip()
        for name, text in values.items()
        if name.startswith(prefix) and text.strip()
    }
    if not typed:
        return None, []
    spaces = {name: _space(text) for name, text in typed.items()}
    faults = [
        FieldError(campo=f"{prefix}{name}", erro="Use valores, como 0,1; 1; 10, ou 0,01 a 10.")
        for name, space in spaces.items()
        if space is None
    ]
    kind = values.get(f"procura.{nome}") or "aleatoria"
    trials = _number(values.get(f"tentativas.{nome}", "").strip() or "20")
    return {"tipo": kind, "espaco": spaces, "tentativas": trials}, faults


def _space(text: str) -> dict[str, Any] | None:
    if found := RANGE.fullmatch(text):
        low, high = (_number(each) for each in found.groups())
        if isinstance(low, str) or isinstance(high, str):
            return None
        far = low > 0 and high / low >= LOGARITHMIC_FROM
        return {"de": low, "ate": high, "escala": "log" if far else "uniforme"}
    values = list(_listed(text))
    fits = values and all(WORD.fullmatch(each) for each in values if isinstance(each, str))
    return {"valores": values} if fits else None


def _listed(text: str) -> Iterator[int | float | str]:
    for each in text.split(";"):
        if each.strip():
            yield _number(each.strip())
