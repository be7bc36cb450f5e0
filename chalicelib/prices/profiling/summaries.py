"""What one column of the kept Parquet holds: counts, quantiles, the most frequent, outliers."""

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chalicelib.prices.profiling.candidates import TIME_NAME
from chalicelib.prices.profiling.conversion import Plan
from chalicelib.prices.profiling.reading import FORMATS, parse_numbers
from chalicelib.prices.schemas_datasets import (
    ColunaPerfil,
    Frequente,
    Histograma,
    PapelColuna,
    ResumoData,
    ResumoNumero,
    ResumoTexto,
    TipoColuna,
)
from chalicelib.prices.values import DATE_FORMS, MISSING_MARKS, NumberFormat, number_text

MOST_FREQUENT = 20
MOST_COUNTED = 50_000
"""Different texts of a column that are counted; of more, those that came first."""
BINS = 40
PART = 250_000
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
MICROSECONDS = 1_000_000

FEWEST_IDENTIFIED = 20
MOST_CATEGORIES = 1_000
LARGEST_CATEGORY_SHARE = 0.5
SMALL_CATEGORY_SHARE = 0.05
LONGEST_CATEGORY = 60
IDENTIFIER_SHARE = 0.98
LONGEST_IDENTIFIER = 40
LONGEST_SHOWN = 200
IDENTIFIER_NAME = re.compile(
    r"(^|[\s_.\-])(id|pid|uuid|guid|cod|c[oó]digo|key|chave|index|[ií]ndice|order|ordem|row|linha"
    r"|registro|matr[ií]cula|n[uú]mero)($|[\s_.\-\d])|[a-z]Id$",
    re.IGNORECASE,
)

Floats = NDArray[np.float64]


def summarise(plan: Plan, chunks: Iterable[pa.Array], rows: int) -> ColunaPerfil:
    """Everything that is said of a column before anybody corrects it, warnings aside.

    Args:
        plan: How the column is kept.
        chunks: Its values, as they are kept.
        rows: How many there are.
    """
    if plan.stored is TipoColuna.NUMERO:
        return _number_column(plan, chunks, rows)
    if plan.stored is TipoColuna.DATA:
        return _date_column(plan, chunks, rows)
    return _text_column(plan, chunks, rows)


def _marks(plan: Plan, absent: int) -> dict[str, int]:
    if plan.readings is None:
        return {"": absent} if absent else {}
    return dict(plan.readings.marks)


def _number_column(plan: Plan, chunks: Iterable[pa.Array], rows: int) -> ColunaPerfil:
    rows, numbers = _gather(chunks, rows)
    truths = sum(np.searchsorted(numbers, [0, 1], "right") - np.searchsorted(numbers, [0, 1]))
    found = describe_numbers(numbers)
    absent = rows - numbers.size
    kind = TipoColuna.IDENTIFICADOR if found.is_identifier(plan.name) else TipoColuna.NUMERO
    return ColunaPerfil(
        nome=plan.name,
        tipo=kind,
        papel=_role(kind, found.distinct),
        guardado=TipoColuna.NUMERO,
        formato_numero=plan.number or NumberFormat(),
        presentes=numbers.size,
        ausentes=absent,
        marcas_ausentes=_marks(plan, absent),
        distintos=found.distinct,
        frequentes=found.frequent,
        numero=found.summary,
        histograma=found.histogram,
        ilegiveis={
            TipoColuna.NUMERO: 0,
            TipoColuna.DATA: numbers.size,
            TipoColuna.BOOLEANO: numbers.size - int(truths),
        },
    )


def _gather(chunks: Iterable[pa.Array], most: int) -> tuple[int, Floats]:
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
    return distinct, [Frequente(valor=number_text(value), linhas=-rows) for rows, value in top]


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
    quantiles = {f"{q:g}": _quantile(numbers, q) for q in QUANTILES}
    low, median, high = (quantiles[name] for name in ("0.25", "0.5", "0.75"))
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


def _date_column(plan: Plan, chunks: Iterable[pa.Array], rows: int) -> ColunaPerfil:
    rows, seconds = _gather(_as_seconds(chunks), rows)
    found = describe_numbers(seconds)
    absent = rows - seconds.size
    span = found.summary
    return ColunaPerfil(
        nome=plan.name,
        tipo=TipoColuna.DATA,
        papel=_role(TipoColuna.DATA, found.distinct),
        guardado=TipoColuna.DATA,
        formato_data=plan.date or "iso",
        presentes=seconds.size,
        ausentes=absent,
        marcas_ausentes=_marks(plan, absent),
        distintos=found.distinct,
        frequentes=[
            Frequente(valor=_instant(float(each.valor)).isoformat(), linhas=each.linhas)
            for each in found.frequent
        ],
        data=ResumoData(minimo=_instant(span.minimo), maximo=_instant(span.maximo))
        if span
        else None,
        histograma=found.histogram,
        ilegiveis={
            TipoColuna.NUMERO: seconds.size,
            TipoColuna.DATA: 0,
            TipoColuna.BOOLEANO: seconds.size,
        },
    )


