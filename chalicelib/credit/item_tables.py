"""Where the items of each kind are, and how many at once get there and are found again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from chalicelib.core.db import Base
from chalicelib.credit.item_fields import FIELDS, KEYS, Tipo
from chalicelib.credit.items import Item, as_json
from chalicelib.credit.tables import Cliente, Consulta, Limite, Pedido

_MAPPED: Mapping[Tipo, type[Base]] = {
    Tipo.CLIENTES: Cliente,
    Tipo.PEDIDOS: Pedido,
    Tipo.LIMITES: Limite,
    Tipo.CONSULTAS: Consulta,
}


@dataclass(frozen=True)
class ItemTable:
    """The table of a kind.

    Attributes:
        name: Of the table.
        columns: Its columns that hold an item's own values.
        keys: Those that no two items of a dataset share.
        types: Column -> its type, as SQL writes it.
    """

    name: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    types: Mapping[str, str]

    def key_of(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """An item's key."""
        return tuple(values[name] for name in self.keys)

    def record(self, columns: Iterable[str]) -> str:
        """A record definition of columns, for `jsonb_to_recordset`."""
        return ", ".join(f"{name} {self.types[name]}" for name in columns)


@cache
def item_table(tipo: Tipo) -> ItemTable:
    """The table of a kind."""
    table = Base.metadata.tables[_MAPPED[tipo].__tablename__]
    columns = [f.name for f in FIELDS[tipo]]
    if tipo is Tipo.PEDIDOS:
        columns.append("desfecho_informado")
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    types = {column.name: column.type.compile(dialect=dialect) for column in table.columns}
    return ItemTable(table.name, tuple(columns), KEYS[tipo], types)


@dataclass(frozen=True)
class Place:
    """Where a lot belongs."""

    tenant: str
    dataset_id: UUID
    tipo: Tipo
    seq: int

    @property
    def parameters(self) -> dict[str, Any]:
        """What statements call it."""
        return {"tenant": self.tenant, "dataset": self.dataset_id, "seq": self.seq}


def remove_items(session: Session, place: Place) -> set[tuple[Any, ...]]:
    """Delete the items that a lot has brought; gives their keys."""
    table = item_table(place.tipo)
    statement = f"""
        DELETE FROM {table.name} WHERE dataset_id = :dataset AND seq = :seq
        RETURNING {", ".join(table.keys)}
    """
    found = session.execute(text(statement), place.parameters)
    return {tuple(row) for row in found}


def insert_items(session: Session, place: Place, items: Mapping[int, Item]) -> set[int]:
    """Store items by their lines; gives the lines of those whose keys nobody had.

    All insert in the order of keys: two lots that share some wait for each other, not both.
    """
    table = item_table(place.tipo)
    names = ", ".join(table.columns)
    statement = f"""
        INSERT INTO {table.name} (tenant, dataset_id, seq, linha, atributos, {names})
        SELECT :tenant, cast(:dataset AS uuid), cast(:seq AS int), linha, atributos, {names}
        FROM jsonb_to_recordset(cast(:rows AS jsonb))
            AS r(linha int, atributos jsonb, {table.record(table.columns)})
        ORDER BY {", ".join(table.keys)}
        ON CONFLICT DO NOTHING
        RETURNING linha
    """
    if not items:
        return set()
    found = session.execute(text(statement), place.parameters | {"rows": _rows(items)})
    return set(found.scalars())


def find_holders(
    session: Session, place: Place, items: Mapping[int, Item]
) -> dict[int, tuple[int, int]]:
    """Line -> lot and line of the item that has its key in the dataset already."""
    table = item_table(place.tipo)
    statement = f"""
        SELECT r.linha, t.seq, t.linha
        FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r(linha int, {table.record(table.keys)})
        JOIN {table.name} t ON t.tenant = :tenant AND t.dataset_id = :dataset
            AND {" AND ".join(f"t.{name} = r.{name}" for name in table.keys)}
    """
    if not items:
        return {}
    found = session.execute(text(statement), place.parameters | {"rows": _rows(items)})
    return {line: (seq, other) for line, seq, other in found}


def _rows(items: Mapping[int, Item]) -> str:
    rows: Sequence[dict[str, Any]] = [
        {name: as_json(value) for name, value in item.values.items()}
        | {"linha": line, "atributos": item.atributos}
        for line, item in items.items()
    ]
    return json.dumps(rows)
