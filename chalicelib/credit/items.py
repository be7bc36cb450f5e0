"""One item of a company's data: which fields it has, how each is read, and its own columns.

Items of lots and those that come with an order are read by the same `ItemReader`, so that a
model meets the same values when it decides as when it was trained.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from chalicelib.core.clock import zone
from chalicelib.core.settings import settings
from chalicelib.credit.item_fields import FIELDS, OUTCOMES, OWNER, Desfecho, Field, Tipo
from chalicelib.credit.names import LONGEST_NAME, column_name
from chalicelib.credit.values import (
    EARLIEST,
    Reading,
    ValueRefused,
    cleaned,
    folded,
    is_ambiguous,
    is_missing,
    read_number,
)

LONGEST_TEXT = 500
LONGEST_STATUS = 60
MOST_OWN_COLUMNS = 300
LARGEST_EXACT = 2**53
MOST_FAULTS = 20
ALWAYS = EARLIEST  # Since when something holds whose date the company does not know.


@dataclass(frozen=True)
class Fault:
    """What is wrong with an item."""

    campo: str | None
    motivo: str


class ItemRefused(Exception):
    """This item cannot be taken, for these faults."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__()


@dataclass
class Item:
    """A good item.

    Attributes:
        values: By column of its table.
        atributos: The company's own columns that hold something.
        warnings: What was read by a rule that somebody should know of, by code.
    """

    values: dict[str, Any]
    atributos: dict[str, Any]
    warnings: Counter[str] = field(default_factory=Counter)


def reading_at(now: datetime) -> Reading:
    """How items that arrive at an instant are read: their bare days are local ones."""
    return Reading(now, zone(settings().local_timezone))


