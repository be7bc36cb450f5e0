"""A company's past orders with what became of them, as they are trained on and judged.

A row is an order whose outcome is known, with what was known of it at its own instant
(`features.py`). Everything that is left out is counted, because a company that sends ten thousand
orders and reads of six thousand wants to know why.
"""

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
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
MOST_ROWS = 200_000  # Of more, the latest: 60 columns of them are 100 MB, and they say it all.
FEWEST_VALUES = 5

OUTCOMES: Mapping[str, Mapping[str, int]] = {
    "faturamento": {"bloqueado": 1, "faturado": 0, "pago": 0, "inadimplente": 0},
    "pagamento": {"inadimplente": 1, "pago": 0},
}
"""Alvo -> desfecho -> whether it is the bad outcome. What was paid, or was not, had been invoiced;
what was blocked nobody knows whether it would have been paid."""

# All ids at once, then a page of orders at a time: a page "after this id" would look at everything
# behind it before it sorted and cut (20,000 orders took 0.9 s a page, ten times over).
IDS = """
SELECT id, count(*) OVER () AS todos FROM credito_pedidos
WHERE dataset_id = :dataset AND desfecho = ANY(cast(:desfechos AS text[]))
ORDER BY pedido_em DESC NULLS LAST, id DESC LIMIT :most
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
        older: How many more have a known outcome and were not read, for there are so many later.
        scarce: Own columns that were dropped, for hardly any order has a value.
    """

    base: dict[str, NDArray[np.float64]]
    own: dict[str, NDArray[Any]]
    y: NDArray[np.int_]
    who: NDArray[np.str_]
    as_of: NDArray[np.datetime64]
    known_at: NDArray[np.datetime64]
    older: int = 0
    scarce: frozenset[str] = frozenset()

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


def read_orders(
    run: JobRun, dataset: UUID, alvo: str, now: datetime, most: int = MOST_ROWS
) -> Orders:
    """Read the orders whose outcome is known, the latest where there are more than enough.

    One taken back meanwhile counts as without one.

    Args:
        run: The job, which shows how far it has come.
        dataset: Whose.
        alvo: What outcomes count.
        now: What orders without a date are looked at as of.
        most: How many at most.
    """
    asked = {"dataset": dataset, "desfechos": list(OUTCOMES[alvo]), "most": most}
    with run.reading() as session:
        listed = session.execute(text(IDS), asked).all()
    ids = sorted(row.id for row in listed)
    reading = _Reading(OUTCOMES[alvo])
    for start in range(0, len(ids), PAGE):
        given = {"dataset": dataset, "now": now, "pedidos": ids[start : start + PAGE]}
        with run.reading() as session:
            found = session.execute(text(OF_ORDERS), given).mappings().all()
        reading.add(sorted(found, key=lambda row: row["id"]))
        run.progress(0, 1, f"lendo os pedidos ({reading.n})")
    if reading.taken_back:
        log.info("outcomes were taken back meanwhile", extra={"orders": reading.taken_back})
    return reading.orders(older=listed[0].todos - len(ids) if listed else 0)


class _Reading:
    """Columns that grow page by page: arrays, since lists of objects take four times the room."""

    def __init__(self, outcomes: Mapping[str, int]) -> None:
        self._outcomes = outcomes
        self.taken_back = 0
        self._places: list[slice] = []
        self._plain: dict[str, list[NDArray[Any]]] = defaultdict(list)
        self._own: dict[str, dict[int, NDArray[Any]]] = defaultdict(dict)
        self._seen = Counter[str]()
        self._texts: dict[str, str] = {}

    @property
    def n(self) -> int:
        """How many orders were read."""
        return self._places[-1].stop if self._places else 0

    def add(self, page: Sequence[RowMapping]) -> None:
        """Read a page of `FEATURES`, but for orders whose outcome was taken back meanwhile."""
        read = len(page)
        page = [row for row in page if row["desfecho"] in self._outcomes]
        self.taken_back += read - len(page)
        for column in BASE_COLUMNS:
            numbers = np.array([row[column.name] for row in page], dtype=np.float64)
            self._plain[column.name].append(numbers)
        outcomes = [self._outcomes[row["desfecho"]] for row in page]
        self._plain["y"].append(np.array(outcomes, dtype=np.int_))
        self._plain["who"].append(np.array([row["cliente"] for row in page], dtype=np.str_))
        self._plain["as_of"].append(instants([row["pedido_em"] for row in page]))
        self._plain["known_at"].append(instants([row["desfecho_em"] for row in page]))
        number = len(self._places)
        for place, row in enumerate(page):
            for name, value in own_columns(dict(row)).items():
                pages = self._own[name]
                if number not in pages:
                    pages[number] = np.full(len(page), None)
                pages[number][place] = self._one(value)
                self._seen[name] += value is not None
        self._places.append(slice(self.n, self.n + len(page)))

    def _one(self, value: Any) -> Any:
        """The value; of equal texts always the same one."""
        return self._texts.setdefault(value, value) if isinstance(value, str) else value

    def orders(self, older: int) -> Orders:
        """All that was read."""
        scarce = {name for name in self._own if self._seen[name] < FEWEST_VALUES}
        return Orders(
            base={column.name: self._whole(column.name, np.float64) for column in BASE_COLUMNS},
            own={name: self._filled(name) for name in self._own if name not in scarce},
            y=self._whole("y", np.int_),
            who=self._whole("who", np.str_),
            as_of=self._whole("as_of", "datetime64[us]"),
            known_at=self._whole("known_at", "datetime64[us]"),
            older=older,
            scarce=frozenset(scarce),
        )

    def _whole(self, name: str, dtype: Any) -> NDArray[Any]:
        parts = self._plain.pop(name, [])
        return np.concatenate(parts) if parts else np.array([], dtype=dtype)

    def _filled(self, name: str) -> NDArray[Any]:
        whole = np.full(self.n, None)
        for number, values in self._own[name].items():
            whole[self._places[number]] = values
        return whole


def instants(values: Sequence[datetime | None]) -> NDArray[np.datetime64]:
    """Aware instants as datetime64[us] in UTC."""
    plain = [None if each is None else each.astimezone(UTC).replace(tzinfo=None) for each in values]
    return np.array(plain, dtype="datetime64[us]")
