"""What one column of the kept Parquet holds: counts, quantiles, the most frequent, outliers."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chalicelib.prices.profiling.conversion import Plan
from chalicelib.prices.profiling.numbers import (
    FEWEST_IDENTIFIED,
    MOST_FREQUENT,
    describe_numbers,
    gather,
)
from chalicelib.prices.profiling.parsing import parse_numbers
from chalicelib.prices.profiling.reading import FORMATS
from chalicelib.prices.profiling.texts import Texts
from chalicelib.prices.schemas_datasets import (
    ColunaPerfil,
    Frequente,
    PapelColuna,
    ResumoData,
    ResumoTexto,
    TipoColuna,
)
from chalicelib.prices.values import DATE_FORMS, NumberFormat, instant_text

MICROSECONDS = 1_000_000

MOST_CATEGORIES = 1_000
LARGEST_CATEGORY_SHARE = 0.5
SMALL_CATEGORY_SHARE = 0.05
LONGEST_CATEGORY = 60
IDENTIFIER_SHARE = 0.98
LONGEST_IDENTIFIER = 40
LONGEST_SHOWN = 200


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
    rows, numbers = gather(chunks, rows)
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


def _date_column(plan: Plan, chunks: Iterable[pa.Array], rows: int) -> ColunaPerfil:
    rows, seconds = gather(_as_seconds(chunks), rows)
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
            Frequente(valor=instant_text(_instant(float(each.valor))), linhas=each.linhas)
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


def _text_column(plan: Plan, chunks: Iterable[pa.Array], rows: int) -> ColunaPerfil:
    texts, numbers = Texts(), []
    for chunk in chunks:
        texts.add(chunk)
        if plan.number is not None:
            numbers.append(parse_numbers(chunk, plan.number))
    described = describe_numbers(gather(numbers, rows)[1]) if plan.number is not None else None
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
            for text, rows in texts.most_frequent(MOST_FREQUENT)
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
