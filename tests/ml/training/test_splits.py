"""Members held out stay held out; the future is not trained on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.splits import choose_hold_out, temporal_split


def test_hold_out_is_the_same_whatever_else_is_asked() -> None:
    ids = list(range(5000))
    chosen = choose_hold_out(ids, 0.2, salt="churn")
    assert abs(chosen.mean() - 0.2) < 0.02
    backwards = choose_hold_out(ids[::-1], 0.2, salt="churn")[::-1]
    assert (chosen == backwards).all()
    assert (choose_hold_out([str(i) for i in ids], 0.2, salt="churn") == chosen).all()


def test_hold_out_never_changes_between_releases() -> None:
    # Fixed by hand: a hash that changes would let old hold-out rows into training.
    assert choose_hold_out(range(40), 0.2, salt="x").nonzero()[0].tolist() == [0, 26, 36, 38]


def test_a_larger_hold_out_contains_the_smaller() -> None:
    small, large = (choose_hold_out(range(3000), share) for share in (0.1, 0.3))
    assert (small <= large).all()
    assert large.sum() > small.sum()
    assert not choose_hold_out(range(100), 0.0).any()
    assert choose_hold_out(range(100), 1.0).all()


def test_another_salt_holds_out_others() -> None:
    a, b = (choose_hold_out(range(3000), 0.5, salt) for salt in ("a", "b"))
    assert 0.4 < (a == b).mean() < 0.6


def test_rows_of_one_member_stay_together() -> None:
    chosen = choose_hold_out([7, 8, 7, 9, 8, 7], 0.5)
    assert chosen[0] == chosen[2] == chosen[5]
    assert chosen[1] == chosen[4]


def instants(kind: str) -> Any:
    days = [date(2026, month, 1) for month in range(1, 7) for _ in range(2)]
    if kind == "date":
        return days
    if kind == "aware":
        return [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days]
    return np.array(days, dtype=f"datetime64[{kind}]")


@pytest.mark.parametrize("kind", ["date", "aware", "D", "s", "ns"])
def test_labels_of_training_rows_are_known_before_validation(kind: str) -> None:
    split = temporal_split(instants(kind), timedelta(days=30), validation_snapshots=2)
    # Judged: May and June. April's label ends on the first of May, so April is trained on.
    assert split.validation.tolist() == [False] * 8 + [True] * 4
    assert split.training.tolist() == [True] * 8 + [False] * 4


def test_snapshots_inside_the_gap_are_in_neither_part() -> None:
    split = temporal_split(instants("date"), timedelta(days=31), validation_snapshots=2)
    assert split.training.tolist() == [True] * 6 + [False] * 6
    assert split.validation.tolist() == [False] * 8 + [True] * 4
    assert split.first_validation == date(2026, 5, 1)


def test_rows_need_no_order() -> None:
    days = instants("date")
    split = temporal_split(days[::-1], timedelta(days=30), validation_snapshots=1)
    assert split.validation.tolist() == [True] * 2 + [False] * 10


@pytest.mark.parametrize(("gap", "judged"), [(30, 6), (30, 0), (365, 1)])
def test_a_split_without_training_rows_is_refused(gap: int, judged: int) -> None:
    with pytest.raises(TooLittleData):
        temporal_split(instants("date"), timedelta(days=gap), validation_snapshots=judged)
