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
class TemporalSplit:
    """Rows to train on and rows to judge on; those between are in neither.

    Attributes:
        training: (n,) mask.
        validation: (n,) mask.
        first_validation: The earliest instant that is judged.
    """

    training: NDArray[np.bool_]
    validation: NDArray[np.bool_]
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
