"""A company that decides on orders."""

from infra.tour.acts import Open, Point, Press, Scroll, Write
from infra.tour.pages import Who
from infra.tour.plan import Scene, Step

CREDIT_DATA = Scene(
    "Crédito: os dados",
    Who.COMPANY,
    (
        Step(
            "No crédito cada empresa envia seus pedidos em lotes e treina o próprio modelo.",
            (Open("/console/credito/envios/{envio}"),),
        ),
        Step(
            "O que não pôde ser lido é dito linha por linha, com o motivo.",
            (Scroll("section:has(#erros)"),),
        ),
    ),
)

CREDIT_ORDER = Scene(
    "Crédito: um pedido",
    Who.COMPANY,
    (
        Step(
            "Um pedido novo é número, cliente e valor. Regras e modelo respondem na hora.",
            (
                Open("/console/credito/pedidos/novo"),
                Write("#campo-numero", "N-2041"),
                Write("#campo-cliente", "{cliente}"),
                Write("#campo-valor", "3.900,00"),
                Press("main button.main", then="#decisao"),
            ),
        ),
        Step(
            "A decisão vem com seus motivos em cascata, do risco usual ao risco deste pedido.",
            (Open("/console/credito/pedidos/{pedido}"), Scroll("section:has(#porque)")),
        ),
        Step(
            "Quando nega, diz a menor mudança que o faria aprovar.",
            (Point("section:has(#porque) h3"),),
        ),
    ),
)

CREDIT_PEOPLE = Scene(
    "Crédito: pessoas decidem",
    Who.COMPANY,
    (
        Step(
            "Entre os dois limiares decide uma pessoa, e o motivo fica com o pedido.",
            (
                Open("/console/credito/revisoes"),
                Write(".settle input[name=motivo]", "Cliente antigo"),
                Press(".settle button[value=aprovado]", then=".toast"),
            ),
        ),
        Step(
            "Uma política nova mostra, antes de valer, o que mudaria nos pedidos já decididos.",
            (
                Open("/console/credito/politica"),
                Press("[name='regras.valor_do_pedido.ativa']", then="main"),
                Write("[name='regras.valor_do_pedido.maximo']", "4.000,00"),
                Press("button[value=simular]", then="#efeito"),
            ),
        ),
        Step(
            "Tudo fica numa trilha encadeada: quem alterar uma entrada quebra a corrente.",
            (
                Open("/console/credito/auditoria"),
                Press("main .head button.main", then=".alert[role=status]"),
            ),
        ),
    ),
)
