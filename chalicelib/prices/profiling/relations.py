"""What columns have to do with each other: correlations, copies, and what gives an answer away.

All of it on a sample of every n-th row, at most 20,000.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chalicelib.prices.profiling.parsing import absent_marks
from chalicelib.prices.schemas_datasets import ColunaPerfil, TipoColuna

COPY_CORRELATION = 0.9995
LEAK_SHARE = 0.95
FEWEST_ROWS = 30
ROWS_PER_GROUP = 5
MOST_COPY_CANDIDATES = 120
NUMBERS = (TipoColuna.NUMERO, TipoColuna.DATA)

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Sampled:
    """A column's sampled values.

    Attributes:
        column: Which.
        numbers: (n,) of a number or a date, NaN where it is absent.
        codes: (n,) of anything else: a number for each different text, -1 where it is absent.
    """

    column: ColunaPerfil
    numbers: Floats | None = None
    codes: Codes | None = None


def sampled(sample: pa.Table, columns: Sequence[ColunaPerfil]) -> list[Sampled]:
    """The sample as numpy has it, column by column."""
    found = []
    for column in columns:
        values = sample.column(column.nome).combine_chunks()
        if column.guardado is TipoColuna.NUMERO:
            found.append(Sampled(column, numbers=values.to_numpy(zero_copy_only=False)))
        elif column.guardado is TipoColuna.DATA:
            seconds = values.cast(pa.int64()).cast(pa.float64(), safe=False)
            found.append(Sampled(column, numbers=seconds.to_numpy(zero_copy_only=False) / 1e6))
        else:
            found.append(Sampled(column, codes=_codes(values)))
    return found


def _codes(values: pa.Array) -> Codes:
    absent = absent_marks(values).to_numpy(zero_copy_only=False)
    codes = values.fill_null("").dictionary_encode().indices.to_numpy().astype(np.int64)
    return np.where(absent, -1, codes)


def rank_correlations(columns: Sequence[Sampled]) -> Floats:
    """(k, k) Spearman's correlations of k number columns, over the rows both have.

    Ranks are a column's own, over all rows it has; NaN where fewer than 30 rows have both, or one
    of the two is constant there.
    """
    kept = [_centred_ranks(each.numbers) for each in columns if _is(each)]
    if not kept:
        return np.zeros((0, 0))
    ranks = np.column_stack(kept)
    present = ~np.isnan(ranks)
    values, mask = np.where(present, ranks, 0.0), present.astype(np.float64)
    rows = mask.T @ mask
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (values.T @ mask) / rows
        squares = (values**2).T @ mask / rows - means**2
        products = values.T @ values / rows - means * means.T
        found: Floats = products / np.sqrt(squares * squares.T)
    found[(rows < FEWEST_ROWS) | ~np.isfinite(found)] = np.nan
    return np.clip(found, -1.0, 1.0)


def _is(each: Sampled) -> bool:
    return each.numbers is not None


def _centred_ranks(numbers: Floats | None) -> Floats:
    """Ranks between -0.5 and 0.5; NaN stays NaN."""
    if numbers is None:
        raise AssertionError("only numbers have ranks")
    present = ~np.isnan(numbers)
    ranks = np.full(numbers.size, np.nan)
    ranks[present] = _ranks(numbers[present]) / max(int(present.sum()), 1) - 0.5
    return ranks


def _ranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def copies(columns: Sequence[Sampled], correlations: Floats) -> list[tuple[str, str, float]]:
    """Pairs of columns of which one says nearly what the other says, and how nearly (0 to 1)."""
    names = [each.column.nome for each in columns if _is(each)]
    # Of two values each, a few rows agree by chance.
    of_many = np.array([each.column.distintos > 2 for each in columns if _is(each)], np.bool_)
    how = np.abs(np.nan_to_num(correlations)) * np.outer(of_many, of_many)
    pairs = np.argwhere(np.triu(how >= COPY_CORRELATION, 1))
    return [(names[a], names[b], float(how[a, b])) for a, b in pairs] + _renamed(columns)


def _renamed(columns: Sequence[Sampled]) -> list[tuple[str, str, float]]:
    """Pairs of text columns whose values stand for each other one by one."""
    texts = [each for each in columns if each.codes is not None][:MOST_COPY_CANDIDATES]
    return [
        (second.column.nome, first.column.nome, 1.0)
        for place, first in enumerate(texts)
        for second in texts[:place]
        if _stand_for_each_other(first, second)
    ]


def _stand_for_each_other(first: Sampled, second: Sampled) -> bool:
    a, b = first.codes, second.codes
    if a is None or b is None:
        return False
    distinct = np.unique(a).size
    if distinct < 2 or distinct != np.unique(b).size or a.size < ROWS_PER_GROUP * distinct:
        return False
    return bool(np.unique(a * (b.max() + 2) + b).size == distinct)


def share_explained(column: Sampled, target: Sampled) -> float | None:
    """How much of a target one column alone gives away, from 0 (nothing) to 1 (all).

    Of a number by a number: the larger of the squared rank correlation, and one less half of von
    Neumann's ratio of the target ordered by the column, which sees any smooth curve. By groups:
    the share of its variance between them, adjusted for their number. Of classes: how many
    of the errors of the commonest class are saved by the commonest one of each group.

    Returns:
        None where there are too few rows to say.
    """
    keep = _present(column) & _present(target)
    if int(keep.sum()) < FEWEST_ROWS:
        return None
    if target.numbers is not None:
        y = target.numbers[keep]
        if column.numbers is not None:
            return _by_number(column.numbers[keep], y)
        return _by_group(_codes_of(column, keep), y)
    return _of_classes(_groups_of(column, keep), _codes_of(target, keep))


def _present(each: Sampled) -> NDArray[np.bool_]:
    if each.numbers is not None:
        return ~np.isnan(each.numbers)
    return _codes_of(each, slice(None)) >= 0


def _codes_of(each: Sampled, keep: NDArray[np.bool_] | slice) -> Codes:
    if each.codes is None:
        raise AssertionError("only texts have codes")
    return each.codes[keep]


def _by_number(x: Floats, y: Floats) -> float | None:
    if y.min() == y.max() or x.min() == x.max():
        return None
    correlation = float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])
    # Rows of the same x stand in no order of y: the file itself may be sorted.
    shuffled = np.random.default_rng(0).permutation(x.size)
    ordered = y[shuffled][np.argsort(x[shuffled], kind="stable")]
    ratio = float(np.mean(np.diff(ordered) ** 2) / np.var(y))
    return max(correlation**2, 1 - ratio / 2, 0.0)


def _by_group(groups: Codes, y: Floats) -> float | None:
    _, group = np.unique(groups, return_inverse=True)
    k, n = int(group.max()) + 1, y.size
    total = float(np.var(y, ddof=1))
    if k < 2 or n < ROWS_PER_GROUP * k or total == 0:
        return None
    means = np.bincount(group, y) / np.bincount(group)
    within = float(((y - means[group]) ** 2).sum()) / (n - k)
    return max(1 - within / total, 0.0)


def _groups_of(column: Sampled, keep: NDArray[np.bool_]) -> Codes:
    """Groups of rows: those of a category, or of twenty quantiles of a number."""
    if column.numbers is None:
        return _codes_of(column, keep)
    numbers = column.numbers[keep]
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, 21)[1:-1]))
    return np.searchsorted(edges, numbers, "right")


def _of_classes(groups: Codes, classes: Codes) -> float | None:
    """Goodman and Kruskal's lambda."""
    _, group = np.unique(groups, return_inverse=True)
    _, kind = np.unique(classes, return_inverse=True)
    k, n = int(group.max()) + 1, kind.size
    counts = np.bincount(kind)
    errors = n - int(counts.max())
    if k < 2 or n < ROWS_PER_GROUP * k or errors < ROWS_PER_GROUP:
        return None
    table = np.zeros((k, counts.size), np.int64)
    np.add.at(table, (group, kind), 1)
    return (errors - (n - int(table.max(axis=1).sum()))) / errors
