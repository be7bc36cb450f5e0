"""The algorithms of the lab, and what may be asked of each: hyperparameters and searches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from math import prod
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, WithJsonSchema, model_validator

from chalicelib.core.errors import FieldError
from chalicelib.core.types import Strict
from chalicelib.prices import hyperparameters as hp
from chalicelib.prices.hyperparameters import Hiperparametros

MOST_TRIALS = 200
Value = bool | int | float | str | list[int] | None
GivenValue = Annotated[
    Any, WithJsonSchema(TypeAdapter(Value).json_schema() | {"description": "See its schema."})
]
"""A value that is held against its own algorithm's schema, which alone knows what it may be."""


class Tarefa(StrEnum):
    """What a model foretells."""

    REGRESSAO = "regressao"
    CLASSIFICACAO = "classificacao"


BASELINE = "ingenuo"
"""The algorithm that is always tried, whatever was asked for."""


@dataclass(frozen=True, slots=True)
class Algoritmo:
    """One algorithm.

    Attributes:
        nome: In requests and in the registry.
        rotulo: For a person, in pt-BR.
        descricao: When it is worth a try, in pt-BR.
        modelos: Task -> its hyperparameters.
        escalar: Whether its numbers are standardised where the request leaves that open.
    """

    nome: str
    rotulo: str
    descricao: str
    modelos: Mapping[Tarefa, type[Hiperparametros]]
    escalar: bool


def _both(
    regression: type[Hiperparametros], classes: type[Hiperparametros] | None = None
) -> dict[Tarefa, type[Hiperparametros]]:
    return {Tarefa.REGRESSAO: regression, Tarefa.CLASSIFICACAO: classes or regression}


_ALL = (
    Algoritmo(
        BASELINE,
        "Ingênuo",
        "A média, a mediana ou a classe mais comum: o que qualquer modelo precisa superar.",
        _both(hp.Ingenuo, hp.IngenuoClasses),
        escalar=False,
    ),
    Algoritmo(
        "regressao_linear",
        "Regressão linear ou logística",
        "Simples e explicável; erra onde o efeito não é proporcional.",
        _both(hp.Linear, hp.Logistica),
        escalar=True,
    ),
    Algoritmo(
        "regressao_ridge",
        "Ridge",
        "Linear com penalidade quadrática: bom começo com muitas colunas.",
        _both(hp.Ridge, hp.RidgeClasses),
        escalar=True,
    ),
    Algoritmo(
        "regressao_lasso",
        "Lasso",
        "Linear que zera as colunas que não precisa.",
        _both(hp.Lasso, hp.LassoClasses),
        escalar=True,
    ),
    Algoritmo(
        "rede_elastica",
        "Rede elástica",
        "Entre Ridge e Lasso: para colunas que dizem o mesmo.",
        _both(hp.RedeElastica, hp.RedeElasticaClasses),
        escalar=True,
    ),
    Algoritmo(
        "vizinhos",
        "Vizinhos mais próximos",
        "Os casos mais parecidos; guarda linhas de treino no modelo e explica devagar.",
        _both(hp.Vizinhos),
        escalar=True,
    ),
    Algoritmo(
        "vetores_suporte",
        "Vetores de suporte",
        "Curvas suaves em poucos milhares de linhas; explica devagar.",
        _both(hp.Vetores, hp.VetoresClasses),
        escalar=True,
    ),
    Algoritmo(
        "arvore_decisao",
        "Árvore de decisão",
        "Regras que se leem; sozinha, pouco precisa.",
        _both(hp.Arvore),
        escalar=False,
    ),
    Algoritmo(
        "floresta_aleatoria",
        "Floresta aleatória",
        "Robusta sem ajuste; modelo grande, explica devagar.",
        _both(hp.Floresta, hp.FlorestaClasses),
        escalar=False,
    ),
    Algoritmo(
        "arvores_extras",
        "Árvores extremamente aleatórias",
        "Como a floresta, com cortes sorteados: mais suave.",
        _both(hp.Floresta, hp.FlorestaClasses),
        escalar=False,
    ),
    Algoritmo(
        "gradiente",
        "Gradiente (boosting)",
        "Árvores rasas que corrigem as anteriores; costuma ganhar em tabelas pequenas.",
        _both(hp.Gradiente),
        escalar=False,
    ),
    Algoritmo(
        "histograma_gradiente",
        "Gradiente por histogramas",
        "Boosting rápido; costuma ganhar em tabelas grandes.",
        _both(hp.HistogramaGradiente),
        escalar=False,
    ),
    Algoritmo(
        "rede_neural",
        "Rede neural",
        "Camadas densas; pede muitas linhas e explica devagar.",
        _both(hp.RedeNeural),
        escalar=True,
    ),
)
ALGORITMOS: Mapping[str, Algoritmo] = {each.nome: each for each in _ALL}


def catalogue() -> list[dict[str, Any]]:
    """All algorithms as plain JSON, each task with the JSON schema of its hyperparameters."""
    return [
        {
            "nome": each.nome,
            "rotulo": each.rotulo,
            "descricao": each.descricao,
            "tarefas": [tarefa.value for tarefa in each.modelos],
            "hiperparametros": {
                tarefa.value: model.model_json_schema() for tarefa, model in each.modelos.items()
            },
        }
        for each in _ALL
    ]


