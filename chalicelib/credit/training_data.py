"""A company's past orders with what became of them, as they are trained on and judged.

A row is an order whose outcome is known, with what was known of it at its own instant
(`features.py`). Everything that is left out is counted, because a company that sends ten thousand
orders and reads of six thousand wants to know why.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import RowMapping, text

from chalicelib.core.runs import JobRun
from chalicelib.credit.columns import as_kind, own_columns
from chalicelib.credit.features import BASE_COLUMNS, OF_ORDERS
from chalicelib.ml.columns import Column
from chalicelib.ml.training.rows import LabelledRows, Mask

log = logging.getLogger("previsto.training")

PAGE = 2_000

OUTCOMES: Mapping[str, Mapping[str, int]] = {
    "faturamento": {"bloqueado": 1, "faturado": 0, "pago": 0, "inadimplente": 0},
    "pagamento": {"inadimplente": 1, "pago": 0},
}
"""Alvo -> desfecho -> whether it is the bad outcome. What was paid, or was not, had been invoiced;
what was blocked nobody knows whether it would have been paid."""

# All ids at once, then a page of orders at a time: a page "after this id" would look at everything
# behind it before it sorted and cut (20,000 orders took 0.9 s a page, ten times over).
IDS = """
SELECT id FROM credito_pedidos
WHERE dataset_id = :dataset AND desfecho = ANY(cast(:desfechos AS text[])) ORDER BY id
"""

COUNTS = """
SELECT
    (SELECT count(*) FROM credito_pedidos WHERE dataset_id = :dataset) AS pedidos,
    (SELECT count(*) FROM credito_pedidos WHERE dataset_id = :dataset AND desfecho = 'bloqueado')
        AS bloqueados,
    (SELECT count(*) FROM credito_clientes WHERE dataset_id = :dataset) AS clientes,
    (SELECT count(*) FROM credito_clientes WHERE dataset_id = :dataset AND vale_desde = :always)
        AS clientes_sem_data,
    (SELECT count(*) FROM credito_limites WHERE dataset_id = :dataset) AS limites,
    (SELECT count(*) FROM credito_limites WHERE dataset_id = :dataset AND vale_desde = :always)
        AS limites_sem_data,
    (SELECT coalesce(sum((a ->> 'itens')::int), 0)::int FROM (
        SELECT a -> 'numeros' AS a FROM credito_datasets d, jsonb_array_elements(d.avisos) a
        WHERE d.id = :dataset AND a ->> 'codigo' = 'mesmo_dia') m) AS itens_do_mesmo_dia
"""
ALWAYS = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
"""What `vale_desde` is where the company did not say since when something was known."""

ALWAYS_KNOWN = {"valor_pedido", "pedidos_12_meses", "pedidos_ruins"}


@dataclass(frozen=True)
class Counts:
    """How much a dataset holds; items without a date count as known always."""

    pedidos: int
    bloqueados: int
    clientes: int
    clientes_sem_data: int
    limites: int
    limites_sem_data: int
    itens_do_mesmo_dia: int = 0


@dataclass(frozen=True)
class Orders:
    """Orders with a known outcome, in the order of their ids.

    Attributes:
        base: Base column -> (n,) float64, NaN where nothing is known.
        own: The company's own column -> (n,) plain values as they came.
        y: (n,) 1 where the outcome was the bad one.
        who: (n,) codes of the clientes.
        as_of: (n,) when they were ordered, datetime64[us] in UTC; NaT where nobody knows.
        known_at: (n,) when the outcome was known; NaT where nobody said.
    """

    base: dict[str, NDArray[np.float64]]
    own: dict[str, NDArray[Any]]
    y: NDArray[np.int_]
    who: NDArray[np.str_]
    as_of: NDArray[np.datetime64]
    known_at: NDArray[np.datetime64]

    def __len__(self) -> int:
        return len(self.y)

    @property
    def valor(self) -> NDArray[np.float64]:
        """(n,) what each was worth, in BRL."""
        return self.base["valor_pedido"]

    @property
    def empty(self) -> Mask:
        """(n,) whether nothing is known of an order but its value and its date."""
        known = np.zeros(len(self), dtype=np.bool_)
        for name, numbers in self.base.items():
            if name not in ALWAYS_KNOWN:
                known |= ~np.isnan(numbers)
        for values in self.own.values():
            known |= np.array([value is not None for value in values], dtype=np.bool_)
        return ~known

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all of it."""
        digest = hashlib.sha256()
        for name in sorted(self.base):
            digest.update(name.encode() + self.base[name].tobytes())
        for name in sorted(self.own):
            digest.update("\x1f".join([name, *map(repr, self.own[name].tolist())]).encode())
        digest.update("\x1f".join(self.who.tolist()).encode())
        for values in (self.y.astype(np.int8), self.as_of, self.known_at):
            digest.update(values.tobytes())
        return digest.hexdigest()

    def part(self, rows: Mask) -> "Orders":
        """Some of them."""
        return replace(
            self,
            base={name: values[rows] for name, values in self.base.items()},
            own={name: values[rows] for name, values in self.own.items()},
            y=self.y[rows],
            who=self.who[rows],
            as_of=self.as_of[rows],
            known_at=self.known_at[rows],
        )

    def raw(self, name: str) -> NDArray[Any]:
        """(n,) values of a column as they came; None where this dataset has no such column."""
        if name in self.base:
            return self.base[name]
        return self.own.get(name, np.full(len(self), None))

    def table(self, columns: Sequence[Column]) -> dict[str, NDArray[Any]]:
        """The columns that a model takes, read as serving reads them."""
        return {column.name: self._column(column) for column in columns}

    def _column(self, column: Column) -> NDArray[Any]:
        if column.name in self.base:
            return self.base[column.name]
        values = as_kind(self.raw(column.name), column)
        return np.array(values, dtype=np.float64 if column.kind == "number" else object)

    def labelled(self, columns: Sequence[Column]) -> LabelledRows:
        """As training and judging take them; without time where that of any order is unknown."""
        is_dated = not np.isnat(self.as_of).any()
        as_of = self.as_of if is_dated else None
        return LabelledRows(self.table(columns), self.y, self.who, as_of, self.fingerprint)


