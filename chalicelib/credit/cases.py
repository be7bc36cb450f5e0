"""What is known of an order when it is decided: the model's columns, and what the rules look at.

Pure. A case is stored with its decision and read back whole, so that the decision can be made
again, and it can be changed, so that what would have been decided otherwise can be found.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from chalicelib.credit.columns import as_number
from chalicelib.credit.features import BASE_COLUMNS, OWN
from chalicelib.credit.policy import is_own

FORMAT = 1
CENT = Decimal("0.01")
ATTRIBUTES = tuple(f"atributos_{source}" for source in OWN)
BASE_NAMES = tuple(column.name for column in BASE_COLUMNS)
AMOUNTS = ("valor", "limite", "utilizado", "exposicao")


class UnknownFormat(ValueError):
    """A stored case was written in a format that this version does not read."""


@dataclass(frozen=True)
class Case:
    """An order as it is decided on.

    Attributes:
        row: The base columns by name, and `atributos_cliente` and so on, as `table_of` takes
            them; no sensitive column.
        as_of: The order's instant.
        valor: Of the order, in BRL.
        limite: The cliente's, in BRL; None without one.
        utilizado: How much of it was used when it was granted; None where nobody said.
        exposicao: How much of it is used now, without this order.
        cliente_conhecido: Whether anything is known of the cliente.
        falencia: Whether Serasa has ever known of a bankruptcy; None without a query.
    """

    row: Mapping[str, Any]
    as_of: datetime
    valor: Decimal
    limite: Decimal | None
    utilizado: Decimal | None
    exposicao: Decimal
    cliente_conhecido: bool
    falencia: bool | None

    @classmethod
    def of_row(cls, found: Mapping[str, Any], as_of: datetime, valor: Decimal) -> Self:
        """The case that a row of `FEATURES`, with the exposure beside it, tells of."""
        known = {name: found[name] for name in BASE_NAMES}
        own = {name: dict(found[name] or {}) for name in ATTRIBUTES}
        return cls(
            row={**known, **own},
            as_of=as_of,
            valor=valor,
            limite=found["limite"],
            utilizado=found["limite_utilizado"],
            exposicao=found["exposicao"],
            cliente_conhecido=found["cliente_conhecido"],
            falencia=found["falencia"],
        )

    def value(self, name: str) -> Any:
        """A column's value, the company's own ones included; None where there is none."""
        if not is_own(name):
            return self.row[name]
        source, _, attribute = name.partition(".")
        return self.row[f"atributos_{source}"].get(attribute)

    def number(self, name: str) -> float | None:
        """A column's value where it is a number."""
        return as_number(self.value(name))

    def without(self, names: list[str]) -> tuple[Self, dict[str, Any]]:
        """The case without these columns, and their values: nothing that decides sees them."""
        taken = {name: self.value(name) for name in names}
        row = {k: dict(v) if k in ATTRIBUTES else v for k, v in self.row.items()}
        for name in names:
            if is_own(name):
                source, _, attribute = name.partition(".")
                row[f"atributos_{source}"].pop(attribute, None)
            else:
                row[name] = None
        return replace(self, row=row), taken

    def columns_after(self, changes: Mapping[str, float]) -> dict[str, float | None]:
        """Every column that is another when some are changed: these, and what follows from them.

        Args:
            changes: Column -> new value; `valor_pedido` carries the use of the limit with it.
        """
        after: dict[str, float | None] = dict(changes)
        valor, limite = changes.get("valor_pedido"), changes.get("limite_credito")
        if valor is None and limite is None:
            return after
        used = float(self.utilizado or 0) + (float(self.valor) if valor is None else valor)
        limit = self.row["limite_credito"] if limite is None else limite
        after["uso_do_limite"] = used / limit if limit else None
        relative = self.row["valor_sobre_media"]
        if valor is not None and relative is not None and self.valor:
            after["valor_sobre_media"] = relative * valor / float(self.valor)
        return after

    def changed(self, changes: Mapping[str, float]) -> Self:
        """The case with some columns changed, and with what follows from them."""
        row = dict(self.row)
        for name, value in self.columns_after(changes).items():
            if is_own(name):
                source, _, attribute = name.partition(".")
                own = f"atributos_{source}"
                row[own] = {**row[own], attribute: value}
            else:
                row[name] = value
        valor, limite = changes.get("valor_pedido"), changes.get("limite_credito")
        return replace(
            self,
            row=row,
            valor=self.valor if valor is None else _amount(valor),
            limite=self.limite if limite is None else _amount(limite),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for `from_json`; amounts as text, to the cent."""
        amounts = {name: _written(getattr(self, name)) for name in AMOUNTS}
        return {
            "formato": FORMAT,
            "linha": dict(self.row),
            "em": self.as_of.isoformat(),
            "cliente_conhecido": self.cliente_conhecido,
            "falencia": self.falencia,
            **amounts,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The case that `to_json` stored.

        Raises:
            UnknownFormat: Another version of this module wrote it.
        """
        if stored.get("formato") != FORMAT:
            raise UnknownFormat(f"case format {stored.get('formato')!r}, expected {FORMAT}")
        row = stored["linha"]
        # jsonb hands 3.0 back as the integer 3.
        base = {name: None if row[name] is None else float(row[name]) for name in BASE_NAMES}
        amounts = {name: _read(stored[name]) for name in AMOUNTS}
        return cls(
            row={**base, **{name: row[name] for name in ATTRIBUTES}},
            as_of=datetime.fromisoformat(stored["em"]),
            cliente_conhecido=stored["cliente_conhecido"],
            falencia=stored["falencia"],
            **amounts,
        )


def _amount(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(CENT)


def _written(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _read(written: str | None) -> Any:
    return None if written is None else Decimal(written)
