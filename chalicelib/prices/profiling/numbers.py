"""What a column of numbers is like, found out in place: no copy of it is made."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chalicelib.prices.profiling.candidates import TIME_NAME
from chalicelib.prices.schemas_datasets import Frequente, Histograma, ResumoNumero
from chalicelib.prices.values import number_text

MOST_FREQUENT = 20
FEWEST_IDENTIFIED = 20
BINS = 40
PART = 250_000
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
IDENTIFIER_NAME = re.compile(
    r"(^|[\s_.\-])(id|pid|uuid|guid|cod|c[oó]digo|key|chave|index|[ií]ndice|order|ordem|row|linha"
    r"|registro|matr[ií]cula|n[uú]mero)($|[\s_.\-\d])|[a-z]Id$",
    re.IGNORECASE,
)

Floats = NDArray[np.float64]


def gather(chunks: Iterable[pa.Array], most: int) -> tuple[int, Floats]:
    """Rows, and the (n,) present values, sorted; `most` rows at the most."""
    rows = kept = 0
    numbers = np.empty(most)
    for chunk in chunks:
        present = chunk.drop_null().to_numpy(zero_copy_only=False)
        numbers[kept : kept + present.size] = present
        kept += present.size
        rows += len(chunk)
    numbers = numbers[:kept]
    numbers.sort()
    return rows, numbers


@dataclass(frozen=True)
class Numbers:
    """What sorted numbers are like.

    Attributes:
        distinct: Different values.
        frequent: The most frequent ones.
        summary: None without any.
        histogram: None without any.
        consecutive: Whether they are whole numbers without a gap, each once: of rows, say.
        rows: How many there are.
    """

    distinct: int
    frequent: list[Frequente]
    summary: ResumoNumero | None
    histogram: Histograma | None
    consecutive: bool
    rows: int

    def is_identifier(self, name: str) -> bool:
        """Whether each row has another whole number, and they count rows or are called ids."""
        if self.summary is None or not self.summary.inteiros or self.rows < FEWEST_IDENTIFIED:
            return False
        called = IDENTIFIER_NAME.search(name) is not None
        counts = self.consecutive and TIME_NAME.search(name) is None  # A year a row is no id.
        return self.distinct == self.rows and (counts or called)


def describe_numbers(numbers: Floats) -> Numbers:
    """What (n,) sorted finite numbers are like; they are overwritten.

    No copy of them is made: of a column of millions it would be the most that is in memory.
    """
    if not numbers.size:
        return Numbers(0, [], None, None, consecutive=False, rows=0)
    distinct, frequent = _runs(numbers)
    histogram = _histogram(numbers, min(BINS, distinct))
    reach = numbers[-1] - numbers[0]
    summary = _summary(numbers)
    return Numbers(
        distinct=distinct,
        frequent=frequent,
        summary=summary,
        histogram=histogram,
        consecutive=summary.inteiros and distinct == numbers.size and reach == numbers.size - 1,
        rows=int(numbers.size),
    )


def _histogram(numbers: Floats, bins: int) -> Histograma:
    """Of sorted numbers; numpy's own refuses numbers that differ in their last bits only."""
    edges = np.linspace(numbers[0], numbers[-1], bins + 1)
    inner = np.searchsorted(numbers, edges[1:-1], "left")
    counts = np.diff(np.concatenate(([0], inner, [numbers.size])))
    return Histograma(bordas=edges.tolist(), linhas=counts.tolist())


def _runs(numbers: Floats) -> tuple[int, list[Frequente]]:
    """How many different ones there are, and the most frequent; of equals the smaller ones."""
    distinct, top = 0, list[tuple[int, float]]()
    for part in _parts(numbers):
        starts = np.flatnonzero(np.concatenate(([True], part[1:] != part[:-1])))
        rows = np.diff(np.append(starts, part.size))
        distinct += starts.size
        most = np.argsort(-rows, kind="stable")[:MOST_FREQUENT]
        top += [(-int(rows[i]), float(part[starts[i]])) for i in most]
        top = sorted(top)[:MOST_FREQUENT]
    repeated = [each for each in top if each[0] < -1 or distinct <= MOST_FREQUENT]
    return distinct, [Frequente(valor=number_text(value), linhas=-rows) for rows, value in repeated]


def _parts(numbers: Floats) -> Iterator[Floats]:
    """Sorted numbers in pieces that end with a value's last row."""
    begin = 0
    while begin < numbers.size:
        last = numbers[min(begin + PART, numbers.size) - 1]
        end = int(np.searchsorted(numbers, last, "right"))
        yield numbers[begin:end]
        begin = end


def _summary(numbers: Floats) -> ResumoNumero:
    """Of sorted numbers, which are overwritten."""
    # Names of one length: PostgreSQL sorts the keys of an object by it first.
    quantiles = {f"p{round(100 * q):02}": _quantile(numbers, q) for q in QUANTILES}
    low, median, high = (quantiles[name] for name in ("p25", "p50", "p75"))
    reach = 1.5 * (high - low)
    inside = np.searchsorted(numbers, high + reach, "right") - np.searchsorted(
        numbers, low - reach, "left"
    )
    mean = float(numbers.mean())
    squares = sum(float(((part - mean) ** 2).sum()) for part in _parts(numbers))
    below, to_zero = (int(np.searchsorted(numbers, 0.0, side)) for side in ("left", "right"))
    return ResumoNumero(
        minimo=float(numbers[0]),
        mediana=median,
        maximo=float(numbers[-1]),
        media=mean,
        desvio=(squares / (numbers.size - 1)) ** 0.5 if numbers.size > 1 else 0.0,
        quantis=quantiles,
        inteiros=all(bool((np.floor(part) == part).all()) for part in _parts(numbers)),
        zeros=to_zero - below,
        negativos=below,
        no_maximo=int(numbers.size - np.searchsorted(numbers, numbers[-1], "left")),
        fora_iqr=int(numbers.size - inside),
        fora_z=_beyond_robust_z(numbers, median),
    )


def _quantile(numbers: Floats, q: float) -> float:
    """Of sorted numbers, with a straight line between neighbours, as numpy has it."""
    place = q * (numbers.size - 1)
    before = int(place)
    after = min(before + 1, numbers.size - 1)
    return float(numbers[before] + (place - before) * (numbers[after] - numbers[before]))


def _beyond_robust_z(numbers: Floats, median: float) -> int | None:
    """The numbers become their distances from the median."""
    numbers -= median
    np.abs(numbers, out=numbers)
    numbers.sort()
    spread = _quantile(numbers, 0.5)
    if spread == 0:
        return None
    return int(numbers.size - np.searchsorted(numbers, 3.5 * spread / 0.6745, "right"))
