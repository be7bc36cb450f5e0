"""An order as it was sent, read as the items of lots are: a model meets the same values when it
decides as when it was trained.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from chalicelib.core.clock import day_bounds, local_day
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.settings import settings
from chalicelib.credit.item_fields import KEYS, Tipo
from chalicelib.credit.items import Fault, Item, ItemReader, ItemRefused, reading_at
from chalicelib.credit.schemas_orders import PedidoIn
from chalicelib.credit.values import Reading

PLACES = {"cliente": Tipo.CLIENTES, "limite": Tipo.LIMITES, "consulta": Tipo.CONSULTAS}
"""What may come with an order, by its name in `itens`."""


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
    fields = {"numero": sent.numero, "cliente": sent.cliente, "valor": sent.valor}
    fields |= {"pedido_em": sent.data, "atributos": sent.atributos}
    inline = {place: getattr(sent.itens, place) for place in PLACES}
    came = {
        place: each.model_dump(exclude_none=True)
        for place, each in inline.items()
        if each is not None
    }
    try:
        return read_whole(fields, came, reading_at(now))[0]
    except ItemRefused as refusal:
        errors = [FieldError(campo=f.campo or "pedido", erro=f.motivo) for f in refusal.faults]
        raise ValidationFailed(errors=errors) from None


def read_whole(
    fields: Mapping[str, Any],
    inline: Mapping[str, Mapping[str, Any]],
    reading: Reading,
    defaults: Mapping[str, Any] | None = None,
) -> tuple[NewOrder, Item]:
    """An order with what came with it, and the order as an item, whose outcome may be known.

    Args:
        fields: The order's.
        inline: Those of what came with it, by place.
        reading: The instant and the zone that dates are read by.
        defaults: What holds of the order where it does not say.

    Raises:
        ItemRefused: Names everything that cannot be read.
    """
    faults: list[Fault] = []
    order = _read(Tipo.PEDIDOS, fields, defaults or {}, reading, faults)
    if order is None:
        raise ItemRefused(faults)
    known = order.values
    as_of = _instant(known["pedido_em"], reading.now)
    items = {}
    for place, sent in inline.items():
        tipo, found = PLACES[place], list[Fault]()
        code, since = KEYS[tipo]
        given = {code: known["cliente"], since: as_of.isoformat()}
        if (item := _read(tipo, sent, given, reading, found)) is not None:
            items[tipo] = {**item.values, "atributos": item.atributos, code: known["cliente"]}
            found += _odd(tipo, sent, items[tipo])
        faults += [Fault(f"itens.{place}.{f.campo or ''}".rstrip("."), f.motivo) for f in found]
    if faults:
        raise ItemRefused(faults)
    whole = NewOrder(
        known["numero"], known["cliente"], known["valor"], as_of, order.atributos, items
    )
    return whole, order


def _odd(tipo: Tipo, sent: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Fault]:
    """What keeps an inline item that can be read from being taken."""
    if not values["atributos"] and all(
        value is None for name, value in values.items() if name not in (*KEYS[tipo], "atributos")
    ):
        yield Fault(None, "não diz nada; deixe de enviar o que está vazio")
    if tipo is Tipo.LIMITES and "utilizado" in sent and "vale_desde" not in sent:
        said = "obrigatório com utilizado: os pedidos aprovados antes disso já estão nele"
        yield Fault("vale_desde", said)


def _read(
    tipo: Tipo,
    fields: Mapping[str, Any],
    defaults: Mapping[str, Any],
    reading: Reading,
    faults: list[Fault],
) -> Item | None:
    try:
        return ItemReader(tipo, reading).read(fields, defaults)
    except ItemRefused as refusal:
        named = {"pedido_em": "data"} if tipo is Tipo.PEDIDOS else {}
        faults += [Fault(named.get(f.campo or "", f.campo), f.motivo) for f in refusal.faults]
        return None


def _instant(ordered: datetime | None, now: datetime) -> datetime:
    """The order's instant: now unless it says otherwise.

    A bare today, midnight, is now as well: what has been learnt this morning counts.
    """
    if ordered is None:
        return now
    local = settings().local_timezone
    midnight, _ = day_bounds(local_day(now, local), local)
    return now if ordered == midnight else min(ordered, now)
