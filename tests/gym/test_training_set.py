"""The churn training set: who is asked about, and what became of them."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from chalicelib.core.db import unit_of_work
from chalicelib.gym.training_data import (
    LABEL,
    labelled_sql,
    read_training_set,
    snapshot_instants,
)
from chalicelib.ml.training.splits import temporal_split
from tests.gym.conftest import MakeAluno
from tests.gym.histories import change, reader, visit

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def _days(days: float) -> datetime:
    return AT + timedelta(days=days)


def _labels(*instants: datetime) -> dict[int, int]:
    """Member -> label, of those who are in the set at these instants."""
    with unit_of_work(autocommit=True) as session:
        rows = session.execute(text(labelled_sql(instants or (AT,)))).all()
    return {row.aluno_id: row.desistiu for row in rows}


def _label(aluno_id: int) -> int | None:
    return _labels().get(aluno_id)


def test_who_comes_within_30_days_has_stayed(make_aluno: MakeAluno) -> None:
    first, last, late = (make_aluno((5,), now=AT) for _ in range(3))
    visit(first, AT + timedelta(microseconds=1))
    visit(last, _days(30))
    visit(late, _days(30) + timedelta(microseconds=1))
    assert _labels() == {first: 0, last: 0, late: 1}


def test_who_never_comes_again_has_left(make_aluno: MakeAluno) -> None:
    assert _label(make_aluno((5,), now=AT)) == 1


def test_a_cancellation_within_30_days_is_leaving_whoever_still_came(
    make_aluno: MakeAluno, plano_id: int
) -> None:
    within, last, later = (make_aluno((5,), now=AT) for _ in range(3))
    for aluno_id, days in ((within, 20.0), (last, 30.0), (later, 30.01)):
        visit(aluno_id, _days(10))
        change(aluno_id, _days(days), plano_id, ativo=False)
    assert _labels() == {within: 1, last: 1, later: 0}


def test_a_change_of_plano_is_not_leaving(make_aluno: MakeAluno, plano_id: int) -> None:
    aluno_id = make_aluno((5,), now=AT)
    visit(aluno_id, _days(10))
    change(aluno_id, _days(12), plano_id)
    assert _label(aluno_id) == 0


def test_members_too_new_are_left_out(make_aluno: MakeAluno) -> None:
    new = make_aluno((5,), registered_days_ago=29.99, now=AT)
    old_enough = make_aluno((5,), registered_days_ago=30, now=AT)
    assert _labels() == {old_enough: 1}
    assert new not in _labels()


def test_members_already_gone_are_left_out(make_aluno: MakeAluno, plano_id: int) -> None:
    never_came = make_aluno(now=AT)
    absent = make_aluno((30,), now=AT)
    still_here = make_aluno((29.99,), now=AT)
    cancelled = make_aluno((5,), now=AT)
    change(cancelled, _days(-1), plano_id, ativo=False)
    back_again = make_aluno((5,), now=AT)
    change(back_again, _days(-100), plano_id, ativo=False)
    change(back_again, _days(-50), plano_id)
    assert _labels() == {still_here: 1, back_again: 1}
    assert not {never_came, absent, cancelled} & set(_labels())


def test_readers_part_the_members_among_them(make_aluno: MakeAluno) -> None:
    everybody = {make_aluno((5,), now=AT) for _ in range(5)}
    parts = []
    with unit_of_work(autocommit=True) as session:
        for part in range(2):
            rows = session.execute(text(labelled_sql([AT], part, 2))).all()
            parts.append({row.aluno_id for row in rows})
    assert parts[0] | parts[1] == everybody
    assert not parts[0] & parts[1]


FIRST = date(2025, 1, 1)


def _every_day(days: int) -> NDArray[np.int64]:
    return np.full(days, 40, dtype=np.int64)


def _day(number: int) -> datetime:
    """The end of a day on record, counted from 0."""
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number + 1)


def test_snapshots_end_where_labels_are_known_and_begin_after_the_warm_up() -> None:
    found = snapshot_instants(FIRST, _every_day(365), members=100)
    assert found[-1] == _day(365 - 1 - 30)
    assert found[0] >= _day(60)
    assert {b - a for a, b in pairwise(found)} == {timedelta(days=10)}


def test_a_history_of_less_than_three_months_has_no_snapshot() -> None:
    assert snapshot_instants(FIRST, _every_day(90), members=10) == []
    assert snapshot_instants(FIRST, _every_day(91), members=10) == [_day(60)]


def test_no_label_looks_into_a_time_without_records() -> None:
    visits = _every_day(400)
    visits[200:240] = 0  # The turnstile was down.
    found = snapshot_instants(FIRST, visits, members=10)
    # A week is judged as a whole, so two days at either edge may pass.
    assert not [at for at in found if _day(172) <= at <= _day(236)]
    assert [at for at in found if at < _day(172)]
    assert [at for at in found if at > _day(236)]


def test_a_quiet_day_is_not_a_time_without_records() -> None:
    visits = _every_day(365)
    visits[::7] = 0  # Closed on Sundays.
    assert len(snapshot_instants(FIRST, visits, members=10)) > 20


def test_a_large_gym_is_asked_more_rarely() -> None:
    found = snapshot_instants(FIRST, _every_day(730), members=100_000)
    assert len(found) == 12
    assert {b - a for a, b in pairwise(found)} == {timedelta(days=30)}


def test_no_label_of_training_reaches_into_the_period_that_judges(
    make_aluno: MakeAluno,
) -> None:
    for _ in range(3):
        make_aluno(tuple(range(0, 300, 6)), now=AT)
    data = read_training_set(reader())
    assert data is not None
    split = temporal_split(data.instants, LABEL, 4)
    latest_label = data.instants[split.training].max() + np.timedelta64(30, "D")
    assert latest_label <= data.instants[split.validation].min()
    assert not (split.training & split.validation).any()


def test_no_visits_are_no_training_set(make_aluno: MakeAluno) -> None:
    make_aluno()
    assert read_training_set(reader()) is None


def test_the_fingerprint_follows_the_data(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno(tuple(range(0, 200, 5)), now=AT)
    first = read_training_set(reader())
    again = read_training_set(reader())
    visit(aluno_id, _days(-50.5))
    changed = read_training_set(reader())
    assert first is not None
    assert again is not None
    assert changed is not None
    assert first.fingerprint == again.fingerprint != changed.fingerprint