def _as_seconds(chunks: Iterable[pa.Array]) -> Iterator[pa.Array]:
    for chunk in chunks:
        yield pc.divide(chunk.cast(pa.int64()).cast(pa.float64(), safe=False), MICROSECONDS)


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass
class Texts:
    """What the values of a text column are like.

    Attributes:
        counts: Text -> rows; of some fifty thousand different ones.
        seen: Hashes of all different values of each chunk.
        present: Rows with a value.
        absent: How absence is written -> rows.
        characters: Of all values together.
        longest: Of one.
        spaced: Rows whose value has a blank in it.
    """

    counts: Counter[str] = field(default_factory=Counter)
    seen: "array[int]" = field(default_factory=lambda: array("q"))
    present: int = 0
    absent: Counter[str] = field(default_factory=Counter)
    characters: int = 0
    longest: int = 0
    spaced: int = 0

    def add(self, chunk: pa.Array) -> None:
        """Count some more."""
        encoded = chunk.dictionary_encode(null_encoding="encode")
        values = pc.fill_null(encoded.dictionary, "")
        weights = np.bincount(encoded.indices.to_numpy(), minlength=len(values))
        missing = pc.is_in(pc.utf8_lower(values), pa.array(sorted(MISSING_MARKS)))
        is_missing = missing.to_numpy(zero_copy_only=False)
        lengths = pc.utf8_length(values).to_numpy()
        spaced = pc.match_substring(values, " ").to_numpy(zero_copy_only=False)
        self.characters += int((lengths * weights)[~is_missing].sum())
        self.longest = max(self.longest, int(lengths[~is_missing].max(initial=0)))
        self.spaced += int(weights[spaced & ~is_missing].sum())
        for text, rows, absent in zip(
            values.to_pylist(), weights.tolist(), is_missing, strict=True
        ):
            if absent:
                self.absent[text] += rows
            else:
                self._count(text, rows)

    def _count(self, text: str, rows: int) -> None:
        self.present += rows
        self.seen.append(hash(text))
        if text in self.counts or len(self.counts) < MOST_COUNTED:
            self.counts[text] += rows

    @property
    def distinct(self) -> int:
        """Different values, by their hash."""
        if len(self.counts) < MOST_COUNTED:
            return len(self.counts)
        hashes = np.frombuffer(self.seen, np.int64)
        hashes.sort()
        return 1 + int(np.count_nonzero(hashes[1:] != hashes[:-1]))


def _text_column(plan: Plan, chunks: Iterable[pa.Array], rows: int) -> ColunaPerfil:
    texts, numbers = Texts(), []
    for chunk in chunks:
        texts.add(chunk)
        if plan.number is not None:
            numbers.append(parse_numbers(chunk, plan.number))
    described = describe_numbers(_gather(numbers, rows)[1]) if plan.number is not None else None
    distinct = texts.distinct
    kind = _text_kind(plan, texts, distinct)
    return ColunaPerfil(
        nome=plan.name,
        tipo=kind,
        papel=_role(kind, distinct),
        formato_numero=plan.number,
        presentes=texts.present,
        ausentes=sum(texts.absent.values()),
        marcas_ausentes=dict(texts.absent),
        distintos=distinct,
        frequentes=[
            Frequente(valor=_shortened(text), linhas=rows)
            for text, rows in sorted(texts.counts.items(), key=lambda kept: (-kept[1], kept[0]))[
                :MOST_FREQUENT
            ]
        ],
        numero=described.summary if described else None,
        histograma=described.histogram if described else None,
        texto=ResumoTexto(media=texts.characters / texts.present, maximo=texts.longest)
        if texts.present
        else None,
        ilegiveis=_unreadable(plan),
    )


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _unreadable(plan: Plan) -> dict[TipoColuna, int]:
    readings = plan.readings
    if readings is None:
        raise AssertionError("a column kept as text came as text")
    as_numbers = readings.as_numbers
    in_dates = max((readings.dates[form] for form in DATE_FORMS), default=0)
    in_numbers = int(readings.numbers[: len(FORMATS)].max())
    return {
        # Of two currencies every value is a number, and the column none.
        TipoColuna.NUMERO: 0 if plan.number is not None else max(as_numbers - in_numbers, 1),
        TipoColuna.DATA: as_numbers - in_dates if as_numbers else 0,
        TipoColuna.BOOLEANO: readings.present - readings.truths,
    }


def _text_kind(plan: Plan, texts: Texts, distinct: int) -> TipoColuna:
    present = texts.present
    if plan.readings is not None and plan.readings.yes_and_no():
        return TipoColuna.BOOLEANO
    if present >= FEWEST_IDENTIFIED and distinct >= IDENTIFIER_SHARE * present:
        is_code = texts.spaced < present / 10 and texts.longest <= LONGEST_IDENTIFIER
        return TipoColuna.IDENTIFICADOR if is_code else TipoColuna.TEXTO
    few = distinct <= MOST_CATEGORIES and distinct <= LARGEST_CATEGORY_SHARE * present
    seldom = distinct <= SMALL_CATEGORY_SHARE * present
    is_short = present == 0 or texts.characters / present <= LONGEST_CATEGORY
    is_category = (few or seldom or distinct <= FEWEST_IDENTIFIED) and is_short
    return TipoColuna.CATEGORIA if is_category else TipoColuna.TEXTO


def _role(kind: TipoColuna, distinct: int) -> PapelColuna:
    useless = kind is TipoColuna.IDENTIFICADOR or distinct <= 1
    return PapelColuna.IGNORAR if useless else PapelColuna.ENTRADA
