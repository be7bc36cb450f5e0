"""What is wrong with single fields, said in Portuguese to the people who filled them in."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from chalicelib.core.errors import FieldError
from chalicelib.core.portuguese import number

MANDATORY = "Preencha este campo."
TEXTS: Mapping[str, str] = {
    "missing": MANDATORY,
    "string_too_short": "Use pelo menos {min_length} caracteres.",
    "string_too_long": "Use no máximo {max_length} caracteres.",
    "int_parsing": "Use um número inteiro.",
    "int_from_float": "Use um número inteiro.",
    "int_type": "Use um número inteiro.",
    "float_type": "Use um número.",
    "float_parsing": "Use um número.",
    "decimal_parsing": "Use um valor como 119,90.",
    "decimal_max_places": "Use no máximo {decimal_places} casas decimais.",
    "decimal_max_digits": "Este número é grande demais.",
    "greater_than": "Use um número maior que {gt}.",
    "greater_than_equal": "Use {ge} ou mais.",
    "less_than": "Use um número menor que {lt}.",
    "less_than_equal": "Use {le} ou menos.",
    "enum": "Escolha uma das opções.",
    "literal_error": "Escolha uma das opções.",
    "string_type": "Escreva um texto.",
    "decimal_type": "Use um valor como 119,90.",
    "dict_type": "Não é um objeto.",
    "model_type": "Não é um objeto.",
    "date_past": "Use uma data que já passou.",
    "date_parsing": "Use uma data que existe.",
    "date_from_datetime_parsing": "Use uma data que existe.",
    "extra_forbidden": "Este campo não é esperado aqui.",
}
ADVICE: dict[str, str] = {
    "use 3 to 100 letters, digits and any of . _ @ + -": "Use de 3 a 100 letras sem acento, "
    "algarismos ou . _ @ + -",
}
"""What schemas advise in English -> the same in Portuguese."""


def advise(advice: Mapping[str, str]) -> None:
    """Say in Portuguese what a product's schemas advise."""
    ADVICE.update(advice)


def in_portuguese(advice: str) -> str:
    """What a service advises about a field, where there are words for it."""
    return ADVICE.get(advice, advice)


def faults_of(error: ValidationError) -> list[FieldError]:
    """What did not validate, one thing for each field."""
    found = dict(_faults(error))
    return [FieldError(campo=name, erro=text) for name, text in found.items()]


def _faults(error: ValidationError) -> Iterator[tuple[str, str]]:
    for fault in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in fault["loc"])
        yield name, _in_portuguese(fault["type"], fault["msg"], fault.get("ctx", {}))


def _in_portuguese(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind == "string_too_short" and context.get("min_length") == 1:
        return MANDATORY
    if kind in TEXTS:
        shown = {n: number(v) if isinstance(v, float) else v for n, v in context.items()}
        return TEXTS[kind].format(**shown)
    return ADVICE.get(message.removeprefix("Value error, "), "Confira este campo.")
