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
from chalicelib.credit.intake import PLACES, NewOrder, read_whole
from chalicelib.credit.items import MOST_FAULTS, Fault, ItemRefused
from chalicelib.credit.names import column_name
from chalicelib.credit.schemas_orders import ClienteDoPedido, ConsultaDoPedido, LimiteDoPedido
from chalicelib.credit.tables import Dataset, Pedido
from chalicelib.credit.values import Reading, is_missing

ORDER, UNNAMED = "pedido", "amostra"
LONGEST_SAID = 130
NO_OUTCOME = "use faturado, bloqueado, pago ou inadimplente"
INLINE = {
    place: frozenset(field.model_fields)
    for place, field in (
        ("cliente", ClienteDoPedido),
        ("limite", LimiteDoPedido),
        ("consulta", ConsultaDoPedido),
    )
}
"""Which names `itens` may hold, as when orders are decided."""


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
        default: Its number, and what its cliente's code is made of, where it does not say.
        reading: The instant and the zone that dates are read by.

    Raises:
        ItemRefused: Names everything that cannot be read.
    """
    fields, inline = parted(found)
    defaults = {"numero": default, "cliente": f"{UNNAMED} {default}"}
    order, item = read_whole(fields, inline, reading, defaults)
    if item.values["desfecho_informado"]:
        raise ItemRefused([Fault("desfecho", NO_OUTCOME)])
    return Sample(order, item.values["desfecho"])


def parted(found: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The order's own fields, and those of what comes with it, by place."""
    fields: dict[str, Any] = {}
    own: dict[str, Any] = {}
    inline = _inline(found.get("itens"))
    for name, value in found.items():
        source, dot, field = name.partition(".")
        place = column_name(source) if dot else ""
        if place in PLACES:
            if not is_missing(value):
                inline.setdefault(place, {})[field] = value
        elif place == ORDER:
            own[field] = value  # As the model's card has it: an own one of the order.
        elif name != "itens":
            fields[name] = value
    nested = fields.get("atributos")
    if own and (is_missing(nested) or isinstance(nested, Mapping)):
        fields["atributos"] = {**(nested or {}), **own}
    return fields, inline


def _inline(itens: Any) -> dict[str, dict[str, Any]]:
    """What comes in `itens`, by place."""
    if is_missing(itens):
        return {}
    if not isinstance(itens, Mapping):
        raise ItemRefused([Fault("itens", "não é um objeto")])
    faults: list[Fault] = []
    for place, fields in itens.items():
        if place not in PLACES:
            faults.append(Fault(f"itens.{place}"[:LONGEST_SAID], "campo desconhecido"))
        elif fields is not None and not isinstance(fields, Mapping):
            faults.append(Fault(f"itens.{place}", "não é um objeto"))
        else:
            strange = sorted((fields or {}).keys() - INLINE[place])
            faults += [
                Fault(f"itens.{place}.{name}"[:LONGEST_SAID], "campo desconhecido")
                for name in strange
            ]
    if faults:
        raise ItemRefused(faults[:MOST_FAULTS])
    return {place: dict(fields) for place, fields in itens.items() if fields is not None}


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
        "numero": f"{UNNAMED} {uuid4()}",  # Its own may be that of an order that is known.
        "cliente": order.cliente,
        "valor": order.valor,
        "pedido_em": order.as_of,
        "atributos": dict(order.atributos),
    }
    for tipo, fields in order.items.items():
        add_item(session, tenant, acervo, tipo, fields)
    return session.execute(insert(Pedido).values(values).returning(Pedido.id)).scalar_one()
