"""From a dataset to labelled rows: targets, entities, instants, and who judges."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chalicelib.ml.columns import is_missing
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.rows import LabelledRows
from chalicelib.prices.algorithms import Tarefa
from chalicelib.prices.experiment import FEWEST_ROWS, Experimento
from chalicelib.prices.training.data import Dados

FEWEST_OF_A_CLASS = 10
YEARS = (1500, 2500)  # Whole numbers in here that order rows in time are years.


@dataclass(frozen=True)
class Labelled:
    """Rows with a known target.

    Attributes:
        rows: Every column of the dataset, also those that the model does not read; `y` are values,
            or codes of `classes`; `who` are groups where the experiment names them, else equal
            rows are one entity.
        classes: Names by code; None of regressions.
        notes: What was left out, in pt-BR.
    """

    rows: LabelledRows
    classes: tuple[str, ...] | None
    notes: tuple[str, ...]


def labelled(experimento: Experimento, dados: Dados, tarefa: Tarefa) -> Labelled:
    """The rows that can be learned from.

    Raises:
        TooLittleData: Fewer than 60, or all of one value or class.
    """
    target = dados.table[experimento.alvo]
    notes: list[str]
    if tarefa is Tarefa.REGRESSAO:
        known, classes, notes = np.isfinite(target.astype(np.float64)), None, []
    else:
        known, classes, notes = _known_classes(target)
    missing = len(target) - int(known.sum())
    if missing and not notes:
        notes.append(f"{missing} linhas sem valor do alvo ficaram fora")
    table = {name: values[known] for name, values in dados.table.items()}
    y = _codes(table[experimento.alvo], classes)
    if len(y) < FEWEST_ROWS or np.unique(y).size < 2:
        raise TooLittleData(f"{len(y)} rows are too few, or all have the same value")
    rows = LabelledRows(
        table=table,
        y=y,
        who=_entities(experimento, table),
        as_of=_instants(experimento, table),
        fingerprint=_fingerprint(experimento, dados),
    )
    return Labelled(rows, classes, tuple(notes))


def _known_classes(
    target: NDArray[Any],
) -> tuple[NDArray[np.bool_], tuple[str, ...], list[str]]:
    """Which rows are of a class that occurs often enough; the classes, sorted."""
    counts = pd.Series(target, dtype=object).dropna().value_counts()
    common = sorted(str(name) for name, n in counts.items() if n >= FEWEST_OF_A_CLASS)
    rare = sorted(str(name) for name, n in counts.items() if n < FEWEST_OF_A_CLASS)
    known = pd.Series(target, dtype=object).isin(common).to_numpy(dtype=np.bool_)
    notes = []
    if absent := len(target) - int(counts.sum()):
        notes.append(f"{absent} linhas sem valor do alvo ficaram fora")
    if rare:
        shown = ", ".join(rare[:5]) + ("..." if len(rare) > 5 else "")
        notes.append(f"classes com menos de {FEWEST_OF_A_CLASS} linhas ficaram fora: {shown}")
    return known, tuple(common), notes


def _codes(target: NDArray[Any], classes: tuple[str, ...] | None) -> NDArray[Any]:
    if classes is None:
        return target.astype(np.float64)
    place = {name: code for code, name in enumerate(classes)}
    return np.fromiter((place[name] for name in target), dtype=np.int64, count=len(target))


def _entities(experimento: Experimento, table: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """(n,) the group of each row, as text; else a digest of the row, so that equal rows are one."""
    grouped = experimento.validacao.coluna_grupo
    if grouped is not None:
        # Rows without a group are each their own.
        cells = enumerate(table[grouped].tolist())
        return np.array([f"#{i}" if is_missing(c) else f"={c}" for i, c in cells], dtype=object)
    digests = pd.util.hash_pandas_object(pd.DataFrame(dict(table)), index=False)
    entities: NDArray[Any] = digests.to_numpy().astype(np.uint64)
    return entities


def _instants(
    experimento: Experimento, table: Mapping[str, NDArray[Any]]
) -> NDArray[np.datetime64] | None:
    """(n,) the order in time as instants; numbers are years where all may be, else days."""
    name = experimento.validacao.coluna_tempo
    if name is None:
        return None
    values = table[name]
    if values.dtype.kind == "M":
        return _filled(values.astype("datetime64[us]"))
    numbers = values.astype(np.float64)
    known = numbers[~np.isnan(numbers)]
    are_years = bool(((known >= YEARS[0]) & (known <= YEARS[1]) & (known % 1 == 0)).all())
    days = np.where(np.isnan(numbers), known.min(initial=0.0), numbers)
    if are_years:
        return (days.astype(np.int64) - 1970).astype("datetime64[Y]").astype("datetime64[us]")
    return (days * 86_400e6).astype(np.int64).astype("datetime64[us]")


def _filled(instants: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Rows without an instant come first: they may teach, and judge nothing."""
    missing = np.isnat(instants)
    if missing.all():
        raise TooLittleData("no row has an instant")
    return np.where(missing, instants[~missing].min(), instants)


def _fingerprint(experimento: Experimento, dados: Dados) -> str:
    said = f"{dados.impressao_digital}:{experimento.alvo}"
    return hashlib.sha256(said.encode()).hexdigest()
