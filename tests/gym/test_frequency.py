"""A member's history and figures."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import insert

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.gym.schemas import FrequenciaQuery
from chalicelib.gym.service_frequency import frequency
from chalicelib.gym.tables import Checkin
from tests.client import Client, assert_problem
from tests.conftest import MakeUser
from tests.gym.conftest import MakeAluno

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)  # A Wednesday, noon in São Paulo.


def _visits(aluno_id: int, *visits: tuple[str, str | None]) -> None:
    with unit_of_work() as session:
        session.execute(
            insert(Checkin),
            [
                {
                    "aluno_id": aluno_id,
                    "entrada": datetime.fromisoformat(entrada),
                    "saida": datetime.fromisoformat(saida) if saida else None,
                    "sem_saida": saida is None,
                }
                for entrada, saida in visits
            ],
        )


def _frequency(aluno_id: int, now: datetime = NOW) -> dict[str, Any]:
    with unit_of_work(autocommit=True) as session:
        return frequency(session, aluno_id, FrequenciaQuery(), now).fields


def _weeks(found: dict[str, Any]) -> dict[str, int]:
    return {str(week["semana"]): week["visitas"] for week in found["serie_semanal"]}


def test_figures_of_visits_counted_by_hand(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno((1, 3, 6.9, 7.1, 29, 31, 83, 85, 91, 200), now=NOW)
    found = _frequency(aluno_id)
    assert (found["visitas_7_dias"], found["visitas_30_dias"], found["visitas_90_dias"]) == (
        3,
        5,
        8,
    )
    assert found["media_semanal"] == round(7 / 12, 2)
    assert found["ultima_visita"] == NOW - timedelta(days=1)
    assert (found["total"], found["total_exact"]) == (10, True)


def test_weekly_mean_of_a_newcomer_is_over_their_own_weeks(make_aluno: MakeAluno) -> None:
    three_weeks = make_aluno((1, 2, 8, 9, 15, 16), registered_days_ago=21, now=NOW)
    assert _frequency(three_weeks)["media_semanal"] == 2.0
    # Two visits on the second day are not a habit of seven a week.
    assert _frequency(make_aluno((0.5, 1), registered_days_ago=2, now=NOW))["media_semanal"] == 2.0


def test_visits_without_exit_count_as_visits_but_not_in_the_duration(
    make_aluno: MakeAluno,
) -> None:
    aluno_id = make_aluno()
    _visits(
        aluno_id,
        ("2026-03-16T10:00Z", "2026-03-16T10:30Z"),
        ("2026-03-17T10:00Z", "2026-03-17T11:00Z"),
        ("2026-03-18T10:00Z", None),
    )
    found = _frequency(aluno_id)
    assert found["visitas_7_dias"] == 3
    assert found["duracao_media_minutos"] == 45.0
    assert [v["situacao"] for v in found["items"]] == ["sem_saida", "encerrada", "encerrada"]
    assert [v["duracao_minutos"] for v in found["items"]] == [None, 60.0, 30.0]


def test_no_visits_are_zeros_and_nulls_not_errors(make_aluno: MakeAluno) -> None:
    found = _frequency(make_aluno())
    assert (found["total"], found["visitas_90_dias"], found["media_semanal"]) == (0, 0, 0.0)
    assert found["duracao_media_minutos"] is None
    assert found["ultima_visita"] is None
    assert found["items"] == []
    assert len(found["serie_semanal"]) == 26
    assert set(_weeks(found).values()) == {0}


def test_weeks_begin_at_midnight_of_sao_paulo(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    _visits(
        aluno_id,
        # Monday 9 March, 00:00 in São Paulo is 03:00 in UTC.
        ("2026-03-09T02:59:59Z", None),
        ("2026-03-09T03:00:00Z", None),
        ("2026-03-16T02:30:00Z", None),
        ("2026-03-16T03:30:00Z", None),
    )
    weeks = _weeks(_frequency(aluno_id))
    assert {week: n for week, n in weeks.items() if n} == {
        "2026-03-02": 1,
        "2026-03-09": 2,
        "2026-03-16": 1,
    }


def test_the_week_of_now_is_the_local_one(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    sunday_evening = datetime(2026, 3, 16, 1, 0, tzinfo=UTC)  # 22:00 on Sunday in São Paulo.
    assert list(_weeks(_frequency(aluno_id, sunday_evening)))[-1] == "2026-03-09"


def test_series_is_zero_filled_and_ends_with_the_week_of_now(make_aluno: MakeAluno) -> None:
    found = _frequency(make_aluno((1, 15, 27 * 7), now=NOW))
    weeks = _weeks(found)
    mondays = [date(2026, 3, 16) - timedelta(weeks=n) for n in reversed(range(26))]
    assert list(weeks) == [str(monday) for monday in mondays]
    assert {week: n for week, n in weeks.items() if n} == {"2026-03-16": 1, "2026-03-02": 1}


def test_series_spans_a_change_of_daylight_saving(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    # In February 2019 São Paulo set its clocks back by an hour, on a Sunday.
    _visits(
        aluno_id,
        ("2019-02-11T02:30:00Z", None),  # Monday 00:30, UTC-2.
        ("2019-02-18T02:30:00Z", None),  # Sunday 23:30, UTC-3 by now.
        ("2019-02-18T03:00:00Z", None),  # Monday 00:00.
    )
    weeks = _weeks(_frequency(aluno_id, datetime(2019, 3, 1, tzinfo=UTC)))
    assert (weeks["2019-02-04"], weeks["2019-02-11"], weeks["2019-02-18"]) == (0, 2, 1)


def test_pages_follow_each_other_newest_first_and_survive_new_visits(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno(tuple(range(1, 8)))
    path = f"/aluno/{aluno_id}/frequencia"
    first = operador.get(path, limit=3)
    assert first.json["total"] == 7
    assert first.headers["Link"] == f'<{first.json["next"]}>; rel="next"'
    operador.post("/aluno/checkin", {"aluno_id": aluno_id})
    seen = [visit["entrada"] for visit in first.json["items"]]
    following = first.json["next"]
    while following:
        parts = urlsplit(following)
        page = operador.request("GET", f"{parts.path}?{parts.query}")
        assert page.status == 200
        seen += [visit["entrada"] for visit in page.json["items"]]
        following = page.json["next"]
    assert len(seen) == 7
    assert seen == sorted(set(seen), reverse=True)


def test_last_page_names_no_next(operador: Client, make_aluno: MakeAluno) -> None:
    answer = operador.get(f"/aluno/{make_aluno((1, 2, 3))}/frequencia", limit=3)
    assert len(answer.json["items"]) == 3
    assert answer.json["next"] is None
    assert "Link" not in answer.headers


def test_bad_pages_and_unknown_members_are_refused(operador: Client, make_aluno: MakeAluno) -> None:
    path = f"/aluno/{make_aluno()}/frequencia"
    for query in ({"limit": 0}, {"limit": 101}, {"limit": "x"}, {"tamanho": 5}):
        assert_problem(operador.get(path, **query), 422, "ValidationFailed")
    for cursor in ("x", "WyJ4Il0", "W10", "bnVsbA"):
        assert_problem(operador.get(path, cursor=cursor), 400, "CursorInvalid")
    assert_problem(operador.get("/aluno/404/frequencia"), 404, "AlunoNotFound")


def test_who_may_read_the_history(client_of: MakeUser, make_aluno: MakeAluno) -> None:
    path = f"/aluno/{make_aluno((1,))}/frequencia"
    for role in (Role.ADMIN, Role.OPERADOR, Role.CIENTISTA, Role.LEITOR):
        assert client_of(role).get(path).status == 200
    assert_problem(client_of(Role.EMPRESA, "acme").get(path), 403, "Forbidden")
    assert_problem(Client().get(path), 401, "Unauthorized")


def test_an_open_visit_is_shown_as_open(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    entrada = (utc_now() - timedelta(minutes=20)).isoformat()
    operador.post("/aluno/checkin", {"aluno_id": aluno_id, "entrada": entrada})
    answer = operador.get(f"/aluno/{aluno_id}/frequencia").json
    assert [(v["situacao"], v["saida"]) for v in answer["items"]] == [("aberta", None)]
    assert answer["visitas_7_dias"] == 1
