"""What comes with an order is kept in the acervo, laid over what is known already.

An order brings news of its cliente, not all that is known: what it leaves out stays as it was.
A Serasa query is an event of its own, and takes nothing over from an earlier one.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core.statements import HotStatement
from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.item_tables import item_table
from chalicelib.credit.items import as_json

# Of the same instant, what comes later counts, as far as it says something.
ADD = """
INSERT INTO {table} AS a (tenant, dataset_id, atributos, {columns})
SELECT :tenant, cast(:acervo AS uuid), {atributos}, {values}
FROM (SELECT cast(:atributos AS jsonb) AS atributos, {given}) n
{known}
ON CONFLICT (tenant, dataset_id, {keys}) DO UPDATE SET
    {changes}, atributos = a.atributos || excluded.atributos
RETURNING a.id
"""
KNOWN = """
LEFT JOIN LATERAL (
    SELECT c.* FROM {table} c
    WHERE c.tenant = :tenant AND c.dataset_id = cast(:acervo AS uuid)
        AND c.{cliente} = n.{cliente} AND c.{since} <= n.{since}
    ORDER BY c.{since} DESC LIMIT 1
) k ON true
"""
LAID_OVER = (Tipo.CLIENTES, Tipo.LIMITES)
NOT_CARRIED = frozenset(("utilizado",))
"""It is of an instant: `FEATURES` finds the last one that was said, and since when it counts."""


def add_item(
    session: Session, tenant: str, acervo: UUID, tipo: Tipo, values: Mapping[str, Any]
) -> None:
    """Add what came with an order."""
    given = {name: as_json(value) for name, value in values.items() if name != "atributos"}
    own = json.dumps(values["atributos"])
    _statement(tipo).all(session, tenant=tenant, acervo=acervo, atributos=own, **given)


@cache
def _statement(tipo: Tipo) -> HotStatement:
    table = item_table(tipo)
    cliente, since = table.keys
    overlaid = tipo in LAID_OVER

    def value(name: str) -> str:
        carried = overlaid and name not in table.keys and name not in NOT_CARRIED
        return f"coalesce(n.{name}, k.{name})" if carried else f"n.{name}"

    known = KNOWN.format(table=table.name, cliente=cliente, since=since) if overlaid else ""
    others = [name for name in table.columns if name not in table.keys]
    return HotStatement(
        ADD.format(
            table=table.name,
            columns=", ".join(table.columns),
            atributos="coalesce(k.atributos, '{}') || n.atributos" if overlaid else "n.atributos",
            values=", ".join(value(name) for name in table.columns),
            given=", ".join(f"cast(:{n} AS {table.types[n]}) AS {n}" for n in table.columns),
            known=known,
            keys=", ".join(table.keys),
            changes=", ".join(f"{name} = coalesce(excluded.{name}, a.{name})" for name in others),
        )
    )
