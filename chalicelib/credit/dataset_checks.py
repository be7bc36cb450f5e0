"""What must be right about a dataset as a whole; counted by the database, however large it is."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.settings import settings
from chalicelib.credit.item_fields import Desfecho, Tipo
from chalicelib.credit.item_tables import item_table
from chalicelib.credit.schemas_datasets import Achado, Alvo, Exemplo, TipoOut
from chalicelib.credit.service_dataset_view import count_lots, count_outcomes
from chalicelib.credit.tables import Dataset

SAME_DAY_CODE = "mesmo_dia"
MOST_EXAMPLES = 5
MOST_REASONS = 20

GOOD_AND_BAD = {
    Alvo.FATURAMENTO: (Desfecho.FATURADO, Desfecho.BLOQUEADO),
    Alvo.PAGAMENTO: (Desfecho.PAGO, Desfecho.INADIMPLENTE),
}
"""What a model of each target tells apart."""

REASONS = """
SELECT campo, min(motivo) AS motivo, count(DISTINCT motivo) AS motivos, count(*) AS n,
    min(seq) AS lote
FROM credito_erros WHERE dataset_id = :dataset AND tipo = :tipo AND ordem = 1
GROUP BY campo, regexp_replace(motivo, '[0-9]+', 'N', 'g')
ORDER BY n DESC, campo, motivo LIMIT :most
"""
UNKNOWN = """
SELECT t.seq, t.linha, count(*) OVER () AS n FROM {table} t
WHERE t.dataset_id = :dataset AND NOT EXISTS (
    SELECT 1 FROM credito_clientes c
    WHERE c.tenant = t.tenant AND c.dataset_id = t.dataset_id AND c.codigo = t.cliente)
ORDER BY t.seq, t.linha LIMIT :most
"""
# What is not wrong in one item alone, and does not keep a dataset from being closed.
ODD = {
    "cliente_novo": (
        Tipo.PEDIDOS,
        "Pedidos anteriores à data em que seu cliente começou: {n}.",
        """
        SELECT t.seq, t.linha, count(*) OVER () AS n FROM credito_pedidos t
        WHERE t.dataset_id = :dataset AND EXISTS (
            SELECT 1 FROM credito_clientes c
            WHERE c.tenant = t.tenant AND c.dataset_id = t.dataset_id AND c.codigo = t.cliente
                AND c.cliente_desde > t.pedido_em)
        ORDER BY t.seq, t.linha LIMIT :most
        """,
    ),
    "limite_excedido": (
        Tipo.LIMITES,
        "Limites com mais utilizado do que valor: {n}.",
        """
        SELECT t.seq, t.linha, count(*) OVER () AS n FROM credito_limites t
        WHERE t.dataset_id = :dataset AND t.utilizado > t.valor
        ORDER BY t.seq, t.linha LIMIT :most
        """,
    ),
}
# A bare day is known from its midnight on. Where the order says an hour, the company may have
# learnt it only later that day.
SAME_DAY = """
SELECT t.seq, t.linha, count(*) OVER () AS n FROM {table} t
WHERE t.dataset_id = :dataset
    AND t.{since} = date_trunc('day', t.{since}, cast(:zone AS text))
    AND EXISTS (
        SELECT 1 FROM credito_pedidos p
        WHERE p.tenant = t.tenant AND p.dataset_id = t.dataset_id AND p.cliente = t.{cliente}
            AND p.pedido_em > t.{since} AND p.pedido_em < t.{since} + interval '1 day')
