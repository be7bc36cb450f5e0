"""A company's policy: hard rules, costs, thresholds, and what may be looked at or changed.

Pure: a policy is read from JSON, and whatever it does not say is said by the default one, which
is a cautious reading of common practice and the company's to edit.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    FiniteFloat,
    StringConstraints,
    field_validator,
    model_validator,
)

from chalicelib.core.types import Strict
from chalicelib.credit.features import BASE_COLUMNS, OWN
from chalicelib.credit.names import model_name

MOST_SENSITIVE = 20
MOST_CHANGEABLE = 12
LARGEST = Decimal("99999999999999.99")

ColumnName = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00]+$", min_length=1, max_length=130),
    AfterValidator(model_name),
]
"""However it was written, it is the name that items and models have."""

Share = Annotated[FiniteFloat, Field(ge=0, le=1)]
Bound = Annotated[FiniteFloat, Field(ge=-1e15, le=1e15)]
Money = Annotated[Decimal, Field(ge=0, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]

CHANGEABLE_BASE = frozenset(
    (
        "valor_pedido",
        "limite_credito",
        "titulos_pagos",
        "titulos_em_atraso",
        "valor_em_atraso",
        "atraso_medio_dias",
        "maior_atraso_dias",
        "serasa_ocorrencias",
        "serasa_valor",
        "serasa_protestos",
        "serasa_pontuacao",
    )
)
"""Base columns that somebody can do something about; the others follow from these or from the
past, such as the use of the limit or the months as a cliente."""

BASE_NAMES = frozenset(column.name for column in BASE_COLUMNS)


class Consequencia(StrEnum):
    """What a rule does with an order."""

    NEGADO = "negado"
    REVISAO = "revisao"


class Regra(Strict):
    """A hard rule: whether it is on, and what it does with an order it concerns."""

    ativa: bool
    consequencia: Annotated[Consequencia, Field(strict=False)]


class RegraDeLimite(Regra):
    """Exposure with this order above the limit."""

    tolerancia: Share = Field(0.0, description="Share of the limit that may be exceeded.")
    faturado_usa_por_dias: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        None,
        description="Days that an invoiced order uses the limit for, from when it was invoiced; "
        "null: until it is said to be paid. For companies that do not say what is paid.",
    )


class RegraDeContagem(Regra):
    """A count above a maximum."""

    maximo: Count


class RegraDeDias(Regra):
    """Days above a maximum."""

    maximo_dias: Count


class RegraDeValor(Regra):
    """An amount above a maximum, in BRL."""

    maximo: Money = Field(examples=["10000.00"])


class RegraDePontuacao(Regra):
    """A score below a minimum."""

    minimo: Count


def _deny(**values: Any) -> dict[str, Any]:
    return {"ativa": True, "consequencia": Consequencia.NEGADO, **values}


def _review(*, ativa: bool = True, **values: Any) -> dict[str, Any]:
    return {"ativa": ativa, "consequencia": Consequencia.REVISAO, **values}


class Regras(Strict):
    """The hard rules. One that has nothing to look at is silent: who wants a missing limit or a
    missing query looked at by a person has a rule for that.
    """

    falencia: Regra = Field(Regra(**_deny()), description="Serasa has known of a bankruptcy.")
    limite: RegraDeLimite = Field(
        RegraDeLimite(**_deny()), description="Exposure and order exceed the credit limit."
    )
    sem_limite: Regra = Field(Regra(**_review()), description="The cliente has no limit.")
    cliente_desconhecido: Regra = Field(
        Regra(**_review()), description="Nothing is known of the cliente."
    )
    titulos_em_atraso: RegraDeContagem = Field(
        RegraDeContagem(**_review(maximo=0)), description="More overdue titles than this."
    )
    valor_em_atraso: RegraDeValor = Field(
        RegraDeValor(**_review(ativa=False, maximo=Decimal(0))),
        description="More overdue than this.",
    )
    dias_de_atraso: RegraDeDias = Field(
        RegraDeDias(**_review(maximo_dias=60)), description="Ever paid later than this."
    )
    valor_do_pedido: RegraDeValor = Field(
        RegraDeValor(**_review(ativa=False, maximo=Decimal(0))),
        description="An order of more than this.",
    )
    ocorrencias_serasa: RegraDeContagem = Field(
        RegraDeContagem(**_review(maximo=2)), description="More occurrences at Serasa than this."
    )
    valor_serasa: RegraDeValor = Field(
        RegraDeValor(**_review(ativa=False, maximo=Decimal(0))),
        description="Occurrences at Serasa of more than this.",
    )
    protestos: RegraDeContagem = Field(
        RegraDeContagem(**_review(maximo=0)), description="More protests than this."
    )
    pontuacao_serasa: RegraDePontuacao = Field(
        RegraDePontuacao(**_review(ativa=False, minimo=300)),
        description="A score at Serasa below this.",
    )
    consulta_vencida: RegraDeDias = Field(
        RegraDeDias(**_review(ativa=False, maximo_dias=90)),
        description="No Serasa query, or one older than this.",
    )


class Custos(Strict):
    """What a wrong decision costs, as shares of the order's value; training chooses by it."""

    perda_por_inadimplencia: Annotated[FiniteFloat, Field(gt=0, le=1)] = Field(
        0.6, description="Lost of an order that is not paid."
    )
    margem: Annotated[FiniteFloat, Field(gt=0, le=1)] = Field(
        0.15, description="Earned by an order that is paid."
    )


