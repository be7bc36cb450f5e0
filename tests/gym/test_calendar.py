"""A member's calendar: local days, habits, weeks in a row, the rhythm beside the usual one."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from chalicelib.core import cache
from chalicelib.core.auth import Role
from chalicelib.core.cache import AnswerCache
from chalicelib.core.clock import local_day
from chalicelib.core.db import DatabaseRole, engine, unit_of_work
from chalicelib.core.redis_link import redis_link
from chalicelib.core.settings import settings
from chalicelib.gym.kept_answers import Computed
from chalicelib.gym.schemas_calendar import CalendarioQuery
from chalicelib.gym.service_calendar import Period, calendar, calendar_json
from tests.client import Client, assert_problem
from tests.conftest import MakeUser
from tests.gym.conftest import MakeAluno
from tests.gym.histories import known, visit

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)  # A Wednesday, noon in São Paulo.
YEAR = Period(date(2025, 3, 19), date(2026, 3, 18))


def _computed(aluno_id: int, now: datetime = NOW, period: Period = YEAR) -> Computed:
    with unit_of_work(autocommit=True) as session:
        return calendar(session, aluno_id, period, now)


def _calendar(aluno_id: int, now: datetime = NOW, period: Period = YEAR) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_computed(aluno_id, now, period).text)
    return found


def _days(found: dict[str, Any]) -> dict[str, tuple[int, int, float | None]]:
    """Day -> visits, those measured, minutes; of the days with a visit."""
    return {
        day["dia"]: (day["visitas"], day["medidas"], day["minutos"])
        for day in found["dias"]
        if day["visitas"]
    }


def _visit(aluno_id: int, entrada: str, minutes: float | None = 60) -> None:
    visit(aluno_id, datetime.fromisoformat(entrada), minutes)


def test_days_begin_at_midnight_of_sao_paulo(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    _visit(aluno_id, "2026-03-09T02:59:59Z", None)
    _visit(aluno_id, "2026-03-09T03:00:00Z", None)
    assert _days(_calendar(aluno_id)) == {"2026-03-08": (1, 0, None), "2026-03-09": (1, 0, None)}


def test_visit_over_midnight_belongs_to_the_day_of_its_entry(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    _visit(aluno_id, "2026-03-09T23:30:00-03:00", 90)
    assert _days(_calendar(aluno_id)) == {"2026-03-09": (1, 1, 90.0)}


def test_minutes_are_those_of_visits_whose_exit_is_known(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    _visit(aluno_id, "2026-03-09T08:00:00-03:00", 30.5)
    _visit(aluno_id, "2026-03-09T12:00:00-03:00", 40)
    _visit(aluno_id, "2026-03-09T19:00:00-03:00", None)
    found = _calendar(aluno_id, period=Period(date(2026, 3, 9), date(2026, 3, 10)))
    assert found["dias"] == [
        {"dia": "2026-03-09", "visitas": 3, "medidas": 2, "minutos": 70.5},
        {"dia": "2026-03-10", "visitas": 0, "medidas": 0, "minutos": 0.0},
    ]


def test_days_on_which_clocks_change_are_one_row_each(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    # On 4 November 2018 midnight was skipped in São Paulo; on 16 February 2019 the hour from 23:00
    # came twice, at first at UTC-2.
    for entrada in (
        "2018-11-04T02:59:59Z",  # Saturday, 23:59:59.
        "2018-11-04T03:00:00Z",  # Sunday, 01:00.
        "2019-02-17T01:30:00Z",  # Saturday, 23:30.
        "2019-02-17T02:30:00Z",  # Saturday, 23:30 again.
        "2019-02-17T03:00:00Z",  # Sunday, 00:00.
    ):
        _visit(aluno_id, entrada, None)
    period = Period(date(2018, 11, 1), date(2019, 2, 28))
    found = _calendar(aluno_id, datetime(2019, 3, 1, tzinfo=UTC), period)
    assert len(found["dias"]) == 120
    assert {day: counts[0] for day, counts in _days(found).items()} == {
        "2018-11-03": 1,
        "2018-11-04": 1,
        "2019-02-16": 2,
        "2019-02-17": 1,
    }


def test_every_day_of_the_period_has_a_row_and_no_other(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno((0.1, 10, 20), now=NOW)
    found = _calendar(aluno_id, period=Period(date(2026, 3, 8), date(2026, 4, 2)))
    assert [day["dia"] for day in found["dias"]] == [
        str(date(2026, 3, 8) + timedelta(days=n)) for n in range(26)
    ]
    assert list(_days(found)) == ["2026-03-08", "2026-03-18"]


def test_usual_weekdays_and_hours_are_local(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    for week in range(8):
        # Mondays at 22:30 in São Paulo are Tuesdays in UTC.
        visit(aluno_id, datetime(2026, 3, 17, 1, 30, tzinfo=UTC) - timedelta(weeks=week))
    _visit(aluno_id, "2026-03-12T07:00:00-03:00")
    visit(aluno_id, NOW - timedelta(weeks=12))  # Just out of the window.
    found = _calendar(aluno_id)["habito"]
    assert found["visitas"] == 9
    assert [day["dia"] for day in found["dias_da_semana"] if day["usual"]] == ["segunda-feira"]
    assert [(hour["hora"], hour["visitas"]) for hour in found["horas"]] == [(7, 1), (22, 8)]


def test_few_visits_are_not_called_a_habit(make_aluno: MakeAluno) -> None:
    recent = tuple(range(1, 8))
    assert _calendar(make_aluno((*recent, 84.1, 90), now=NOW))["habito"] is None
    assert _calendar(make_aluno((*recent, 83.9), now=NOW))["habito"]["visitas"] == 8


def test_weeks_in_a_row_are_local_and_reach_beyond_the_period(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno(registered_days_ago=2_000, now=NOW)
    _visit(aluno_id, "2026-03-09T02:30:00Z")  # A Sunday evening: the week of 2 March.
    _visit(aluno_id, "2026-03-10T12:00:00Z")
    for week in range(4):
        visit(aluno_id, datetime(2023, 5, 1, 12, tzinfo=UTC) + timedelta(weeks=week))
    found = _calendar(aluno_id)
    assert found["sequencia"] == {
        "atual_semanas": 2,
        "maior_semanas": 4,
        "maior_desde": "2023-05-01",
    }
    # The week is not over at the last minute of its Sunday, and is a minute later.
    sunday = datetime(2026, 3, 23, 2, 59, tzinfo=UTC)
    assert _calendar(aluno_id, sunday)["sequencia"]["atual_semanas"] == 2
    monday = sunday + timedelta(minutes=1)
    assert _calendar(aluno_id, monday)["sequencia"]["atual_semanas"] == 0


def test_rhythm_is_the_one_the_model_sees(make_aluno: MakeAluno) -> None:
    visits = (1, 5, 12, 19, 26, *(29 + 3.5 * n for n in range(24)))
    aluno_id = make_aluno(visits, now=NOW)
    features = known(aluno_id, NOW)
    assert _calendar(aluno_id)["ritmo"] == {
        "recente": features["frequencia_semanal"],
        "habitual": 2.0,
        "variacao": features["variacao_do_ritmo"],
        "tendencia": "caindo",
    }
    assert features["variacao_do_ritmo"] == -0.75


def test_trend_is_not_said_of_newcomers_and_of_nobody(make_aluno: MakeAluno) -> None:
    visits = (1, 2, 3, 30, 40, 50)
    young = make_aluno(visits, registered_days_ago=55, now=NOW)
    assert _calendar(young)["ritmo"]["tendencia"] is None
    assert _calendar(young)["ritmo"]["recente"] == 0.75
    older = make_aluno(visits, registered_days_ago=56, now=NOW)
    assert _calendar(older)["ritmo"]["tendencia"] == "estável"
    never_came = _calendar(make_aluno(now=NOW))
    assert never_came["ritmo"] == {
        "recente": 0.0,
        "habitual": 0.0,
        "variacao": 0.0,
        "tendencia": None,
    }
    assert never_came["sequencia"]["maior_desde"] is None


def test_member_whom_a_clock_ahead_registered_has_no_rhythm_yet(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno(registered_days_ago=-0.001, now=NOW)
    assert set(_calendar(aluno_id)["ritmo"].values()) == {None}


def test_last_year_is_answered_when_nothing_is_said(
    operador: Client, make_aluno: MakeAluno
) -> None:
    path = f"/aluno/{make_aluno((0.0,))}/frequencia/calendario"
    before = local_day(datetime.now(UTC), settings().local_timezone)
    answer = operador.get(path).json
    assert answer["ate"] in {str(before), str(before + timedelta(days=1))}
    assert len(answer["dias"]) == 365
    assert (answer["dias"][0]["dia"], answer["dias"][-1]["dia"]) == (answer["de"], answer["ate"])
    assert sum(day["visitas"] for day in answer["dias"]) == 1
    leap = operador.get(path, de="2024-01-01", ate="2024-12-31").json
    assert len(leap["dias"]) == 366
    assert len(operador.get(path, ate="1970-01-01").json["dias"]) == 365


def test_bad_periods_and_unknown_members_are_refused(
    operador: Client, make_aluno: MakeAluno
) -> None:
    path = f"/aluno/{make_aluno()}/frequencia/calendario"
    for query in (
        {"de": "2026-03-02", "ate": "2026-03-01"},
        {"de": "2025-01-01", "ate": "2026-01-02"},
        {"de": "2199-01-01"},
        {"de": "2001-01-01"},
        {"de": "ontem"},
        {"ate": "0001-01-01"},
        {"dias": 7},
    ):
        assert_problem(operador.get(path, **query), 422, "ValidationFailed")
    assert_problem(operador.get("/aluno/404/frequencia/calendario"), 404, "AlunoNotFound")


def test_who_may_read_the_calendar(client_of: MakeUser, make_aluno: MakeAluno) -> None:
    path = f"/aluno/{make_aluno((1,))}/frequencia/calendario"
    for role in (Role.ADMIN, Role.OPERADOR, Role.CIENTISTA, Role.LEITOR):
        assert client_of(role).get(path).status == 200
    assert_problem(client_of(Role.EMPRESA, "acme").get(path), 403, "Forbidden")
    assert_problem(Client().get(path), 401, "Unauthorized")


@contextmanager
def _connections_taken() -> Iterator[list[object]]:
    """Each statement of a session in autocommit takes a connection from the pool."""
    taken: list[object] = []
    pool = engine(DatabaseRole.APP).pool

    def note(connection: object, *_: object) -> None:
        taken.append(connection)

    event.listen(pool, "checkout", note)
    yield taken
    event.remove(pool, "checkout", note)


def test_calendar_is_one_statement(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno(tuple(range(1, 300)), now=NOW)
    with _connections_taken() as taken:
        _computed(aluno_id)
    assert len(taken) == 1


@pytest.fixture
def kept(
    environment: dict[str, str], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> AnswerCache:
    """The cache in use."""
    monkeypatch.setenv("CACHE_URL", redis_url)
    for cached in (settings, redis_link, cache.answer_cache):
        cached.cache_clear()
    found = cache.answer_cache()
    assert found is not None
    return found


def test_calendar_is_kept_by_its_days_until_the_member_changes(
    operador: Client, make_aluno: MakeAluno, kept: AnswerCache
) -> None:
    aluno_id = make_aluno((1, 2, 3))
    path = f"/aluno/{aluno_id}/frequencia/calendario"
    first, second = operador.get(path), operador.get(path)
    assert (kept.hits, kept.misses) == (1, 1)
    assert first.body == second.body
    yesterday = str(date.fromisoformat(first.json["ate"]) - timedelta(days=1))
    assert operador.get(path, ate=yesterday).json["ate"] == yesterday
    assert kept.hits == 1
    assert operador.post("/aluno/checkin", {"aluno_id": aluno_id}).status == 201
    assert sum(day["visitas"] for day in operador.get(path).json["dias"]) == 4
    assert kept.hits == 1
    assert_problem(operador.get("/aluno/404/frequencia/calendario"), 404, "AlunoNotFound")


def test_calendar_is_kept_for_twelve_hours_and_of_newcomers_never(
    make_aluno: MakeAluno, kept: AnswerCache
) -> None:
    query = CalendarioQuery(de=YEAR.first, ate=YEAR.last)

    def hits(aluno_id: int, *later: float) -> int:
        before = kept.hits
        for hours in later:
            with unit_of_work(autocommit=True) as session:
                calendar_json(session, aluno_id, query, NOW + timedelta(hours=hours))
        return kept.hits - before

    assert hits(make_aluno(now=NOW), 0, 11.9) == 1
    assert hits(make_aluno(now=NOW), 0, 12.1) == 0
    assert hits(make_aluno(registered_days_ago=111, now=NOW), 0, 0) == 0


@pytest.mark.parametrize("seed", range(5))
def test_time_alone_changes_nothing_before_it_was_said_to(make_aluno: MakeAluno, seed: int) -> None:
    chance = random.Random(seed)
    # The last one is five minutes ahead, as a turnstile's clock may be.
    days = (*sorted(chance.uniform(0, 130) for _ in range(30)), -5 / 1440)
    aluno_id = make_aluno(days, now=NOW)
    now = NOW
    assert _computed(aluno_id).changes_at == NOW + timedelta(minutes=5)
    for _ in range(12):
        found = _computed(aluno_id, now)
        assert found.changes_at is not None
        assert found.changes_at > now
        for share in (0.3, 0.999999):
            later = now + (found.changes_at - now) * share
            assert _computed(aluno_id, later).text == found.text
        now = found.changes_at
