"""Whether an experiment fits the dataset it is asked of; every fault is named by its field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.prices.algorithms import (
    ALGORITMOS,
    BASELINE,
    Tarefa,
    parameter_faults,
    search_faults,
)
from chalicelib.prices.experiment import (
    FEWEST_ROWS,
    MOST_CLASSES,
    Coluna,
    Experimento,
    PassosColuna,
    Validacao,
    inputs_of,
    task_of,
)


def check(experimento: Experimento, colunas: Sequence[Coluna], linhas: int) -> Tarefa:
    """What is foretold, if the experiment fits the dataset.

    Raises:
        ValidationFailed: It does not; every fault is named by its field.
    """
    known = {each.nome: each for each in colunas}
    if experimento.alvo not in known:
        raise ValidationFailed(errors=[FieldError(campo="alvo", erro="no such column")])
    tarefa = task_of(known[experimento.alvo].tipo)
    faults = [
        *_target_faults(known[experimento.alvo], linhas),
        *_column_faults(experimento, known),
        *_engineering_faults(experimento, colunas),
        *_algorithm_faults(experimento, tarefa),
    ]
    if tarefa is Tarefa.CLASSIFICACAO and experimento.engenharia.log_alvo:
        faults.append(FieldError(campo="engenharia.log_alvo", erro="classes have no logarithm"))
    if not inputs_of(experimento, colunas):
        faults.append(FieldError(campo="colunas", erro="no column is left to learn from"))
    if faults:
        raise ValidationFailed(errors=faults)
    return tarefa


def _target_faults(alvo: Coluna, linhas: int) -> Iterator[FieldError]:
    if alvo.tipo not in ("numero", "categoria", "booleano"):
        yield FieldError(campo="alvo", erro="a target is a number, a category or a truth value")
    elif alvo.distintos < 2:
        yield FieldError(campo="alvo", erro="it has one value only")
    elif alvo.tipo == "categoria" and alvo.distintos > MOST_CLASSES:
        yield FieldError(campo="alvo", erro=f"it has more than {MOST_CLASSES} classes")
    if linhas < FEWEST_ROWS:
        yield FieldError(campo="alvo", erro=f"at least {FEWEST_ROWS} rows are needed")


def _column_faults(experimento: Experimento, known: dict[str, Coluna]) -> Iterator[FieldError]:
    asked = experimento.colunas or []
    for place, name in enumerate(asked):
        if name not in known:
            yield FieldError(campo=f"colunas.{place}", erro="no such column")
        elif name == experimento.alvo:
            yield FieldError(campo=f"colunas.{place}", erro="the target cannot foretell itself")
        elif name in asked[:place]:
            yield FieldError(campo=f"colunas.{place}", erro="is named twice")
    yield from _judging_faults(experimento.validacao, experimento.alvo, known)


def _judging_faults(judge: Validacao, alvo: str, known: dict[str, Coluna]) -> Iterator[FieldError]:
    for field, column in (
        ("coluna_grupo", judge.coluna_grupo),
        ("coluna_tempo", judge.coluna_tempo),
    ):
        if column is not None and column not in known:
            yield FieldError(campo=f"validacao.{field}", erro="no such column")
        elif column == alvo:
            yield FieldError(campo=f"validacao.{field}", erro="the target cannot part its rows")
    time = known.get(judge.coluna_tempo or "")
    if time is None:
        return
    if judge.tipo != "k_fold_tempo":
        yield FieldError(campo="validacao.coluna_tempo", erro="goes with tipo k_fold_tempo")
    elif time.tipo not in ("data", "numero"):
        yield FieldError(campo="validacao.coluna_tempo", erro="neither dates nor numbers")


_LABELS = ("categoria", "booleano")
_FITTING: dict[str, tuple[str, ...]] = {
    "log": ("numero",),
    "limitar": ("numero", "data", "texto", "identificador"),
    "codificacao": _LABELS,
    "ordem": _LABELS,
    "raras_abaixo": _LABELS,
    "partes": ("data",),
    "texto": ("texto", "identificador"),
}


def _engineering_faults(
    experimento: Experimento, colunas: Sequence[Coluna]
) -> Iterator[FieldError]:
    inputs = {each.nome: each for each in inputs_of(experimento, colunas)}
    for name, steps in experimento.engenharia.colunas.items():
        campo = f"engenharia.colunas.{name}"
        if name not in inputs:
            yield FieldError(campo=campo, erro="no such input column")
        else:
            yield from _step_faults(campo, steps, inputs[name].tipo)
            yield from _label_faults(campo, steps, inputs[name])
    seen = set(inputs)
    for place, pair in enumerate(experimento.engenharia.interacoes):
        if pair.nome in seen:
            erro = "is asked for twice, or a column has its name"
            yield FieldError(campo=f"engenharia.interacoes.{place}", erro=erro)
        seen.add(pair.nome)
        for side, name in (("a", pair.a), ("b", pair.b)):
            if name not in inputs or inputs[name].tipo != "numero":
                campo = f"engenharia.interacoes.{place}.{side}"
                yield FieldError(campo=campo, erro="not an input column of numbers")


def _step_faults(campo: str, steps: PassosColuna, tipo: str) -> Iterator[FieldError]:
    given: dict[str, Any] = steps.model_dump(exclude_defaults=True)
    for step in given.keys() & _FITTING.keys():
        if tipo not in _FITTING[step]:
            yield FieldError(campo=f"{campo}.{step}", erro=f"not for a column of type {tipo}")
    if (steps.imputacao == "constante") != (steps.constante is not None):
        yield FieldError(campo=f"{campo}.constante", erro="goes with imputacao constante")
    elif steps.constante is not None and isinstance(steps.constante, str) != (tipo != "numero"):
        yield FieldError(campo=f"{campo}.constante", erro=f"not a value of type {tipo}")
    of_text = tipo in _LABELS
    unfit = ("mediana", "media") if of_text else ("constante",) if tipo != "numero" else ()
    if steps.imputacao in unfit:
        yield FieldError(campo=f"{campo}.imputacao", erro=f"not for a column of type {tipo}")


def _label_faults(campo: str, steps: PassosColuna, coluna: Coluna) -> Iterator[FieldError]:
    """What is asked of categories and would be passed over, or end the job."""
    if coluna.tipo not in _LABELS:
        return
    ordered = steps.codificacao == "ordinal" or steps.ordem is not None
    if steps.ordem is not None:
        if steps.codificacao == "one_hot":
            yield FieldError(campo=f"{campo}.codificacao", erro="an order goes with ordinal")
        if len(set(steps.ordem)) < len(steps.ordem):
            yield FieldError(campo=f"{campo}.ordem", erro="names a value twice")
        elif len(steps.ordem) < coluna.distintos:
            said = f"names {len(steps.ordem)} values of {coluna.distintos}"
            yield FieldError(campo=f"{campo}.ordem", erro=said)
    if ordered and steps.raras_abaixo is not None:
        yield FieldError(campo=f"{campo}.raras_abaixo", erro="an order has no rare group")
    if not ordered and steps.escala != "auto":
        yield FieldError(campo=f"{campo}.escala", erro="goes with codificacao ordinal")


def _algorithm_faults(experimento: Experimento, tarefa: Tarefa) -> Iterator[FieldError]:
    seen: set[str] = set()
    for place, asked in enumerate(experimento.algoritmos):
        campo = f"algoritmos.{place}"
        if asked.nome not in ALGORITMOS:
            yield FieldError(campo=f"{campo}.nome", erro="no such algorithm")
            continue
        if asked.nome in seen:
            yield FieldError(campo=f"{campo}.nome", erro="is asked for twice")
        seen.add(asked.nome)
        if asked.calibrar and (tarefa is Tarefa.REGRESSAO or asked.nome == BASELINE):
            yield FieldError(campo=f"{campo}.calibrar", erro="there is nothing to calibrate")
        given = asked.hiperparametros
        yield from parameter_faults(asked.nome, tarefa, given, f"{campo}.hiperparametros")
        if asked.busca is not None:
            here = f"{campo}.busca.espaco"
            yield from search_faults(asked.nome, tarefa, asked.busca, given, here)