class FaixaRevisao(Strict):
    """How far from the model's threshold a person decides, in probability."""

    abaixo: Share = 0.05
    acima: Share = 0.05


class Limiares(Strict):
    """Thresholds of the probability of the bad outcome, instead of the model's own."""

    aprova_abaixo_de: Share
    nega_a_partir_de: Share

    @model_validator(mode="after")
    def _are_ordered(self) -> Self:
        if self.aprova_abaixo_de > self.nega_a_partir_de:
            raise ValueError("aprova_abaixo_de must not lie above nega_a_partir_de")
        return self


class Alteravel(Strict):
    """How a column may be changed for a refused order to be approved."""

    direcao: Literal["aumenta", "diminui", "ambas"]
    minimo: Bound
    maximo: Bound
    parcela_minima: Annotated[FiniteFloat, Field(ge=0, lt=1)] | None = Field(
        None, description="Nor below this share of what it is: a tenth of an order is another one."
    )
    passo: Annotated[FiniteFloat, Field(gt=0, le=1e15)] | None = Field(
        None, description="Changes are multiples of it; without one, as small as helps."
    )

    @model_validator(mode="after")
    def _has_a_range(self) -> Self:
        if self.minimo >= self.maximo:
            raise ValueError("minimo must lie below maximo")
        return self


class Politica(Strict):
    """All that a company says about how its orders are decided."""

    regras: Regras = Regras()
    custos: Custos = Custos()
    faixa_revisao: FaixaRevisao = FaixaRevisao()
    limiares: Limiares | None = Field(
        None, description="Null: the model's own threshold, with the review band around it."
    )
    sensiveis: list[ColumnName] = Field(
        [],
        max_length=MOST_SENSITIVE,
        description="Columns that no decision may look at; kept for the fairness report only.",
        examples=[["cliente.sexo"]],
    )
    alteraveis: dict[ColumnName, Alteravel] = Field(
        {
            "valor_pedido": Alteravel(
                direcao="diminui", minimo=0.01, maximo=1e12, parcela_minima=0.1
            )
        },
        max_length=MOST_CHANGEABLE,
        description="Columns a cliente or the company can do something about.",
    )

    @field_validator("sensiveis")
    @classmethod
    def _are_different(cls, names: list[str]) -> list[str]:
        return list(dict.fromkeys(names))

    @field_validator("alteraveis", mode="before")
    @classmethod
    def _are_named_once(cls, given: Any) -> Any:
        if isinstance(given, dict) and len({model_name(str(n)) for n in given}) < len(given):
            raise ValueError("alteraveis: the same column twice, case and accents aside")
        return given

    @model_validator(mode="after")
    def _names_columns(self) -> Self:
        for name in self.sensiveis:
            if name not in BASE_NAMES and not is_own(name):
                raise ValueError(f"sensiveis: {_EXPECTED}")
        for name in self.alteraveis:
            if name not in CHANGEABLE_BASE and not is_own(name):
                allowed = ", ".join(sorted(CHANGEABLE_BASE))
                raise ValueError(f"alteraveis: one of {allowed}; or an own column of its source")
        if set(self.sensiveis) & self.alteraveis.keys():
            raise ValueError("a sensitive column cannot be changeable")
        return self


_EXPECTED = f"a column of the model, or an own one such as {OWN[1]}.segmento"


def is_own(name: str) -> bool:
    """Whether a column is one of the company's own, by its source before the dot."""
    source, _, attribute = name.partition(".")
    return source in OWN and bool(attribute)


def declared_own(policy: Politica) -> set[str]:
    """The own columns that a policy names."""
    return {name for name in (*policy.sensiveis, *policy.alteraveis) if is_own(name)}


def read_policy(stored: dict[str, Any]) -> Politica:
    """A policy as the database keeps it: JSON, in which amounts are text."""
    return Politica.model_validate(stored, strict=False)


def thresholds(policy: Politica, own: float) -> Limiares:
    """Below which probability an order is approved, and from which on it is denied.

    Args:
        policy: The company's.
        own: The model's threshold: from it on, approving costs more than denying.
    """
    if policy.limiares is not None:
        return policy.limiares
    band = policy.faixa_revisao
    return Limiares(
        aprova_abaixo_de=max(0.0, own - band.abaixo), nega_a_partir_de=min(1.0, own + band.acima)
    )
