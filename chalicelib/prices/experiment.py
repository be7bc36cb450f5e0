"""What is asked of the lab: a target, columns, algorithms, feature engineering, validation.

Light: the API reads and checks it, the training job runs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import Field, StringConstraints, model_validator

from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.types import Strict
from chalicelib.prices.algorithms import (
    ALGORITMOS,
    BASELINE,
    Busca,
    Tarefa,
    Value,
    parameter_faults,
    search_faults,
)

FEWEST_ROWS = 60
MOST_CLASSES = 50
MOST_COLUMNS = 1000
Nome = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Tipo = Literal["numero", "categoria", "booleano", "data", "texto", "identificador"]
Parte = Literal["ano", "mes", "dia_semana", "dia_do_ano", "idade_dias"]

DEFAULT_ALGORITHMS = (
    "regressao_ridge",
    "floresta_aleatoria",
    "gradiente",
    "histograma_gradiente",
)


class Coluna(Protocol):
    """What the lab reads of a dataset's column; the profile's columns are such."""

    @property
    def nome(self) -> str:
        """Name."""

    @property
    def tipo(self) -> str:
        """One of `Tipo`."""

    @property
    def papel(self) -> str:
        """entrada, alvo, grupo, tempo or ignorar."""

    @property
    def unidade(self) -> str | None:
        """Of a number, for a person."""

    @property
    def distintos(self) -> int:
        """How many different values."""


class AlgoritmoPedido(Strict):
    """An algorithm to try."""

    nome: Nome = Field(examples=["histograma_gradiente"])
    hiperparametros: dict[str, Value] = Field(
        default={}, description="See GET /precos/algoritmos; what is left out has its default."
    )
    busca: Busca | None = None
    calibrar: bool = Field(
        False, description="Classes: calibrate probabilities by a sigmoid over inner folds."
    )


class PassosColuna(Strict):
    """How one column is encoded; what is left out follows its type and the algorithm."""

    imputacao: Literal["mediana", "media", "constante", "mais_frequente"] | None = None
    constante: float | str | None = Field(None, description="What stands for missing.")
    indicador: bool = Field(True, description="Tell the model that the value was missing.")
    escala: Literal["auto", "padrao", "minmax", "robusta", "nenhuma"] = Field(
        "auto", description="auto: padrao where the algorithm measures distances, else nenhuma."
    )
    log: bool = Field(False, description="log(1 + x); needs numbers that are never negative.")
    limitar: bool = Field(True, description="Hold served values inside the training range.")
    codificacao: Literal["auto", "one_hot", "ordinal"] = Field(
        "auto", description="auto: one_hot, rare categories grouped."
    )
    ordem: list[str] | None = Field(
        None, min_length=1, max_length=1000, description="Of an ordinal, least first; else sorted."
    )
    raras_abaixo: int | None = Field(
        None, ge=1, le=100_000, description="Categories in fewer training rows share one column."
    )
    partes: list[Parte] | None = Field(None, min_length=1, description="Of a date.")
    texto: list[Literal["caracteres", "palavras"]] | None = Field(None, min_length=1)


class Interacao(Strict):
    """A column made of two numbers; its contribution is shown under its own name, "a × b"."""

    tipo: Literal["produto", "razao"]
    a: Nome
    b: Nome

    @property
    def nome(self) -> str:
        """What it is called wherever it is shown."""
        return f"{self.a} {'×' if self.tipo == 'produto' else '÷'} {self.b}"


class Engenharia(Strict):
    """Feature engineering; stored with the model as its encoder (law 5)."""

    colunas: dict[Nome, PassosColuna] = Field(default={}, max_length=MOST_COLUMNS)
    interacoes: list[Interacao] = Field(default=[], max_length=50)
    log_alvo: bool | None = Field(
        None,
        description="Learn log(1 + target). Null: where the training targets are never negative "
        "and skewed (above 1), and less so in logarithms.",
    )


class Validacao(Strict):
    """Which rows judge. The hold-out judges the chosen model and trains nothing; the algorithms
    are compared by folds of the remaining rows, the same for all.
    """

    tipo: Literal["hold_out", "k_fold", "k_fold_grupos", "k_fold_tempo"] = "k_fold"
    dobras: int = Field(5, ge=2, le=10)
    fracao: float = Field(
        0.2, ge=0.05, le=0.5, description="Share of the rows (groups, latest rows) held out."
    )
    coluna_grupo: Nome | None = Field(None, description="Rows of a group are never parted.")
    coluna_tempo: Nome | None = Field(None, description="Later rows judge what earlier ones teach.")
    cobertura: float = Field(
        0.9, ge=0.5, le=0.99, description="Share of actual values that intervals should hold."
    )
    semente: int = Field(7, ge=0, le=2**31 - 1)

    @model_validator(mode="after")
    def _has_its_column(self) -> Self:
        if (self.tipo == "k_fold_grupos") and self.coluna_grupo is None:
            raise ValueError("k_fold_grupos needs coluna_grupo")
        if (self.tipo == "k_fold_tempo") and self.coluna_tempo is None:
            raise ValueError("k_fold_tempo needs coluna_tempo")
        return self


def _default_algorithms() -> list[AlgoritmoPedido]:
    return [AlgoritmoPedido(nome=nome) for nome in DEFAULT_ALGORITHMS]


class Experimento(Strict):
    """One training: what to foretell, from what, by which algorithms, judged how."""

    alvo: Nome = Field(examples=["preco"])
    colunas: list[Nome] | None = Field(
        None, min_length=1, max_length=MOST_COLUMNS, description="Null: every column of input."
    )
    algoritmos: list[AlgoritmoPedido] = Field(
        default_factory=_default_algorithms, min_length=1, max_length=20
    )
    engenharia: Engenharia = Field(default_factory=Engenharia)
    validacao: Validacao = Field(default_factory=Validacao)


def task_of(tipo: str) -> Tarefa:
    """Numbers are foretold by regression, categories and truth values by classification."""
    return Tarefa.REGRESSAO if tipo == "numero" else Tarefa.CLASSIFICACAO


def inputs_of(experimento: Experimento, colunas: Sequence[Coluna]) -> list[Coluna]:
    """The columns that a model may read, in the dataset's order.

    Identifiers are left out unless the request names them.
    """
    asked = experimento.colunas
    judge = experimento.validacao
    kept_apart = {experimento.alvo, judge.coluna_grupo, judge.coluna_tempo}
    if asked is not None:
        return [each for each in colunas if each.nome in asked and each.nome != experimento.alvo]
    return [
        each
        for each in colunas
        if each.nome not in kept_apart and each.papel == "entrada" and each.tipo != "identificador"
    ]


def check(experimento: Experimento, colunas: Sequence[Coluna], linhas: int) -> Tarefa:
    """What is foretold, if the experiment fits the dataset.

    Raises:
        ValidationFailed: It does not; every fault is named by its field.
    """
    known = {each.nome: each for each in colunas}
    if experimento.alvo not in known:
        raise ValidationFailed(errors=[FieldError(campo="alvo", erro="no such column")])
    faults = [
        *_target_faults(known[experimento.alvo], linhas),
        *_column_faults(experimento, known),
        *_engineering_faults(experimento, colunas),
        *_algorithm_faults(experimento, task_of(known[experimento.alvo].tipo)),
    ]
    if not inputs_of(experimento, colunas):
        faults.append(FieldError(campo="colunas", erro="no column is left to learn from"))
    if faults:
        raise ValidationFailed(errors=faults)
    return task_of(known[experimento.alvo].tipo)


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
    for place, name in enumerate(experimento.colunas or ()):
        if name not in known:
            yield FieldError(campo=f"colunas.{place}", erro="no such column")
        elif name == experimento.alvo:
            yield FieldError(campo=f"colunas.{place}", erro="the target cannot foretell itself")
    judge = experimento.validacao
    for field, column in (
        ("coluna_grupo", judge.coluna_grupo),
        ("coluna_tempo", judge.coluna_tempo),
    ):
        if column is not None and column not in known:
            yield FieldError(campo=f"validacao.{field}", erro="no such column")
    time = known.get(judge.coluna_tempo or "")
    if time is not None and time.tipo not in ("data", "numero"):
        yield FieldError(campo="validacao.coluna_tempo", erro="neither dates nor numbers")


_FITTING: dict[str, tuple[str, ...]] = {
    "log": ("numero",),
    "ordem": ("categoria", "booleano"),
    "raras_abaixo": ("categoria", "booleano"),
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
    for place, pair in enumerate(experimento.engenharia.interacoes):
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
    of_text = tipo in ("categoria", "booleano")
    unfit = ("mediana", "media") if of_text else ("constante",) if tipo != "numero" else ()
    if steps.imputacao in unfit:
        yield FieldError(campo=f"{campo}.imputacao", erro=f"not for a column of type {tipo}")


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
