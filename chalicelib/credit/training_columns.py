"""Which columns a company's model reads, and which of them would give the answer away."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.credit.columns import as_category, as_kind, as_number
from chalicelib.credit.features import BASE_COLUMNS
from chalicelib.credit.kinds import kind_of
from chalicelib.credit.training_data import FEWEST_VALUES, Orders
from chalicelib.ml.columns import Column
from chalicelib.ml.training.bootstrap import Metric, weighted_metric

MOST_COLUMNS = 60
SHORTEST_IDENTIFIER = 20  # Fewer names than this are categories, however few the clientes are.
RARE_SHARE, RARE_ROWS = 0.01, 5
GIVEAWAY = 0.99
SCARCE = f"Traz valor em menos de {FEWEST_VALUES} pedidos."
SOURCES = {"pedido": "pedido", "cliente": "cliente", "limite": "limite", "consulta": "consulta"}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column the model does not read, and why, in pt-BR."""

    coluna: str
    motivo: str

    def to_json(self) -> dict[str, str]:
        """As the card says it."""
        return {"coluna": self.coluna, "motivo": self.motivo}


@dataclass(frozen=True, slots=True)
class Giveaway:
    """A column that by itself tells the outcome, as nothing known beforehand would."""

    column: str
    auc: float
    by_absence: bool


@dataclass(frozen=True)
class Choice:
    """What the model reads and what it does not."""

    columns: tuple[Column, ...]
    left_out: tuple[LeftOut, ...]


def choose_columns(orders: Orders, barred: frozenset[str], ignored: frozenset[str]) -> Choice:
    """The columns worth reading among all there are.

    Args:
        orders: The training rows: what judges is not looked at.
        barred: Declared sensitive by the company's policy.
        ignored: Named by whoever asked for the training.
    """
    kept: list[Column] = []
    left_out: list[LeftOut] = []
    for name in [c.name for c in BASE_COLUMNS] + sorted(orders.own):
        column = declare(orders, name)
        reason = _refusal_by_name(name, barred, ignored) or _refusal(orders, column)
        if reason is None:
            kept.append(column)
        else:
            left_out.append(LeftOut(name, reason))
    left_out += [
        LeftOut(name, _refusal_by_name(name, barred, ignored) or SCARCE)
        for name in sorted(orders.scarce)
    ]
    weakest = sorted(kept, key=lambda c: strength(orders, c), reverse=True)[MOST_COLUMNS:]
    for column in weakest:
        said = f"Há mais de {MOST_COLUMNS} colunas; esta diz das que menos dizem sozinhas."
        left_out.append(LeftOut(column.name, said))
    return Choice(tuple(c for c in kept if c not in weakest), tuple(left_out))


def declare(orders: Orders, name: str) -> Column:
    """A column as these orders show it: its kind, whether logarithms suit it, what is rare."""
    base = next((c for c in BASE_COLUMNS if c.name == name), None)
    if base is not None:
        # The encoder refuses a logarithm of what was ever negative, such as an amount credited.
        numbers = orders.base[name]
        return replace(base, log=base.log and not (numbers < 0).any())
    source, _, attribute = name.partition(".")
    label = f"{attribute.replace('_', ' ')} ({SOURCES[source]})"
    present = [value for value in orders.own[name] if value is not None]
    kind = kind_of(present)
    if kind == "number":
        read = [number for number in map(as_number, present) if number is not None]
        return Column(name, "number", label=label, log=_is_skewed(np.array(read, np.float64)))
    rare = max(RARE_ROWS, math.ceil(RARE_SHARE * len(orders)))
    return Column(name, "category", label=label, rare_below=rare, truth=kind == "bool")


def misfits(orders: Orders, columns: Iterable[Column]) -> dict[str, int]:
    """How many values of each column are of another kind than it, and count as missing."""
    found = {}
    for column in columns:
        if column.name in orders.own:
            values = orders.own[column.name]
            read = zip(values, as_kind(values, column), strict=True)
            found[column.name] = sum(was is not None and now is None for was, now in read)
    return {name: n for name, n in found.items() if n}


