"""Decisions that have been kept long enough, with their orders, reviews and outcomes."""

import json
from datetime import datetime, timedelta

from sqlalchemy import text

from chalicelib.core import telemetry
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.settings import settings
from chalicelib.credit.errors import PedidoExpirado
from chalicelib.credit.lgpd_rows import erase_orders

ORDERS_AT_ONCE = 500

TENANTS = text("SELECT tenant FROM empresas ORDER BY tenant")
# What was approved and nothing became of yet is owed: it counts towards the cliente's exposure.
OLD = text("""
SELECT d.pedido_id FROM credito_decisoes d JOIN credito_pedidos o ON o.id = d.pedido_id
WHERE d.tenant = :tenant AND d.decidido_em < :limit
    AND (d.situacao <> 'aprovado' OR o.desfecho IS NOT NULL)
ORDER BY d.decidido_em, d.id LIMIT :most
""")


def remove_old_decisions(now: datetime) -> int:
    """Delete what was decided more than `CREDITO_KEEP_DAYS` ago, unless the order is still open.

    What a company sends of its past, in datasets, is its own to delete.

    Returns:
        How many orders were deleted.
    """
    limit = now - timedelta(days=settings().credito_keep_days)
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        tenants = list(session.scalars(TENANTS))
    return sum(_remove_of(tenant, limit) for tenant in tenants)


def _remove_of(tenant: str, limit: datetime) -> int:
    said = json.dumps({**PedidoExpirado().document(telemetry.request_id()), "location": None})
    values = {"tenant": tenant, "limit": limit, "most": ORDERS_AT_ONCE}
    removed = 0
    while True:
        with unit_of_work(tenant=tenant) as session:
            orders = list(session.scalars(OLD, values))
            if orders:
                erase_orders(session, orders, said)
        removed += len(orders)
        if len(orders) < ORDERS_AT_ONCE:
            return removed
