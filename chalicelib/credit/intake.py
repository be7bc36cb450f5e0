"""An order as it was sent, read as the items of lots are: a model meets the same values when it
decides as when it was trained.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from chalicelib.core.clock import day_bounds, local_day, zone
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.settings import settings
from chalicelib.credit.item_fields import KEYS, Tipo
from chalicelib.credit.items import Item, ItemReader, ItemRefused
from chalicelib.credit.schemas_orders import PedidoIn
from chalicelib.credit.values import Reading

PLACES = {Tipo.CLIENTES: "cliente", Tipo.LIMITES: "limite", Tipo.CONSULTAS: "consulta"}


@dataclass(frozen=True)
class NewOrder:
    """An order that can be decided on.

    Attributes:
        numero: The company's own number of it.
        cliente: The company's own code of the cliente.
        valor: In BRL.
        as_of: Its instant.
        atributos: The company's own columns of it.
        items: What came with it, by kind, as rows of the tables.
    """

    numero: str
    cliente: str
    valor: Decimal
    as_of: datetime
    atributos: Mapping[str, Any]
    items: Mapping[Tipo, Mapping[str, Any]]


def read_order(sent: PedidoIn, now: datetime) -> NewOrder:
    """Read an order and what came with it.

    Raises:
        ValidationFailed: Names everything that cannot be read.
    """
    reading = Reading(now, zone(settings().local_timezone))
    errors: list[FieldError] = []
    order = _read(Tipo.PEDIDOS, _fields(sent), reading, errors)
    if order is None:
        raise ValidationFailed(errors=errors)
    as_of = _instant(order.values["pedido_em"], now)
    items = {}
    for tipo, place in PLACES.items():
        inline = getattr(sent.itens, place)
        if inline is not None:
            cliente, since = KEYS[tipo]
            fields = {since: as_of.isoformat(), **_present(inline), cliente: sent.cliente}
            if (item := _read(tipo, fields, reading, errors, f"itens.{place}")) is not None:
                items[tipo] = {**item.values, "atributos": item.atributos}
                errors.extend(_odd(tipo, inline, items[tipo]))
    if errors:
        raise ValidationFailed(errors=errors)
    known = order.values
    return NewOrder(
        known["numero"], known["cliente"], known["valor"], as_of, order.atributos, items
    )


def _fields(sent: PedidoIn) -> dict[str, Any]:
    return {
        "numero": sent.numero,
        "cliente": sent.cliente,
        "valor": sent.valor,
        "pedido_em": sent.data,
        "atributos": sent.atributos,
    }


def _present(inline: Any) -> dict[str, Any]:
    found: dict[str, Any] = inline.model_dump(exclude_none=True)
    return found


def _odd(tipo: Tipo, inline: Any, values: Mapping[str, Any]) -> Iterator[FieldError]:
    """What keeps an inline item that can be read from being taken."""
    place = f"itens.{PLACES[tipo]}"
    if not values["atributos"] and all(
        value is None for name, value in values.items() if name not in (*KEYS[tipo], "atributos")
    ):
        yield FieldError(campo=place, erro="não diz nada; deixe de enviar o que está vazio")
    if tipo is Tipo.LIMITES and inline.utilizado is not None and inline.vale_desde is None:
        said = "obrigatório com utilizado: os pedidos aprovados antes disso já estão nele"
        yield FieldError(campo=f"{place}.vale_desde", erro=said)


def _read(
    tipo: Tipo, fields: dict[str, Any], reading: Reading, errors: list[FieldError], place: str = ""
) -> Item | None:
    try:
        item = ItemReader(tipo, reading).read(fields)
    except ItemRefused as refusal:
        errors.extend(
            FieldError(campo=_path(place, fault.campo), erro=fault.motivo)
            for fault in refusal.faults
        )
        return None
    if tipo is Tipo.PEDIDOS and (item.values["desfecho"] or item.values["desfecho_informado"]):
        said = "o desfecho de um pedido vai em POST /credito/pedidos/{id}/desfecho"
        errors.append(FieldError(campo="atributos", erro=said))
        return None
    return item


def _path(place: str, campo: str | None) -> str:
    named = {"pedido_em": "data"}.get(campo or "", campo or "")
    return ".".join(part for part in (place, named) if part) or "pedido"


def _instant(ordered: datetime | None, now: datetime) -> datetime:
    """The order's instant: now unless it says otherwise.

    A bare today, midnight, is now as well: what has been learnt this morning counts.
    """
    if ordered is None:
        return now
    local = settings().local_timezone
    midnight, _ = day_bounds(local_day(now, local), local)
    return now if ordered == midnight else min(ordered, now)
