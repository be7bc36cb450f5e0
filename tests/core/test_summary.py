"""Requests by the minute: counted in memory, added up in the database, told by route and time."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text

from app import app
from chalicelib.core import metrics, route_minutes, settings
from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, dispose_engines, engine, unit_of_work
from chalicelib.core.route_counts import BOUNDS, MOST_PENDING, RouteCounts, Tally
from chalicelib.core.route_minutes import Flusher, flush, flusher, remove_old_minutes
from chalicelib.core.summary import percentile
from infra.local.scheduler import run_due, schedules_of
from tests.client import Client, assert_problem
from tests.conftest import MakeUser, forget_process_state
from tests.core.test_pages import statements
from tests.infra.working import until

SUMMARY = "/api/v1/metrics/summary"
Minutes = Callable[[], list[tuple[object, ...]]]


def minutes() -> list[tuple[object, ...]]:
    columns = "method, route, requests, refused, failed"
    with unit_of_work(autocommit=True) as session:
        found = session.execute(text(f"SELECT {columns} FROM route_minutes ORDER BY 1, 2, minute"))
        return [tuple(row) for row in found]


def observe(route: str, seconds: float, *, at: datetime, status: int = 200) -> None:
    metrics.route_counts().observe(at.timestamp(), "GET", route, status, seconds)


def test_the_summary_tells_requests_errors_and_durations_by_route_and_time(admin: Client) -> None:
    now = utc_now()
    for number in range(100):
        observe("/a", 0.002 if number < 97 else 0.3, at=now, status=500 if number < 5 else 200)
    observe("/b", 0.02, at=now - timedelta(minutes=10), status=404)
    observe("/b", 0.02, at=now - timedelta(hours=3))
    found = admin.get(SUMMARY).json
    figures = {(each["method"], each["route"]): each for each in found["routes"]}
    a, b = figures["GET", "/a"], figures["GET", "/b"]
    assert (a["requests"], a["errors"], a["error_rate"]) == (100, 5, 0.05)
    assert 1 < a["p50_ms"] <= 2.5
    assert 1 < a["p95_ms"] <= 2.5
    assert 250 < a["p99_ms"] <= 500
    assert a["mean_ms"] == pytest.approx(2 * 0.97 + 300 * 0.03)
    assert (b["requests"], b["refused"], b["errors"]) == (1, 1, 0)
    assert found["total"]["requests"] == 101
    assert found["step_minutes"] == 1
    assert [point["requests"] for point in found["series"]] == [1, 100]
    longer = admin.get(SUMMARY, window="24h", route="/b").json
    assert (longer["total"]["requests"], longer["step_minutes"]) == (2, 12)
    assert [each["route"] for each in longer["routes"]] == ["/b"]
    assert admin.get(SUMMARY, method="post").json["total"]["p99_ms"] is None


def test_requests_are_counted_by_their_routes_template(admin: Client, operador: Client) -> None:
    for aluno_id in (7, 8, 9):
        operador.get(f"/aluno/{aluno_id}/frequencia")
    operador.get("/nada")
    (found,) = admin.get(SUMMARY).json["routes"]
    assert (found["route"], found["refused"]) == ("/aluno/{aluno_id}/frequencia", 3)


def test_only_admins_of_the_house_are_told(client_of: MakeUser, anonymous: Client) -> None:
    assert_problem(anonymous.get(SUMMARY), 401, "Unauthorized")
    assert_problem(client_of(Role.OPERADOR).get(SUMMARY), 403, "Forbidden")
    assert_problem(client_of(Role.ADMIN, "outra").get(SUMMARY), 403, "Forbidden")


@pytest.mark.parametrize("window", ["0", "-5", "1y", "h", "1.5h", "999999"])
def test_a_window_that_is_none_is_refused(admin: Client, window: str) -> None:
    assert_problem(admin.get(SUMMARY, window=window), 422, "ValidationFailed")


def test_a_window_is_seven_days_at_the_most(admin: Client) -> None:
    found = admin.get(SUMMARY, window="99d").json
    since, until_ = (datetime.fromisoformat(found[name]) for name in ("since", "until"))
    assert until_ - since == timedelta(days=7)


def test_the_summary_takes_one_statement_beside_the_writing(admin: Client) -> None:
    admin.get(SUMMARY)
    with statements(engine(DatabaseRole.APP)) as sent:
        admin.get(SUMMARY)
    assert len(sent) == 2, sent


def test_processes_add_to_the_same_minute(environment: dict[str, str]) -> None:
    now = utc_now()
    for _ in range(3):
        observe("/a", 0.002, at=now)
        observe("/b", 0.5, at=now, status=503)
        assert flush()
    assert minutes() == [("GET", "/a", 3, 0, 0), ("GET", "/b", 3, 0, 3)]
    with unit_of_work(autocommit=True) as session:
        ((buckets,),) = session.execute(
            text("SELECT buckets FROM route_minutes WHERE route = '/a'")
        ).all()
    assert sum(buckets) == buckets[BOUNDS.index(0.0025)] == 3


def test_processes_that_write_at_once_lose_nothing(environment: dict[str, str]) -> None:
    now = utc_now()
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        for _ in range(20):
            for route in ("/a", "/b", "/c"):
                observe(route, 0.002, at=now)
            flush()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row[2] for row in minutes()] == [80, 80, 80]


def test_what_cannot_be_written_waits(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = utc_now()
    observe("/a", 0.002, at=now)
    with monkeypatch.context() as away:
        away.setenv("DATABASE_URL", "postgresql://postgres@127.0.0.1:9/nothing")
        dispose_engines()
        settings.settings.cache_clear()
        assert not flush()
    dispose_engines()
    settings.settings.cache_clear()
    observe("/a", 0.002, at=now)
    assert flush()
    assert minutes() == [("GET", "/a", 2, 0, 0)]


def test_a_request_writes_nothing(operador: Client) -> None:
    operador.get("/planos")
    with statements(engine(DatabaseRole.APP)) as sent:
        operador.get("/planos")
    assert not [each for each in sent if "route_minutes" in each]
    assert minutes() == []


def test_on_lambda_the_end_of_an_invocation_writes_now_and_then(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "previsto-dev")
    forget_process_state()
    monkeypatch.setattr(route_minutes, "FLUSH_SECONDS", 0.0)
    Client().get("/health/live")
    assert [row[1] for row in minutes()] == ["/health/live"]
    monkeypatch.setattr(route_minutes, "FLUSH_SECONDS", 3600.0)
    for _ in range(3):
        Client().get("/health/live")
    assert [row[2] for row in minutes()] == [1]


def test_where_processes_share_metrics_a_thread_writes(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv(metrics.SHARED_DIRECTORY, str(tmp_path))
    monkeypatch.setattr(route_minutes, "FLUSH_SECONDS", 0.05)
    own: Flusher = flusher()
    observe("/a", 0.002, at=utc_now())
    own.after_request()
    until(lambda: minutes() == [("GET", "/a", 1, 0, 0)])
    own.stop()


def test_counts_do_not_pile_up_where_nobody_writes_them() -> None:
    counts = RouteCounts()
    for minute in range(MOST_PENDING + 5):
        counts.observe(minute * 60, "GET", "/a", 200, 0.001)
    taken = counts.take()
    assert len(taken) == MOST_PENDING
    assert min(minute for minute, _, _ in taken) == 5


def test_what_comes_back_is_added_to_what_came_meanwhile() -> None:
    counts = RouteCounts()
    counts.observe(0, "GET", "/a", 200, 0.001)
    taken = counts.take()
    counts.observe(0, "GET", "/a", 500, 0.001)
    counts.give_back(taken)
    ((_, tally),) = counts.take().items()
    assert (tally.requests, tally.failed) == (2, 1)
    assert sum(Tally().buckets) == 0


def test_minutes_are_kept_for_a_fortnight(environment: dict[str, str]) -> None:
    now = utc_now()
    for days in (0, 13, 15, 40):
        observe("/a", 0.002, at=now - timedelta(days=days))
    flush()
    daily = [s for s in schedules_of(app, now) if s.name == "remove_jobs"]
    run_due(daily, now + timedelta(days=1))
    assert len(minutes()) == 2
    assert remove_old_minutes(now + timedelta(days=5)) == 1


def test_percentiles_lie_within_their_bucket() -> None:
    assert percentile([0] * (len(BOUNDS) + 1), 0.5) is None
    for place, (low, high) in enumerate(pairwise((0.0, *BOUNDS))):
        buckets = [0] * (len(BOUNDS) + 1)
        buckets[place] = 100
        assert percentile(buckets, 0.5) == pytest.approx((low + high) / 2)
    slow = [0] * len(BOUNDS) + [3]
    assert percentile(slow, 0.99) == BOUNDS[-1]
