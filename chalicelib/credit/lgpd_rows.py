"""Which rows are about a cliente, and how they are erased.

A cliente is known by the company's own code. Whatever table names one, and whatever table hangs on
an order, stands here; a test holds the schema to it.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.item_tables import item_table
from chalicelib.credit.queues import CREDIT_ANALYSIS_QUEUE
from chalicelib.credit.tables import Dataset

CODE = {tipo: "codigo" if tipo is Tipo.CLIENTES else "cliente" for tipo in Tipo}
"""Which column of a kind's items names the cliente."""

OF_DATASETS = frozenset(item_table(tipo).name for tipo in Tipo)
LINES = "credito_itens_pedidos"

_IN_DATASETS = "dataset_id = ANY(ARRAY(SELECT id FROM credito_datasets WHERE tenant = :tenant))"
_OF_ORDERS = "pedido_id = ANY(cast(:pedidos AS bigint[]))"

ROWS: Mapping[str, str] = {
    **{
        item_table(tipo).name: f"tenant = :tenant AND {_IN_DATASETS} AND {CODE[tipo]} = :cliente"
        for tipo in (Tipo.CLIENTES, Tipo.LIMITES, Tipo.CONSULTAS)
    },
    LINES: _OF_ORDERS,
    "credito_desfechos": _OF_ORDERS,
    "credito_revisoes": f"decisao_id IN (SELECT id FROM credito_decisoes WHERE {_OF_ORDERS})",
    "credito_decisoes": _OF_ORDERS,
    "credito_pedidos": "id = ANY(cast(:pedidos AS bigint[]))",
    "credito_contas": "tenant = :tenant AND cliente = :cliente",
}
"""Table -> which rows of it are about a cliente, in an order in which they can be deleted."""

ORDERS = text(
    f"SELECT id FROM credito_pedidos WHERE tenant = :tenant AND {_IN_DATASETS}"
    " AND cliente = :cliente ORDER BY id"
)
# As whoever decides on an order of theirs does: they wait, and then know nothing of the cliente.
HOLD = text("""
INSERT INTO credito_contas (tenant, cliente) VALUES (:tenant, :cliente)
ON CONFLICT (tenant, cliente) DO UPDATE SET cliente = excluded.cliente WHERE false
""")
_BROUGHT = " UNION ALL ".join(
    f"SELECT dataset_id, seq, '{tipo.value}' AS tipo FROM {item_table(tipo).name}"
    f" WHERE tenant = :tenant AND {_IN_DATASETS} AND {CODE[tipo]} = :cliente"
    for tipo in Tipo
)
BODIES = text(f"""
SELECT l.objeto, l.recebido_em FROM credito_lotes l
WHERE (l.dataset_id, l.seq, l.tipo) IN ({_BROUGHT}) ORDER BY l.recebido_em, l.objeto
""")
TRAIL = """
SELECT to_jsonb(a) FROM auditoria a WHERE a.tenant = :tenant
    AND a.objeto = ANY(ARRAY(SELECT 'pedido:' || unnest(cast(:pedidos AS bigint[]))))
"""
_KEPT = """
tenant = :tenant AND route LIKE 'POST /credito/%' AND CASE WHEN body LIKE '{%' THEN
    cast(body AS jsonb) @> jsonb_build_object('cliente', cast(:cliente AS text)) END
"""
ANSWERS = f"SELECT to_jsonb(k) - 'fingerprint' FROM idempotency_keys k WHERE {_KEPT}"
_FORGET_ANSWERS = text(f"DELETE FROM idempotency_keys WHERE {_KEPT}")
# A lot keeps count of its lines: one that is erased says so.
_FORGET_LINES = text(f"""
UPDATE {LINES} SET pedido_id = NULL, numero = NULL, problema = cast(:said AS jsonb)
WHERE {_OF_ORDERS}
""")
# What versions were tried on may have been this cliente's, by another code or by none.
_FORGET_TRIALS = text("""
UPDATE jobs SET result = result || '{"pedidos": []}'
WHERE tenant = :tenant AND queue = :queue AND result ? 'pedidos'
""")


def orders_of(session: Session, tenant: str, cliente: str) -> list[int]:
    """Ids of a cliente's orders, of all datasets."""
    return list(session.scalars(ORDERS, {"tenant": tenant, "cliente": cliente}))


def erase_rows(
    session: Session, tenant: str, cliente: str, said: Mapping[str, Any]
) -> dict[str, int]:
    """Erase all rows about a cliente.

    Args:
        session: The transaction.
        tenant: The company.
        cliente: Its code of them.
        said: What a lot's line says from now on whose order is erased: a problem's document.

    Returns:
        How many orders there were, and how many other items; both 0 where nothing was known.
    """
    who: dict[str, Any] = {"tenant": tenant, "cliente": cliente}
    session.execute(HOLD, who)
    who["pedidos"] = orders_of(session, tenant, cliente)
    session.execute(_FORGET_ANSWERS, who)
    session.execute(_FORGET_TRIALS, {"tenant": tenant, "queue": CREDIT_ANALYSIS_QUEUE.name})
    items, words = 0, defaultdict[UUID, set[str]](set)
    for table, condition in ROWS.items():
        if table == LINES:
            session.execute(_FORGET_LINES, {**who, "said": json.dumps(said)})
        elif table in OF_DATASETS:
            gone = f"DELETE FROM {table} WHERE {condition} RETURNING dataset_id, atributos"
            for dataset_id, atributos in session.execute(text(gone), who):
                items += 1
                words[dataset_id].update(_words(atributos))
        else:
            session.execute(text(f"DELETE FROM {table} WHERE {condition}"), who)
    _forget_examples(session, words)
    return {"pedidos": len(who["pedidos"]), "itens": items - len(who["pedidos"])}


def erase_orders(session: Session, orders: list[int], said: str) -> None:
    """Erase orders, and all that hangs on them.

    Args:
        session: The transaction.
        orders: Their ids.
        said: What the line of a lot says from now on, as JSON.
    """
    of_these = {"pedidos": orders}
    for table, condition in ROWS.items():
        if table == LINES:
            session.execute(_FORGET_LINES, {**of_these, "said": said})
        elif ":pedidos" in condition:
            session.execute(text(f"DELETE FROM {table} WHERE {condition}"), of_these)


def _words(atributos: Mapping[str, Any]) -> Iterator[str]:
    return (value for value in atributos.values() if isinstance(value, str))


def _forget_examples(session: Session, words: Mapping[UUID, set[str]]) -> None:
    """Take what the rows said out of the examples that the datasets' schemas show."""
    for dataset in session.scalars(select(Dataset).where(Dataset.id.in_(words))):
        said = words[dataset.id]
        dataset.esquema = {
            tipo: [
                {**column, "exemplos": [e for e in column["exemplos"] if e not in said]}
                for column in columns
            ]
            for tipo, columns in dataset.esquema.items()
        }
