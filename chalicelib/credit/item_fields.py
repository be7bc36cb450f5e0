"""The fields of each of the four kinds of items: how each is named, and how it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.credit.values import (
    Reader,
    amount,
    count,
    days_late,
    future_instant,
    instant,
    mean_days_late,
    past_day,
    text_up_to,
    whole,
    yes_or_no,
)

LONGEST_IDENTIFIER = 100


class Tipo(StrEnum):
    """The four kinds of items."""

    CLIENTES = "clientes"
    PEDIDOS = "pedidos"
    LIMITES = "limites"
    CONSULTAS = "consultas-serasa"


OWNER = {
    Tipo.CLIENTES: "cliente",
    Tipo.PEDIDOS: "pedido",
    Tipo.LIMITES: "limite",
    Tipo.CONSULTAS: "consulta",
}
"""What a company's own columns are named after in the model: `cliente.segmento`."""


class Desfecho(StrEnum):
    """What became of an order."""

    FATURADO = "faturado"
    BLOQUEADO = "bloqueado"
    PAGO = "pago"
    INADIMPLENTE = "inadimplente"


OUTCOME_WORDS: Mapping[Desfecho, str] = {
    Desfecho.FATURADO: "faturado faturada liberado liberada aprovado aprovada autorizado",
    Desfecho.BLOQUEADO: "bloqueado bloqueada negado negada reprovado reprovada recusado recusada",
    Desfecho.PAGO: "pago paga quitado quitada liquidado liquidada adimplente",
    Desfecho.INADIMPLENTE: (
        "inadimplente vencido vencida atrasado atrasada em_atraso nao_pago nao_paga protestado"
    ),
}
"""Without case and accents. Any other status is kept as written, and nothing is learnt of it."""

OUTCOMES = {
    word.replace("_", " "): outcome
    for outcome, words in OUTCOME_WORDS.items()
    for word in words.split()
}


@dataclass(frozen=True)
class Field:
    """A field that we know.

    Attributes:
        name: As the table's column has it.
        kind: What the schema of a dataset calls it.
        read: Reads a value that is not missing.
        required: Whether an item is refused without it.
        aliases: Other names that it may have; the field's own goes before them.
    """

    name: str
    kind: str
    read: Reader
    required: bool = False
    aliases: tuple[str, ...] = ()


identifier = text_up_to(LONGEST_IDENTIFIER)
_CLIENTE = Field("cliente", "id", identifier, True, ("codigo_cliente", "cliente_codigo"))
_SINCE = ("desde", "data_base")

FIELDS: Mapping[Tipo, tuple[Field, ...]] = {
    Tipo.CLIENTES: (
        Field("codigo", "id", identifier, True, ("cliente", "codigo_cliente")),
        Field("vale_desde", "date", instant, aliases=_SINCE),
        Field("cliente_desde", "date", past_day),
        Field("titulos_pagos", "number", count),
        Field("titulos_em_atraso", "number", count),
        Field("valor_em_atraso", "number", amount),
        Field("atraso_medio_dias", "number", mean_days_late),
        Field("maior_atraso_dias", "number", days_late),
    ),
    Tipo.PEDIDOS: (
        Field("numero", "id", identifier, True, ("numero_pedido", "pedido")),
        _CLIENTE,
        Field("valor", "number", amount, True, ("valor_pedido",)),
        Field("pedido_em", "date", instant, aliases=("data_pedido", "data")),
        Field("desfecho", "outcome", lambda value, _: str(value), aliases=("status", "situacao")),
        Field("desfecho_em", "date", instant, aliases=("data_desfecho",)),
    ),
    Tipo.LIMITES: (
        _CLIENTE,
        Field("vale_desde", "date", future_instant, aliases=_SINCE),
        Field("valor", "number", amount, True, ("limite", "valor_limite")),
        Field("utilizado", "number", amount, aliases=("valor_utilizado",)),
    ),
    Tipo.CONSULTAS: (
        _CLIENTE,
        Field("consultada_em", "date", instant, True, ("data_consulta", "data")),
        Field("ocorrencias", "number", count),
        Field("valor_ocorrencias", "number", amount),
        Field("protestos", "number", count),
        Field("falencia", "bool", yes_or_no),
        Field("pontuacao", "number", whole(0, 1000), aliases=("score",)),
    ),
}

KEYS: Mapping[Tipo, tuple[str, ...]] = {
    Tipo.CLIENTES: ("codigo", "vale_desde"),
    Tipo.PEDIDOS: ("numero",),
    Tipo.LIMITES: ("cliente", "vale_desde"),
    Tipo.CONSULTAS: ("cliente", "consultada_em"),
}
"""What no two items of a dataset share."""