ORDER BY t.seq, t.linha LIMIT :most
"""
DATED = (Tipo.CLIENTES, Tipo.LIMITES, Tipo.CONSULTAS)
REFERRING = {
    Tipo.PEDIDOS: "credito_pedidos",
    Tipo.LIMITES: "credito_limites",
    Tipo.CONSULTAS: "credito_consultas",
}


def check_dataset(session: Session, dataset: Dataset) -> tuple[list[Achado], list[Achado]]:
    """Check a dataset that nobody changes meanwhile.

    Returns:
        What keeps it from being closed, and what its company should know.
    """
    problems: list[Achado] = []
    warnings: list[Achado] = []
    for counts in count_lots(session, dataset.id):
        problems += _check_counts(dataset, counts)
        if counts.recusados:
            target = warnings if _refused_are_accepted(dataset, counts) else problems
            target += _refusals(session, dataset, counts)
    unknown = _check_references(session, dataset)
    if dataset.aceita_sem_cliente:
        warnings += unknown
    else:
        problems += unknown
    for found in _check_outcomes(session, dataset):
        (problems if found.codigo == "sem_desfecho" else warnings).append(found)
    warnings += _odd(session, dataset)
    return problems, warnings


def _check_counts(dataset: Dataset, counts: TipoOut) -> Iterator[Achado]:
    expected = (dataset.esperados or {}).get(counts.tipo.value, 0)
    if counts.lotes_faltando:
        yield Achado(
            codigo="lotes_faltando",
            tipo=counts.tipo,
            mensagem=f"Lotes de {counts.tipo} que faltam: {counts.lotes_faltando}.",
            numeros={"faltando": counts.lotes_faltando, "maior_seq": counts.maior_seq},
            exemplos=[
                Exemplo(tipo=counts.tipo, lote=stretch.de)
                for stretch in counts.faltando[:MOST_EXAMPLES]
            ],
        )
    if expected not in (counts.itens, counts.aceitos):
        yield Achado(
            codigo="contagem",
            tipo=counts.tipo,
            mensagem=(
                f"Eram esperados {expected} itens de {counts.tipo}; vieram {counts.itens}, "
                f"dos quais {counts.aceitos} foram aceitos."
            ),
            numeros={
                "esperados": expected,
                "recebidos": counts.itens,
                "aceitos": counts.aceitos,
                "recusados": counts.recusados,
            },
        )


def _refused_are_accepted(dataset: Dataset, counts: TipoOut) -> bool:
    """Whether the company knows of them: it has said so, or counts without them."""
    expected = (dataset.esperados or {}).get(counts.tipo.value, 0)
    return dataset.aceita_recusados or expected == counts.aceitos


def _refusals(session: Session, dataset: Dataset, counts: TipoOut) -> Iterator[Achado]:
    """The reasons that items of one kind were refused for, each item by its first fault."""
    values = {"dataset": dataset.id, "tipo": counts.tipo.value, "most": MOST_REASONS}
    yield Achado(
        codigo="recusados",
        tipo=counts.tipo,
        mensagem=refused(counts.recusados, counts.tipo),
        numeros={"recusados": counts.recusados, "aceitos": counts.aceitos},
    )
    for row in session.execute(text(REASONS), values):
        motivo = row.motivo.removesuffix(".")  # Those of whole lines are sentences.
        yield Achado(
            codigo="motivo_de_recusa",
            tipo=counts.tipo,
            coluna=row.campo,
            mensagem=f"{items(row.n)}: {'por exemplo, ' if row.motivos > 1 else ''}{motivo}.",
            numeros={"itens": row.n},
            exemplos=[Exemplo(tipo=counts.tipo, lote=row.lote)],
        )


def items(n: int) -> str:
    """So many items."""
    return "1 item" if n == 1 else f"{n} itens"


def refused(n: int, tipo: Tipo) -> str:
    """So many items of a kind were refused."""
    return f"{items(n)} de {tipo} {'foi recusado' if n == 1 else 'foram recusados'}."


def _check_references(session: Session, dataset: Dataset) -> Iterator[Achado]:
    for tipo, table in REFERRING.items():
        message = f"Itens de {tipo} cujo cliente não veio neste dataset: {{n}}."
        yield from _found(
            session, dataset, UNKNOWN.format(table=table), ("sem_cliente", tipo, message)
        )


def _odd(session: Session, dataset: Dataset) -> Iterator[Achado]:
    for code, (tipo, message, statement) in ODD.items():
        yield from _found(session, dataset, statement, (code, tipo, message))
    for tipo in DATED:
        table = item_table(tipo)
        cliente, since = table.keys
        message = (
            f"{{n}} itens de {tipo} têm só o dia, e é o de um pedido com hora do mesmo cliente: "
            "contam como sabidos desde a meia-noite. Diga a hora, ou o dia seguinte."
        )
        statement = SAME_DAY.format(table=table.name, cliente=cliente, since=since)
        yield from _found(session, dataset, statement, (SAME_DAY_CODE, tipo, message))


def _found(
    session: Session, dataset: Dataset, statement: str, about: tuple[str, Tipo, str]
) -> Iterator[Achado]:
    """What a statement finds: how many items, and where the first of them are."""
    code, tipo, message = about
    values = {"dataset": dataset.id, "most": MOST_EXAMPLES}
    if ":zone" in statement:
        values["zone"] = settings().local_timezone
    rows = session.execute(text(statement), values).all()
    if rows:
        n = rows[0].n
        yield Achado(
            codigo=code,
            tipo=tipo,
            mensagem=message.format(n=n),
            numeros={"itens": n},
            exemplos=[Exemplo(tipo=tipo, lote=row.seq, linha=row.linha) for row in rows],
        )


def _check_outcomes(session: Session, dataset: Dataset) -> Iterator[Achado]:
    counted = count_outcomes(session, dataset.id, most=None)
    good, bad = GOOD_AND_BAD[Alvo(dataset.alvo or "")]
    numbers: dict[str, Any] = {word.value: counted.get(word.value, 0) for word in (good, bad)}
    numbers["outros"] = sum(counted.values()) - sum(numbers.values())
    if not numbers[good.value] + numbers[bad.value]:
        yield Achado(
            codigo="sem_desfecho",
            tipo=Tipo.PEDIDOS,
            coluna="desfecho",
            mensagem=f"Nenhum pedido tem desfecho {good} ou {bad}: não há o que aprender.",
            numeros=numbers,
        )
    elif not numbers[good.value] or not numbers[bad.value]:
        yield Achado(
            codigo="um_so_desfecho",
            tipo=Tipo.PEDIDOS,
            coluna="desfecho",
            mensagem=f"Todos os desfechos são iguais; um modelo precisa de {good} e de {bad}.",
            numeros=numbers,
        )
