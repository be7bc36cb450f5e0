"""The form of an experiment: what it begins with, what was typed, and refusals by its fields."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.console.forms import Form, typed_amount
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.prices.algorithms import ALGORITMOS, BASELINE, Tarefa
from chalicelib.prices.experiment import (
    DEFAULT_ALGORITHMS,
    Experimento,
    Validacao,
    inputs_of,
)
from chalicelib.prices.hyperparameter_form import (
    AlgorithmForm,
    given_hyperparameters,
    search_of,
)
from chalicelib.prices.schemas_datasets import ColunaPerfil, TipoColuna
from chalicelib.prices.schemas_models import TreinamentoIn
from chalicelib.prices.words import DATE_PARTS

YES = "sim"
OF_VALIDATION = ("tipo", "dobras", "fracao", "coluna_grupo", "coluna_tempo", "cobertura", "semente")
STEPS = ("imputacao", "escala", "codificacao", "raras_abaixo")
PAIR = re.compile(r"(.+?)\s*([×÷*/])\s*(.+)")
KINDS_OF_PAIRS = {"×": "produto", "*": "produto", "÷": "razao", "/": "razao"}
FAULTS: Mapping[str, str] = {
    "no such column": "Não há esta coluna.",
    "a target is a number, a category or a truth value": "Só se prevê um número, uma categoria ou "
    "um sim ou não.",
    "it has one value only": "A coluna só tem um valor.",
    "the target cannot foretell itself": "O alvo não prevê a si mesmo.",
    "neither dates nor numbers": "Escolha uma coluna de datas ou números.",
    "no column is left to learn from": "Escolha pelo menos uma coluna de que aprender.",
    "no such input column": "Esta coluna não está entre as escolhidas.",
    "not an input column of numbers": "Use duas colunas de números, das escolhidas.",
    "there is nothing to calibrate": "Não há o que calibrar.",
    "its values are whole numbers": "Use números inteiros.",
    "is given a fixed value already": "Deixe o valor em branco para procurá-lo.",
    "is asked for twice": "Foi pedido duas vezes.",
    "is asked for twice, or a column has its name": "Foi pedida duas vezes, ou é o nome de uma "
    "coluna.",
    "the target cannot part its rows": "O alvo não separa as linhas de treino das que julgam.",
    "goes with tipo k_fold_tempo": "Só serve com a validação do passado para o futuro.",
    "goes with codificacao ordinal": "Só serve a categorias em ordem.",
    "an order goes with ordinal": "Só uma coluna em ordem tem ordem.",
    "goes with imputacao constante": "Diga o valor, e escolha “um valor fixo”.",
    "names a value twice": "Um valor está duas vezes.",
    "an order has no rare group": "Categorias em ordem não têm grupo de raras.",
    "classes have no logarithm": "Só o logaritmo de um número existe; o alvo é uma classe.",
}
"""What the experiment's check says -> the same in Portuguese."""


def beginning(
    algorithms: Iterable[AlgorithmForm], target: str, columns: Sequence[ColunaPerfil]
) -> Form:
    """A form with what an experiment has where nothing else is said."""
    plain = Validacao()
    values = {
        **{f"usar.{name}": YES for name in DEFAULT_ALGORITHMS},
        **{each.field: each.value for one in algorithms for each in one.fields},
        "tipo": plain.tipo,
        "dobras": str(plain.dobras),
        "fracao": _percent(plain.fracao),
        "cobertura": _percent(plain.cobertura),
        "semente": str(plain.semente),
    }
    inputs = {each.nome for each in inputs_of(Experimento(alvo=target), columns)}
    chosen = {f"coluna.{n}": YES for n, each in enumerate(columns, 1) if each.nome in inputs}
    return Form({**values, **chosen})


def _percent(share: float) -> str:
    return f"{share * 100:.0f}"


def experiment_of(form: Form, tarefa: Tarefa, columns: Sequence[ColunaPerfil]) -> TreinamentoIn:
    """What a form asks for.

    Args:
        form: As it was sent.
        tarefa: What the target makes it.
        columns: Of the dataset.

    Raises:
        ValidationFailed: Something does not fit, each by its field of the form.
    """
    algorithms, faults = _algorithms(form.values, tarefa)
    if faults:
        raise ValidationFailed(errors=faults)
    if all(each["nome"] == BASELINE for each in algorithms):
        told = "Escolha pelo menos um algoritmo."
        raise ValidationFailed(errors=[FieldError(campo="algoritmos", erro=told)])
    asked = [each["nome"] for each in algorithms]
    try:
        return form.read(
            TreinamentoIn,
            algoritmos=algorithms,
            colunas=_columns(form, columns),
            engenharia=_engineering(form.values, columns),
            validacao=_validation(form.values),
        )
    except ValidationFailed as problem:
        raise in_fields(problem, asked, columns) from None


def _algorithms(
    values: Mapping[str, str], tarefa: Tarefa
) -> tuple[list[dict[str, Any]], list[FieldError]]:
    """The chosen ones; the baseline is tried anyway, and named where it is adjusted."""
    found, faults = [], []
    for nome in ALGORITMOS:
        given, wrong = given_hyperparameters(nome, tarefa, values)
        is_wanted = values.get(f"usar.{nome}") == YES or (nome == BASELINE and given)
        if not is_wanted:
            continue
        search, misread = search_of(nome, values)
        faults += [*wrong, *misread]
        calibrate = values.get(f"calibrar.{nome}") == YES
        found.append(
            {"nome": nome, "hiperparametros": given, "busca": search, "calibrar": calibrate}
        )
    return found, faults


