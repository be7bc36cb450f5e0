"""The rows that judge: parted, described for the registry, and told apart from what a version saw.

A version's stored split says by itself which rows it learned nothing of, so that versions which
were parted in different ways can be compared all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np

from chalicelib.ml.training.folds import grouped_folds
from chalicelib.ml.training.rows import LabelledRows, Mask
from chalicelib.ml.training.splits import (
    RowSplit,
    TemporalSplit,
    choose_hold_out,
    temporal_split,
    time_ordered_folds,
    within,
)

IN_TIME, BY_ENTITY = "temporal", "entidades"


def split_in_time(rows: LabelledRows, gap: timedelta, share: float) -> TemporalSplit:
    """The latest share of the instants judges; those whose labels were known by then train.

    Args:
        rows: All rows.
        gap: How far a label looks ahead.
        share: Of the distinct instants.

    Raises:
        TooLittleData: No instant is left to train on.
        ValueError: The rows carry no time.
    """
    judging = max(1, round(len(np.unique(rows.instants)) * share))
    return temporal_split(rows.instants, gap, judging)


def split_by_entity(rows: LabelledRows, share: float, salt: str) -> RowSplit:
    """About a share of the entities judges, the same ones for every version; the others train."""
    held_out = choose_hold_out(rows.who.tolist(), share, salt)
    return RowSplit(~held_out, held_out)


def describe_in_time(rows: LabelledRows, split: RowSplit, gap: timedelta) -> dict[str, Any]:
    """How the rows were parted; `treino_ate` is the last instant trained on."""
    return {
        "tipo": IN_TIME,
        "intervalo_dias": gap.days,
        "treino_ate": rows.part(split.training).span()["ate"],
        "validacao_desde": rows.part(split.validation).span()["desde"],
        **_sizes(split),
    }


def describe_by_entity(split: RowSplit, share: float, salt: str) -> dict[str, Any]:
    """How the rows were parted; with share and salt the same entities are found again."""
    return {"tipo": BY_ENTITY, "parcela": share, "sal": salt, **_sizes(split)}


def _sizes(split: RowSplit) -> dict[str, int]:
    return {
        "linhas_treino": int(split.training.sum()),
        "linhas_validacao": int(split.validation.sum()),
    }


def unseen_rows(rows: LabelledRows, stored: Mapping[str, Any]) -> Mask:
    """(n,) which rows a version learned nothing of, by its stored split (law 7).

    Parted in time: those after its training window, labels included. Parted by entity: those of
    the entities it held out.

    Raises:
        ValueError: The split is of another kind.
    """
    if stored["tipo"] == BY_ENTITY:
        return choose_hold_out(rows.who.tolist(), stored["parcela"], stored["sal"])
    if stored["tipo"] != IN_TIME:
        raise ValueError(f"no rule tells which rows a split of type {stored['tipo']!r} left out")
    if rows.as_of is None:
        return np.zeros(len(rows.y), dtype=np.bool_)
    return rows.as_of >= window_end(stored)


def window_end(stored: Mapping[str, Any]) -> np.datetime64:
    """When the last label that a version was trained on was known, from its split in time."""
    label = np.timedelta64(timedelta(days=stored["intervalo_dias"]))
    found: np.datetime64 = np.datetime64(stored["treino_ate"], "us") + label
    return found


def folds_in_time(
    rows: LabelledRows, training: Mask, gap: timedelta, folds: int, share: float
) -> list[RowSplit]:
    """Time-ordered folds among the training rows, each judged on a share of their instants.

    Raises:
        TooLittleData: Not even the last fold has an instant to train on.
        ValueError: The rows carry no time.
    """
    as_of = rows.instants[training]
    block = max(1, round(len(np.unique(as_of)) * share))
    return [
        RowSplit(within(training, fold.training), within(training, fold.validation))
        for fold in time_ordered_folds(as_of, gap, folds, block)
    ]


def folds_by_entity(rows: LabelledRows, training: Mask, folds: int, seed: int) -> list[RowSplit]:
    """Folds of whole entities among the training rows.

    Raises:
        TooLittleData: Fewer entities than folds, or a fold leaves one class only to fit on.
    """
    places = np.flatnonzero(training)
    found = []
    for fit, judge in grouped_folds(rows.y[training], rows.who[training], folds, seed):
        masks = np.zeros((2, len(training)), dtype=np.bool_)
        masks[0, places[fit]] = True
        masks[1, places[judge]] = True
        found.append(RowSplit(masks[0], masks[1]))
    return found
