"""Requests and responses about policies."""

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, Field

from chalicelib.core.types import Instant, ShortText, Strict
from chalicelib.credit.policy import Politica
from chalicelib.credit.verdicts import Situacao

LONGEST_SIMULATION = 2000


class PoliticaIn(Strict):
    """A new version of the policy, whole: what is left out is as in the default one."""

    politica: Politica
    motivo: ShortText = Field(description="Why; kept with the version.")


class PoliticaOut(BaseModel):
    """A version of the policy."""

    versao: int = Field(ge=0, description="0: the default one, which nobody has edited.")
    padrao: bool = Field(description="Whether it is the default one.")
    politica: Politica
    motivo: str
    criada_em: datetime | None
    criada_por: str | None
    avisos: list[str] = Field(
        [], description="Said when it is put to use: columns it names that no closed dataset has."
    )


class SimulacaoIn(Strict):
    """A policy to try on decisions that were made."""

    politica: Politica
    desde: Instant | None = Field(None, description="Decisions from this instant on.")
    ate: Instant | None = Field(None, description="Decisions before this instant.")


class MudancaSimuladaOut(BaseModel):
    """Orders that would be decided otherwise, of one kind."""

    de: Situacao = Field(description="As they were decided.")
    para: Situacao = Field(description="As they would be.")
    pedidos: int
    valor: Decimal = Field(description="Of these orders, in BRL.")
    desfechos: dict[str, int] = Field(description="Those whose outcome is known, by outcome.")


class SimulacaoOut(BaseModel):
    """What a policy would have decided."""

    versao_atual: int = Field(description="The version in use, which is not touched.")
    analisados: int = Field(
        description=f"Newest decisions of the period, at most {LONGEST_SIMULATION}."
    )
    completa: bool = Field(description="Whether these are all of the period.")
    mudariam: int
    valor: Decimal = Field(description="Of the orders that would change, in BRL.")
    mudancas: list[MudancaSimuladaOut]
    antes: dict[Situacao, int]
    depois: dict[Situacao, int]
    definicao: str
