"""Which rows judge a model: entities held out for good, or a later time than it was trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.training.folds import TooLittleData

Moment = date | datetime


def choose_hold_out(
    entity_ids: Iterable[Any], fraction: float, salt: str = ""
) -> NDArray[np.bool_]:
    """Hold the same entities out of every training, on every machine.

    An entity's place is a hash of the salt and of its id as text; it never changes, and a larger
    fraction holds out the same entities and more.

    Args:
        entity_ids: n ids, with repetitions.
        fraction: Expected share of entities held out, 0 to 1.
        salt: Tells apart models that should hold out different entities.

    Returns:
        (n,) whether the row is held out.
    """
    ids = list(entity_ids)
    held_out = {entity: _place(entity, salt) < fraction for entity in set(ids)}
    return np.fromiter((held_out[entity] for entity in ids), dtype=np.bool_, count=len(ids))


@dataclass(frozen=True, slots=True)
class RowSplit:
    """Rows to train on and rows to judge on; some may be in neither.

    Attributes:
        training: (n,) mask.
        validation: (n,) mask.
    """

    training: NDArray[np.bool_]
    validation: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TemporalSplit(RowSplit):
    """Earlier rows and later ones.

    Attributes:
        first_validation: The earliest instant that is judged.
    """

    first_validation: Moment


def temporal_split(
    as_of: Sequence[Moment] | NDArray[Any], gap: timedelta, validation_snapshots: int
) -> TemporalSplit:
    """Judge on the latest snapshots, train on those whose labels were known by then.

    A label looks `gap` ahead of its snapshot. Without the gap, the label of a training row would
    be decided by visits inside the validation period.

    Args:
        as_of: (n,) instant each row was taken at; datetimes, dates or datetime64.
        gap: Length of the label.
        validation_snapshots: How many of the latest distinct instants to judge on.

    Raises:
        TooLittleData: No snapshot is left to train on.
    """
    instants = _instants(as_of)
    snapshots = sorted(set(instants))
    if not 0 < validation_snapshots < len(snapshots):
        raise TooLittleData(f"{len(snapshots)} snapshots, {validation_snapshots} to judge on")
    first_validation = snapshots[-validation_snapshots]
    trained = {instant for instant in snapshots if instant + gap <= first_validation}
    if not trained:
        raise TooLittleData(f"no snapshot lies {gap.days} days before {first_validation}")
    judged = set(snapshots[-validation_snapshots:])
    return TemporalSplit(_member(instants, trained), _member(instants, judged), first_validation)


def time_ordered_folds(
    as_of: Sequence[Moment] | NDArray[Any], gap: timedelta, folds: int, validation_snapshots: int
) -> list[TemporalSplit]:
    """Cross-validation that never learns from the future: each fold judges on the block of
    snapshots after what it trains on, and the last fold judges on the latest block.

    Args:
        as_of: (n,) instant each row was taken at.
        gap: Length of the label.
        folds: How many at the most; those with nothing to train on are left out.
        validation_snapshots: Length of a block.

    Returns:
        The folds, earliest first; rows after a fold's block are in neither of its masks.

    Raises:
        TooLittleData: Not even the last fold has a snapshot to train on.
    """
    instants = np.array(_instants(as_of), dtype=object)
    snapshots = sorted(set(instants.tolist()))
    found: list[TemporalSplit] = []
    for later_blocks in range(folds):
        ends = len(snapshots) - later_blocks * validation_snapshots
        known = _member(instants.tolist(), set(snapshots[: max(ends, 0)]))
        try:
            inner = temporal_split(instants[known].tolist(), gap, validation_snapshots)
        except TooLittleData:
            if not found:
                raise
            break
        found.append(
            TemporalSplit(
                within(known, inner.training),
                within(known, inner.validation),
                inner.first_validation,
            )
        )
    return found[::-1]


def within(outer: NDArray[np.bool_], inner: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask over the rows that `outer` (n,) chose -> the same choice as a mask over all n."""
    found = np.zeros_like(outer)
    found[np.flatnonzero(outer)[inner]] = True
    return found


def _place(entity: Any, salt: str) -> float:
    """Where the entity stands between 0 and 1."""
    digest = hashlib.blake2b(f"{salt}\x00{entity}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _instants(as_of: Sequence[Moment] | NDArray[Any]) -> list[Any]:
    if isinstance(as_of, np.ndarray) and as_of.dtype.kind == "M":
        # datetime64[ns] would come out as plain integers.
        return list(as_of.astype("datetime64[us]").tolist())
    return list(as_of)


def _member(instants: list[Any], chosen: set[Any]) -> NDArray[np.bool_]:
    return np.fromiter((each in chosen for each in instants), dtype=np.bool_, count=len(instants))
