"""What is found wrong with a dataset, or worth knowing of it, in words for its company."""

from collections.abc import Iterable

from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.schemas_datasets import Achado

WARNINGS = {
    "vale_desde_ausente": "Itens sem vale_desde: {n}. Valem como conhecidos desde sempre.",
    "pedido_sem_data": (
        "Pedidos sem data: {n}. Valem como feitos agora, e sem datas não há separação por tempo."
    ),
    "desfecho_sem_data": (
        "Pedidos com desfecho sem data: {n}. O desfecho não conta no histórico do cliente."
    ),
    "texto_longo": "Textos longos demais em {coluna}: {n}. Foram deixados de fora.",
    "ponto_ambiguo": (
        "Números como 1.234 em {coluna}: {n}. O ponto foi lido como decimal. "
        "Se separa milhares, envie sem ele."
    ),
}
"""Code of what items were read by -> what it means."""


def lot_warnings(counted: Iterable[tuple[str, str, int]]) -> list[Achado]:
    """The warnings that lots have counted, as tipo, code (and column behind a colon), number."""
    found = []
    for tipo, code, n in counted:
        name, _, column = code.partition(":")
        found.append(
            Achado(
                codigo=name,
                tipo=Tipo(tipo),
                coluna=column or None,
                mensagem=WARNINGS[name].format(n=n, coluna=column),
                numeros={"itens": n},
            )
        )
    return found