def _columns(form: Form, columns: Sequence[ColunaPerfil]) -> list[str] | None:
    """The chosen columns; None where they are those that are chosen unless something is said."""
    chosen = [
        each.nome
        for n, each in enumerate(columns, 1)
        if form[f"coluna.{n}"] == YES and each.nome != form["alvo"]
    ]
    kept_apart = Validacao.model_construct(
        coluna_grupo=form["coluna_grupo"] or None, coluna_tempo=form["coluna_tempo"] or None
    )
    usual = inputs_of(
        Experimento.model_construct(alvo=form["alvo"], colunas=None, validacao=kept_apart), columns
    )
    if chosen == [each.nome for each in usual]:
        return None
    if not chosen:
        told = "Escolha pelo menos uma coluna de que aprender."
        raise ValidationFailed(errors=[FieldError(campo="colunas", erro=told)])
    return chosen


def _engineering(values: Mapping[str, str], columns: Sequence[ColunaPerfil]) -> dict[str, Any]:
    steps = {
        column.nome: said
        for n, column in enumerate(columns, 1)
        if values.get(f"coluna.{n}") == YES and (said := _steps(values, n, column))
    }
    log = {"sim": True, "nao": False}.get(values.get("log_alvo", ""))
    pairs = [_pair(line) for line in values.get("interacoes", "").splitlines() if line.strip()]
    return {"colunas": steps, "interacoes": pairs, "log_alvo": log}


def _steps(values: Mapping[str, str], n: int, column: ColunaPerfil) -> dict[str, Any]:
    """How the nth column is prepared, as far as that is said."""
    said: dict[str, Any] = {
        step: typed for step in STEPS if (typed := values.get(f"{step}.{n}", "").strip())
    }
    if values.get(f"log.{n}") == YES:
        said["log"] = True
    if constant := values.get(f"constante.{n}", "").strip():
        said["constante"] = _constant(constant, column)
    lines = values.get(f"ordem.{n}", "").splitlines()
    if order := [line.strip() for line in lines if line.strip()]:
        said["ordem"] = order
    if parts := [part for part in DATE_PARTS if values.get(f"partes.{n}.{part}") == YES]:
        said["partes"] = parts
    return said


def _constant(typed: str, column: ColunaPerfil) -> float | str:
    """What stands for missing; a number that cannot be read stays text, which is refused."""
    if column.tipo is not TipoColuna.NUMERO:
        return typed
    try:
        return float(typed_amount(typed))
    except ValueError:
        return typed


def _pair(line: str) -> dict[str, str]:
    found = PAIR.fullmatch(line.strip())
    if found is None:
        told = "Escreva uma por linha, como área × quartos ou área ÷ quartos."
        raise ValidationFailed(errors=[FieldError(campo="interacoes", erro=told)])
    a, sign, b = found.groups()
    return {"tipo": KINDS_OF_PAIRS[sign], "a": a, "b": b}


def _validation(values: Mapping[str, str]) -> dict[str, Any]:
    said: dict[str, Any] = {
        name: values[name].strip() for name in OF_VALIDATION if values.get(name, "").strip()
    }
    for name in ("fracao", "cobertura"):
        if name in said:
            said[name] = _share(said[name])
    return said


def _share(percent: str) -> float | str:
    try:
        return float(percent.replace("%", "").replace(",", ".")) / 100
    except ValueError:
        return percent


def in_fields(
    problem: ValidationFailed, algorithms: Sequence[str], columns: Sequence[ColunaPerfil]
) -> ValidationFailed:
    """A refusal of an experiment by the form's fields, in Portuguese.

    Args:
        problem: As the API would answer it.
        algorithms: Those that were asked for, in order.
        columns: Of the dataset.
    """
    places = {each.nome: n for n, each in enumerate(columns, 1)}
    errors = [
        FieldError(campo=_of_form(each.campo, algorithms, places), erro=_told(each.erro))
        for each in problem.errors
    ]
    return ValidationFailed(errors=errors)


def _told(text: str) -> str:
    if re.search(r"more than \d+ classes", text):
        return "A categoria tem classes demais para ser prevista."
    if re.search(r"at least \d+ rows", text):
        return "Há linhas de menos para treinar."
    if named := re.fullmatch(r"names (\d+) values of (\d+)", text):
        return f"A ordem diz {named[1]} de {named[2]} valores: diga todos."
    if text.startswith("not a value of type"):
        return "Use um número."
    if text.startswith("not for a column"):
        return "Não serve para o tipo desta coluna."
    return FAULTS.get(text, text if text[:1].isupper() else "Confira este campo.")


def _of_form(campo: str, algorithms: Sequence[str], places: Mapping[str, int]) -> str:
    first, _, rest = campo.partition(".")
    if first == "validacao":
        return rest or "tipo"
    if first == "algoritmos" and rest:
        place, _, field = rest.partition(".")
        nome = algorithms[int(place)]
        kind, _, name = field.replace("busca.espaco", "busca").partition(".")
        return f"{'hp' if kind == 'hiperparametros' else kind}.{nome}.{name}".rstrip(".")
    if campo == "engenharia.log_alvo":
        return "log_alvo"
    if campo.startswith("engenharia.interacoes"):
        return "interacoes"
    if campo.startswith("engenharia.colunas."):
        name, _, step = campo.removeprefix("engenharia.colunas.").rpartition(".")
        return f"{step}.{places[name]}" if name in places else "colunas"
    return first
