"""What the pages of credit call things, and what they ask for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.core.errors import FieldError, ValidationFailed

SITUATIONS: Mapping[str, tuple[str, str]] = {
    "aprovado": ("Aprovado", "bom"),
    "revisao": ("Em revisão", "atencao"),
    "negado": ("Negado", "critico"),
}
SOURCES: Mapping[str, str] = {
    "regra": "Uma regra da política",
    "modelo": "O modelo",
    "sem_modelo": "Sem modelo",
}
BY: Mapping[str, str] = {
    "regra": "por uma regra da política",
    "modelo": "pelo modelo",
    "sem_modelo": "sem modelo",
}
OUTCOMES: Mapping[str, str] = {
    "pago": "Pago",
    "inadimplente": "Inadimplente",
    "faturado": "Faturado",
    "bloqueado": "Bloqueado",
}
DATASETS: Mapping[str, tuple[str, str]] = {
    "aberto": ("Aberto", "destaque"),
    "conferindo": ("Sendo conferido", "atencao"),
    "fechado": ("Fechado", "bom"),
    "cancelado": ("Cancelado", "neutro"),
    "expirado": ("Expirado", "neutro"),
}
TARGETS: Mapping[str, str] = {
    "pagamento": "Quem não paga",
    "faturamento": "Quem é bloqueado antes de faturar",
}
KINDS: Mapping[str, tuple[str, str]] = {
    "clientes": ("Clientes", "codigo; vale_desde, titulos_pagos, titulos_em_atraso…"),
    "pedidos": ("Pedidos", "numero, cliente, valor; pedido_em, desfecho, desfecho_em"),
    "limites": ("Limites", "cliente, valor; vale_desde, utilizado"),
    "consultas-serasa": ("Consultas à Serasa", "cliente, consultada_em; ocorrencias, protestos…"),
}
COLUMN_KINDS: Mapping[str, str] = {
    "number": "Número",
    "category": "Categoria",
    "bool": "Sim ou não",
    "date": "Data",
    "outcome": "Desfecho",
    "id": "Código",
}
COLUMN_WARNINGS: Mapping[str, str] = {
    "constante": "sempre igual",
    "quase_vazia": "quase vazia",
    "identificador": "parece um código",
    "tipos_misturados": "tipos misturados",
    "muitas_categorias": "categorias demais",
}
LOT_COLUMNS = (
    ("numero", "O número do pedido, que a empresa lhe dá. Necessária."),
    ("cliente", "O código do cliente. Necessária."),
    ("valor", "Em R$, como 1.500,00. Necessária."),
    ("data", "Do pedido; agora, se faltar."),
    ("limite.valor", "O limite do cliente, se é novo."),
    ("cliente.titulos_em_atraso", "E o mais que houver de novo do cliente, do mesmo jeito."),
    ("consulta.ocorrencias", "E o mais que a Serasa respondeu, do mesmo jeito."),
)
"""Column of a file of orders -> what it holds."""
TRAINING_STEPS = (
    ("lendo", "Ler os pedidos"),
    ("separando", "Separar quem julga de quem treina"),
    ("escolhendo", "Escolher as colunas"),
    ("avaliando", "Comparar algoritmos"),
    ("treinando", "Treinar o escolhido"),
    ("conferindo", "Conferir o modelo exportado"),
    ("publicando", "Publicar"),
)
"""How a step of the training begins, and what it is."""

YES = {"sim", "true", "verdadeiro"}
NO = {"não", "nao", "false", "falso"}
NUMBER = re.compile(r"-?\d{1,12}([.,]\d{1,6})?")
ATTRIBUTE = re.compile(r"\s*(?P<name>[^=:]{1,60}?)\s*[=:]\s*(?P<value>.{0,500}?)\s*")


@dataclass(frozen=True)
class Asked:
    """A field of the form for an order.

    Attributes:
        name: As the API calls it.
        label: As people do.
        kind: `number`, `amount`, `date` or `yes_no`.
    """

    name: str
    label: str
    kind: str = "number"

    @property
    def is_amount(self) -> bool:
        """Whether it is written with a decimal comma."""
        return self.kind == "amount"


@dataclass(frozen=True)
class Group:
    """What may come with an order.

    Attributes:
        place: In `itens`.
        title: What it is.
        fields: What is asked.
    """

    place: str
    title: str
    fields: tuple[Asked, ...]


WHAT_CAME = (
    Group(
        "cliente",
        "Notícias do cliente",
        (
            Asked("cliente_desde", "Cliente desde", "date"),
            Asked("titulos_pagos", "Títulos pagos"),
            Asked("titulos_em_atraso", "Títulos em atraso"),
            Asked("valor_em_atraso", "Valor em atraso, em R$", "amount"),
            Asked("atraso_medio_dias", "Atraso médio, em dias", "amount"),
            Asked("maior_atraso_dias", "Maior atraso, em dias"),
        ),
    ),
    Group("limite", "Limite de crédito", (Asked("valor", "Limite, em R$", "amount"),)),
    Group(
        "consulta",
        "Consulta à Serasa",
        (
            Asked("ocorrencias", "Ocorrências"),
            Asked("valor_ocorrencias", "Valor das ocorrências, em R$", "amount"),
            Asked("protestos", "Protestos"),
            Asked("pontuacao", "Pontuação"),
            Asked("falencia", "Falência", "yes_no"),
        ),
    ),
)


def typed_attributes(text: str) -> dict[str, Any]:
    """The company's own columns, one on each line, as `nome = valor`.

    Raises:
        ValidationFailed: A line is none.
    """
    found: dict[str, Any] = {}
    for line in filter(str.strip, text.splitlines()):
        match = ATTRIBUTE.fullmatch(line)
        if match is None:
            told = f"“{line.strip()[:60]}” não é uma coluna: escreva nome = valor."
            raise ValidationFailed(errors=[FieldError(campo="proprias", erro=told)])
        found[match["name"]] = _plain(match["value"])
    return found


def _plain(written: str) -> Any:
    if written.lower() in YES | NO:
        return written.lower() in YES
    if not NUMBER.fullmatch(written):
        return written or None
    number = float(written.replace(",", "."))
    return int(number) if number.is_integer() and not set(written) & set(".,") else number
