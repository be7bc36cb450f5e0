"""What is asked of the lab: a target, columns, algorithms, feature engineering, validation.

Light: the API reads and checks it, the training job runs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from chalicelib.core.types import Strict
from chalicelib.prices.algorithms import Busca, GivenValue, Tarefa
from chalicelib.prices.values import LARGEST_NUMBER

FEWEST_ROWS = 60
MOST_CLASSES = 50
MOST_COLUMNS = 1000
LONGEST_CONSTANT = 200
Nome = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Tipo = Literal["numero", "categoria", "booleano", "data", "texto", "identificador"]


def _stands_for_missing(value: Any) -> float | str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and abs(value) <= LARGEST_NUMBER:  # Of NaN that is False.
        return float(value)
    if isinstance(value, str) and len(value) <= LONGEST_CONSTANT:
        return value
    raise ValueError(f"use a finite number, or text of at most {LONGEST_CONSTANT} characters")


Constante = Annotated[float | str, BeforeValidator(_stands_for_missing)]
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
    hiperparametros: dict[str, GivenValue] = Field(
        default={}, description="See GET /precos/algoritmos; what is left out has its default."
    )
    busca: Busca | None = None
    calibrar: bool = Field(
        False, description="Classes: calibrate probabilities by a sigmoid over inner folds."
    )


class PassosColuna(Strict):
    """How one column is encoded; what is left out follows its type and the algorithm."""

    imputacao: Literal["mediana", "media", "constante", "mais_frequente"] | None = None
    constante: Constante | None = Field(None, description="What stands for missing.")
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
        description="Learn log(1 + target). Null: where targets are never negative and skewed "
        "(above 1), and less so in logarithms; linear models only where ridge agrees over the "
        "folds.",
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
