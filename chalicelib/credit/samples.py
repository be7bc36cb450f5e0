"""Sample orders: read as the items of lots are, looked at as orders are, and never kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from chalicelib.credit.features import OF_ORDERS
from chalicelib.credit.inline_items import add_item
from chalicelib.credit.intake import NewOrder
from chalicelib.credit.item_fields import KEYS, Tipo
from chalicelib.credit.items import Fault, Item, ItemReader, ItemRefused
from chalicelib.credit.tables import Dataset, Pedido
from chalicelib.credit.values import Reading

PLACES = {"cliente": Tipo.CLIENTES, "limite": Tipo.LIMITES, "consulta": Tipo.CONSULTAS}
ORDER = "pedido"
NO_OUTCOME = "use faturado, bloqueado, pago ou inadimplente"


@dataclass(frozen=True)
class Sample:
    """An order to be looked at, and what became of it where that is known."""

    order: NewOrder
    desfecho: str | None


def read_sample(found: Mapping[str, Any], default: str, reading: Reading) -> Sample:
    """Read a sample order.

    Args:
        found: A JSON object, as `POST /credito/pedidos` takes one with `desfecho` beside; or the
            cells of a CSV by name, where `cliente.titulos_em_atraso` and the like stand for what
            comes in `itens`.
        default: Its number, and its cliente's code, where it does not say.
        reading: The instant and the zone that dates are read by.

    Raises:
        ItemRefused: Names everything that cannot be read.
    """
    groups = _groups(found)
    fields = groups.pop(ORDER)
    named = {"numero": default, "cliente": f"amostra {default}"}
    order = ItemReader(Tipo.PEDIDOS, reading).read(named | _present(fields))
    if order.values["desfecho_informado"]:
        raise ItemRefused([Fault("desfecho", NO_OUTCOME)])
    cliente = order.values["cliente"]
    as_of = order.values["pedido_em"] or reading.now
    items = {
        PLACES[place]: _item(PLACES[place], fields, cliente, as_of, reading)
        for place, fields in groups.items()
        if _present(fields)
    }
    kept = NewOrder(
        numero=order.values["numero"],
        cliente=cliente,
        valor=order.values["valor"],
        as_of=as_of,
        atributos=order.atributos,
        items=items,
    )
    return Sample(kept, order.values["desfecho"])


def _item(
    tipo: Tipo, fields: dict[str, Any], cliente: str, as_of: datetime, reading: Reading
) -> dict[str, Any]:
    code, since = KEYS[tipo]
    sent = {since: as_of.isoformat(), **_present(fields), code: cliente}
    item: Item = ItemReader(tipo, reading).read(sent)
    return {**item.values, "atributos": item.atributos}


def _groups(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The order's own fields, and those of what comes with it, by what they belong to."""
    groups: dict[str, dict[str, Any]] = {ORDER: {}, **{place: {} for place in PLACES}}
    for name, value in found.items():
        place, dot, field = name.partition(".")
        if name == "itens" and isinstance(value, Mapping):
            for inner, fields in value.items():
                groups.get(inner, groups[ORDER]).update(fields or {})
        elif dot and place in groups:
            groups[place][field] = value
        else:
            groups[ORDER][name] = value
    return groups


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def look_at(session: Session, tenant: str, sample: Sample, now: datetime) -> dict[str, Any]:
    """What is known of a sample: the row of `FEATURES` that it would have as an order.

    It is added to the acervo, looked at by the statement that orders are decided by, and taken
    back, all within the caller's transaction: nobody else ever sees it.
    """
    acervo = session.scalars(
        select(Dataset.id).where(Dataset.tenant == tenant, Dataset.acervo)
    ).one()
    with session.begin_nested() as savepoint:
        pedido_id = _add(session, tenant, acervo, sample.order)
        given = {"dataset": acervo, "pedidos": [pedido_id], "now": now}
        row = dict(session.execute(text(OF_ORDERS), given).mappings().one())
        savepoint.rollback()
    return row


def _add(session: Session, tenant: str, acervo: UUID, order: NewOrder) -> int:
    values = {
        "tenant": tenant,
        "dataset_id": acervo,
        "numero": f"amostra {uuid4()}",  # Its own may be that of an order that is known.
        "cliente": order.cliente,
        "valor": order.valor,
        "pedido_em": order.as_of,
        "atributos": dict(order.atributos),
    }
    for tipo, fields in order.items.items():
        add_item(session, tenant, acervo, tipo, fields)
    return session.execute(insert(Pedido).values(values).returning(Pedido.id)).scalar_one()