def read_counts(run: JobRun, dataset: UUID) -> Counts:
    """How much a dataset holds."""
    with run.reading() as session:
        found = session.execute(text(COUNTS), {"dataset": dataset, "always": ALWAYS}).one()
    return Counts(*found)


def read_orders(run: JobRun, dataset: UUID, alvo: str, now: datetime) -> Orders:
    """Read the orders whose outcome is known; one taken back meanwhile counts as without one.

    Args:
        run: The job, which shows how far it has come.
        dataset: Whose.
        alvo: What outcomes count.
        now: What orders without a date are looked at as of.
    """
    reading = _Reading(OUTCOMES[alvo])
    for page in _pages(run, dataset, list(OUTCOMES[alvo]), now):
        reading.add(page)
        run.progress(0, 1, f"lendo os pedidos ({len(reading.y)})")
    if reading.taken_back:
        log.info("outcomes were taken back meanwhile", extra={"orders": reading.taken_back})
    return reading.orders()


def _pages(
    run: JobRun, dataset: UUID, outcomes: list[str], now: datetime
) -> Iterator[Sequence[RowMapping]]:
    with run.reading() as session:
        ids = session.scalars(text(IDS), {"dataset": dataset, "desfechos": outcomes}).all()
    for start in range(0, len(ids), PAGE):
        given = {"dataset": dataset, "now": now, "pedidos": ids[start : start + PAGE]}
        with run.reading() as session:
            found = session.execute(text(OF_ORDERS), given).mappings().all()
        yield sorted(found, key=lambda row: row["id"])


class _Reading:
    """Columns that grow page by page."""

    def __init__(self, outcomes: Mapping[str, int]) -> None:
        self._outcomes = outcomes
        self.y: list[int] = []
        self.taken_back = 0
        self._who: list[str] = []
        self._as_of: list[datetime | None] = []
        self._known_at: list[datetime | None] = []
        self._base: dict[str, list[float | None]] = {c.name: [] for c in BASE_COLUMNS}
        self._own: dict[str, list[Any]] = {}

    def add(self, page: Sequence[RowMapping]) -> None:
        """Read a page of `FEATURES`, but for orders whose outcome was taken back meanwhile."""
        read = len(page)
        page = [row for row in page if row["desfecho"] in self._outcomes]
        self.taken_back += read - len(page)
        for name, values in self._base.items():
            values += [row[name] for row in page]
        for row in page:
            for name, value in own_columns(dict(row)).items():
                column = self._own.setdefault(name, [])
                column += [None] * (len(self.y) - len(column))
                column.append(value)
            self.y.append(self._outcomes[row["desfecho"]])
            self._who.append(row["cliente"])
            self._as_of.append(row["pedido_em"])
            self._known_at.append(row["desfecho_em"])

    def orders(self) -> Orders:
        """All that was read."""
        n = len(self.y)
        return Orders(
            base={name: np.array(v, dtype=np.float64) for name, v in self._base.items()},
            own={name: _objects(v + [None] * (n - len(v))) for name, v in self._own.items()},
            y=np.array(self.y, dtype=np.int_),
            who=np.array(self._who, dtype=np.str_),
            as_of=instants(self._as_of),
            known_at=instants(self._known_at),
        )


def _objects(values: list[Any]) -> NDArray[Any]:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def instants(values: Sequence[datetime | None]) -> NDArray[np.datetime64]:
    """Aware instants as datetime64[us] in UTC."""
    plain = [None if each is None else each.astimezone(UTC).replace(tzinfo=None) for each in values]
    return np.array(plain, dtype="datetime64[us]")