class ItemReader:
    """Reads the items of one kind."""

    def __init__(self, tipo: Tipo, reading: Reading) -> None:
        """Prepare to read.

        Args:
            tipo: The kind.
            reading: The instant and the zone that dates are read by.
        """
        self.tipo = tipo
        self._reading = reading
        self._fields = FIELDS[tipo]
        self._known = {f.name: f.name for f in self._fields}
        for known in self._fields:
            for alias in known.aliases:
                self._known.setdefault(alias, known.name)

    def missing_columns(self, names: list[str]) -> list[str]:
        """Which required fields a header with these names lacks."""
        found = {self._known.get(name) for name in names}
        return [f.name for f in self._fields if f.required and f.name not in found]

    def read(self, found: Any, defaults: Mapping[str, Any] | None = None) -> Item:
        """An item of what was sent.

        Args:
            found: A JSON object, or a row of a CSV by the names of its header.
            defaults: Fields that hold where it says nothing, under any of their names.

        Raises:
            ItemRefused: Names everything that is wrong with it.
        """
        if not isinstance(found, Mapping):
            raise ItemRefused([Fault(None, "o item não é um objeto")])
        faults: list[Fault] = []
        fields, own = self._sorted(found, faults)
        for name, value in (defaults or {}).items():
            if is_missing(fields.get(name)):
                fields[name] = value
        item = Item({}, {})
        for known in self._fields:
            item.values[known.name] = self._value(known, fields.get(known.name), faults)
        for name, value in own.items():
            self._add_own(item, name, value, faults)
        if len(item.atributos) > MOST_OWN_COLUMNS:
            faults.append(Fault("atributos", f"mais de {MOST_OWN_COLUMNS} colunas próprias"))
        self._complete(item, faults)
        if faults:
            raise ItemRefused(faults[:MOST_FAULTS])
        return item

    def _sorted(
        self, found: Mapping[str, Any], faults: list[Fault]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What belongs to fields that we know, and the company's own columns.

        What stands in `atributos` is the company's own, whatever it is called.
        """
        fields: dict[str, Any] = {}
        own: dict[str, Any] = {}
        named = [(column_name(name), value, inner) for name, value, inner in _flat(found, faults)]
        present = {name for name, value, inner in named if value is not None and not inner}
        for name, value, inner in named:
            known = None if inner else self._known.get(name)
            if known is not None and (name == known or known not in present):
                target, key = fields, known
            else:
                target, key = own, name
            if not name or len(name) > LONGEST_NAME:
                faults.append(Fault(None, f"nome de coluna vazio ou acima de {LONGEST_NAME}"))
            elif target.get(key) is not None:
                faults.append(Fault(key, "coluna repetida"))
            else:
                target[key] = value
        return fields, own

    def _value(self, known: Field, value: Any, faults: list[Fault]) -> Any:
        read = None
        if isinstance(value, list | dict):
            faults.append(Fault(known.name, "use um valor simples"))
            return None
        if not is_missing(value):
            try:
                read = known.read(value, self._reading)
            except ValueRefused as refusal:
                faults.append(Fault(known.name, str(refusal)))
                return None
        if read is None and known.required:
            faults.append(Fault(known.name, "obrigatório"))
        return read

    def _add_own(self, item: Item, name: str, value: Any, faults: list[Fault]) -> None:
        column = f"{OWNER[self.tipo]}.{name}"
        try:
            read = own_value(value)
        except ValueRefused as refusal:
            faults.append(Fault(column, str(refusal)))
            return
        if isinstance(read, str) and len(read) > LONGEST_TEXT:
            item.warnings[f"texto_longo:{column}"] += 1
        elif read is not None:
            item.atributos[name] = read
            if isinstance(value, str) and not isinstance(read, str) and is_ambiguous(value.strip()):
                item.warnings[f"ponto_ambiguo:{column}"] += 1

    def _complete(self, item: Item, faults: list[Fault]) -> None:
        values = item.values
        if "vale_desde" in values and values["vale_desde"] is None:
            values["vale_desde"] = ALWAYS
            item.warnings["vale_desde_ausente"] += 1
        if self.tipo is Tipo.PEDIDOS:
            self._settle_outcome(item, faults)

    def _settle_outcome(self, item: Item, faults: list[Fault]) -> None:
        values = item.values
        written = cleaned(values["desfecho"] or "")
        outcome = OUTCOMES.get(folded(written).replace("_", " "))
        values["desfecho"] = outcome.value if outcome else None
        values["desfecho_informado"] = None if outcome else written[:LONGEST_STATUS] or None
        if outcome is None:
            values["desfecho_em"] = None
        ordered, ended = values["pedido_em"], values["desfecho_em"]
        if ordered is None:
            item.warnings["pedido_sem_data"] += 1
        elif ended is not None and ended < ordered:
            if self._day(ended) < self._day(ordered):
                faults.append(Fault("desfecho_em", "anterior à data do pedido"))
            values["desfecho_em"] = ordered  # The day alone was written: it is the same one.
        if outcome in (Desfecho.PAGO, Desfecho.INADIMPLENTE) and ended is None:
            item.warnings["desfecho_sem_data"] += 1

    def _day(self, moment: datetime) -> Any:
        return moment.astimezone(self._reading.zone).date()


def _flat(found: Mapping[str, Any], faults: list[Fault]) -> Iterator[tuple[str, Any, bool]]:
    """Name, value, and whether it stands in `atributos`."""
    for name, value in found.items():
        if name != "atributos":
            yield name, value, False
        elif isinstance(value, Mapping):
            yield from ((inner, each, True) for inner, each in value.items())
        elif not is_missing(value):
            faults.append(Fault("atributos", "não é um objeto"))


def own_value(value: Any) -> bool | int | float | str | None:
    """A plain value of a company's own column; text that is a number becomes one.

    Digits behind a leading zero stay text: they are a code.
    """
    if isinstance(value, list | dict):
        raise ValueRefused("use número, texto, booleano ou nulo")
    if isinstance(value, bool) or is_missing(value):
        return value if isinstance(value, bool) else None
    if not isinstance(value, str):
        return _plain_number(read_number(value))
    text = cleaned(value)
    if re.match(r"[-+]?0\d", text) or not any(c.isdigit() for c in text):
        return text
    try:
        return _plain_number(read_number(text.removesuffix("%")))
    except ValueRefused:
        return text


def _plain_number(number: Decimal) -> int | float | str:
    if number == number.to_integral_value():
        return int(number) if abs(number) < LARGEST_EXACT else str(int(number))
    return float(number)


def as_json(value: Any) -> Any:
    """A value of an item as JSON carries it to the database, exactly."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value if value is None or isinstance(value, bool | int | float) else str(value)