class Espaco(Strict):
    """Where a search looks for one hyperparameter: some values, or a range."""

    valores: list[GivenValue] | None = Field(None, min_length=1, max_length=50)
    de: float | None = Field(None, description="Least value of a range, included.")
    ate: float | None = Field(None, description="Greatest value of a range, included.")
    escala: Literal["uniforme", "log"] = "uniforme"

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.valores is None) == (self.de is None or self.ate is None):
            raise ValueError("give either valores, or de and ate")
        if self.de is not None and self.ate is not None:
            if self.valores is not None:
                raise ValueError("give either valores, or de and ate")
            if not self.de < self.ate:
                raise ValueError("de must be below ate")
            if self.escala == "log" and self.de <= 0:
                raise ValueError("a logarithmic range begins above zero")
        return self

    @property
    def ends(self) -> list[Value]:
        """What must be valid for all of it to be."""
        return [self.de, self.ate] if self.valores is None else self.valores


class Busca(Strict):
    """A search for hyperparameters, nested in the validation."""

    tipo: Literal["grade", "aleatoria"] = "aleatoria"
    espaco: dict[str, Espaco] = Field(min_length=1, max_length=10)
    tentativas: int = Field(20, ge=1, le=MOST_TRIALS, description="Of a random search.")
    dobras: int = Field(3, ge=2, le=10, description="Inner folds, within each outer training part.")

    @model_validator(mode="after")
    def _grids_have_values(self) -> Self:
        if self.tipo == "grade":
            if ranges := [name for name, each in self.espaco.items() if each.valores is None]:
                raise ValueError(f"a grid needs valores, not ranges: {', '.join(ranges)}")
            if prod(len(each.valores or ()) for each in self.espaco.values()) > MOST_TRIALS:
                raise ValueError(f"a grid has at most {MOST_TRIALS} points; search at random")
        return self

    def grid(self) -> Iterator[dict[str, Value]]:
        """Every point of a grid."""
        values = [each.valores or [] for each in self.espaco.values()]
        for point in product(*values):
            yield dict(zip(self.espaco, point, strict=True))


def parameters_of(
    nome: str, tarefa: Tarefa, given: Mapping[str, Any] | None = None
) -> Hiperparametros:
    """The hyperparameters of an algorithm, defaults filled in.

    Raises:
        KeyError: There is no such algorithm.
        ValidationError: Some of them are wrong.
    """
    return ALGORITMOS[nome].modelos[tarefa].model_validate(dict(given or {}))


def parameter_faults(
    nome: str, tarefa: Tarefa, given: Mapping[str, Any], campo: str
) -> list[FieldError]:
    """What is wrong with some hyperparameters, each by its field below `campo`."""
    try:
        parameters_of(nome, tarefa, given)
    except ValidationError as error:
        said: dict[str, list[str]] = {}
        for each in error.errors():
            # Of a value that may be of several kinds pydantic also names the kind it tried.
            place = [str(part) for n, part in enumerate(each["loc"]) if not n or type(part) is int]
            said.setdefault(".".join((campo, *place)), []).append(each["msg"])
        return [FieldError(campo=where, erro="; or: ".join(why)) for where, why in said.items()]
    return []


def search_faults(
    nome: str, tarefa: Tarefa, busca: Busca, given: Mapping[str, Any], campo: str
) -> list[FieldError]:
    """What is wrong with a search, by its fields below `campo`."""
    fields = ALGORITMOS[nome].modelos[tarefa].model_fields
    found: list[FieldError] = []
    for name, space in busca.espaco.items():
        here = f"{campo}.{name}"
        if name not in fields:
            found.append(FieldError(campo=here, erro="no such hyperparameter"))
        elif name in given:
            found.append(FieldError(campo=here, erro="is given a fixed value already"))
        else:
            found += _space_faults(nome, tarefa, name, space, here)
    return found


def _space_faults(
    nome: str, tarefa: Tarefa, name: str, space: Espaco, campo: str
) -> list[FieldError]:
    whole = is_whole(nome, tarefa, name)
    ends = space.ends
    if space.valores is None and whole:
        if any(end != int(end) for end in ends if isinstance(end, float)):
            return [FieldError(campo=campo, erro="its values are whole numbers")]
        ends = [int(end) for end in ends if isinstance(end, float)]
    for value in ends:
        faults = parameter_faults(nome, tarefa, {name: value}, campo)
        if faults:
            return [FieldError(campo=campo, erro=faults[0].erro)]
    return []


def is_whole(nome: str, tarefa: Tarefa, name: str) -> bool:
    """Whether a hyperparameter takes whole numbers, so that a range is one of integers."""
    schema = ALGORITMOS[nome].modelos[tarefa].model_json_schema()["properties"][name]
    types = {each.get("type") for each in schema.get("anyOf", [schema])}
    return "integer" in types and "number" not in types