def _is_skewed(numbers: NDArray[np.float64]) -> bool:
    """Whether a number is like money: never negative, and some are many times the usual."""
    low, usual, high = np.quantile(numbers, (0.0, 0.5, 0.95))
    return bool(low >= 0 and usual > 0 and high > 8 * usual)


def _refusal_by_name(name: str, barred: frozenset[str], ignored: frozenset[str]) -> str | None:
    if name in barred:
        return "Declarada sensível na política: nunca entra no modelo."
    return "Pedida para ser ignorada." if name in ignored else None


def _refusal(orders: Orders, column: Column) -> str | None:
    """Why a column says nothing that could be learned; None where it may."""
    values = orders.table([column])[column.name]
    present = _present(values)
    if not present.any():
        return "Não traz nenhum valor."
    if present.sum() < FEWEST_VALUES:
        return SCARCE
    distinct = len(set(values[present].tolist()))
    if distinct == 1 and present.all():
        return "Tem o mesmo valor em todos os pedidos."
    if column.kind == "category" and _is_identifier(orders, distinct, present):
        return f"Parece identificar: {distinct} textos diferentes."
    return None


def _is_identifier(orders: Orders, distinct: int, present: NDArray[np.bool_]) -> bool:
    clientes = len(np.unique(orders.who[present]))
    return distinct > max(SHORTEST_IDENTIFIER, clientes / 2)


def _present(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype == object:
        return np.array([value is not None for value in values], dtype=np.bool_)
    found: NDArray[np.bool_] = ~np.isnan(values)
    return found


def strength(orders: Orders, column: Column) -> float:
    """What a column tells alone: the ROC AUC of the better of its readings, 0.5 to 1."""
    return max((auc for auc, _ in _readings(orders, column)), default=0.5)


def giveaways(orders: Orders, columns: Iterable[Column]) -> list[Giveaway]:
    """The columns that tell the outcome by themselves, whether by their value or by being there."""
    found = []
    for column in columns:
        auc, by_absence = max(_readings(orders, column), default=(0.5, False))
        if auc > GIVEAWAY:
            found.append(Giveaway(column.name, auc, by_absence))
    return found


def _readings(orders: Orders, column: Column) -> Iterator[tuple[float, bool]]:
    """The AUC of every way to read one column as a score, and whether only its absence tells."""
    values = orders.table([column])[column.name]
    present = _present(values)
    if not present.all():
        yield _auc(orders.y, (~present).astype(np.float64)), True
    if column.kind == "category":
        yield _auc(orders.y, _rates(values, orders.y, column.rare_below)), False
        return
    if present.any():
        low, high = values[present].min() - 1, values[present].max() + 1
        for missing in (low, high) if not present.all() else (low,):
            yield _auc(orders.y, np.where(present, values, missing)), False
    if present.mean() > 0.5:
        yield _auc(orders.y[present], values[present]), False


def _rates(values: NDArray[Any], y: NDArray[np.int_], rare_below: int) -> NDArray[np.float64]:
    """(n,) the bad share among the orders of each one's category, the rare ones taken together."""
    counts = Counter(values.tolist())
    names = [value if counts[value] >= rare_below else "" for value in values.tolist()]
    bad: Counter[Any] = Counter()
    for name, outcome in zip(names, y.tolist(), strict=True):
        bad[name] += outcome
    rows = Counter(names)
    return np.array([bad[name] / rows[name] for name in names])


def _auc(y: NDArray[np.int_], score: NDArray[np.float64]) -> float:
    """ROC AUC whichever way round; 0.5 where one class is missing."""
    if y.min(initial=1) == y.max(initial=0):
        return 0.5
    everyone = np.ones(len(y))
    found = weighted_metric(Metric.ROC_AUC, y, score, np.arange(len(y)))(everyone)
    return max(found, 1 - found)


def as_plain_groups(values: Iterable[Any]) -> NDArray[np.str_]:
    """(n,) plain values as names of groups."""
    return np.array([as_category(value) or "(sem valor)" for value in values], dtype=np.str_)
