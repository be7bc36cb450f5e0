"""Schedules as EventBridge would fire them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chalice.app import Chalice, Cron, Rate
from sqlalchemy import text

from app import app
from chalicelib.core.db import DatabaseRole, unit_of_work
from infra.local.scheduler import Schedule, next_time, run_due, scheduled_event, schedules_of
from tests.functions.conftest import ask, job

NOON = datetime(2026, 3, 18, 12, 0, tzinfo=UTC)  # A Wednesday.


def _cron(fields: str) -> Cron:
    return Cron(*fields.split())


@pytest.mark.parametrize(
    ("unit", "delta"),
    [
        (Rate.MINUTES, timedelta(minutes=5)),
        (Rate.HOURS, timedelta(hours=5)),
        (Rate.DAYS, timedelta(days=5)),
    ],
)
def test_a_rate_counts_from_the_last_time(unit: str, delta: timedelta) -> None:
    assert next_time(Rate(5, unit), NOON) == NOON + delta


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ("0 9 * * ? *", "2026-03-19T09:00"),
        ("30 12 * * ? *", "2026-03-18T12:30"),
        ("0 12 * * ? *", "2026-03-19T12:00"),  # Strictly after.
        ("0/15 * * * ? *", "2026-03-18T12:15"),
        ("0 9 1 * ? *", "2026-04-01T09:00"),
        ("0 9 L * ? *", "2026-03-31T09:00"),
        ("0 9 ? * 1 *", "2026-03-22T09:00"),  # EventBridge's Sunday is 1.
        ("0 9 ? * 7 *", "2026-03-21T09:00"),  # And its Saturday 7.
        ("0 9 ? * 2-6 *", "2026-03-19T09:00"),
        ("0 9 ? * SUN *", "2026-03-22T09:00"),
        ("0 9 ? * MON-FRI *", "2026-03-19T09:00"),
        ("0 9 ? * 2,7 *", "2026-03-21T09:00"),
        ("0 9 ? * 2#1 *", "2026-04-06T09:00"),  # The first Monday of a month.
        ("0 9 ? * 6L *", "2026-03-27T09:00"),  # Its last Friday.
        ("0 13 ? * */2 *", "2026-03-19T13:00"),  # Every second day from Sunday.
        ("0 9 ? JUN * *", "2026-06-01T09:00"),
    ],
)
def test_a_cron_is_read_as_eventbridge_reads_it(fields: str, due: str) -> None:
    assert next_time(_cron(fields), NOON) == datetime.fromisoformat(f"{due}Z")


def test_what_cannot_be_emulated_is_refused() -> None:
    with pytest.raises(ValueError, match="year"):
        next_time(_cron("0 9 * * ? 2027"), NOON)
    with pytest.raises(ValueError, match="unknown schedule"):
        next_time("rate(1 minute)", NOON)


def test_the_schedules_of_an_app_are_found_and_invoked_with_their_event() -> None:
    seen: list[Any] = []
    other = Chalice("other")

    @other.schedule(Cron(0, 9, "*", "*", "?", "*"), name="morning")
    def morning(event: Any) -> None:
        seen.append(event)

    @other.route("/")
    def index() -> None: ...

    (found,) = schedules_of(other, NOON)
    assert (found.name, found.due) == ("morning", datetime(2026, 3, 19, 9, tzinfo=UTC))
    late = found.due + timedelta(seconds=3)
    run_due([found], late)
    assert found.due == datetime(2026, 3, 20, 9, tzinfo=UTC)
    assert seen[0].detail_type == "Scheduled Event"
    assert seen[0].to_dict()["time"] == "2026-03-19T09:00:00Z"


def test_only_what_is_due_runs_and_what_was_missed_runs_once() -> None:
    ran: list[str] = []
    schedules = [
        Schedule(name, Rate(1, Rate.MINUTES), lambda event, _: ran.append(event["id"]), due)
        for name, due in (
            ("missed", NOON - timedelta(hours=3)),
            ("due", NOON),
            ("later", NOON + timedelta(seconds=1)),
        )
    ]
    run_due(schedules, NOON)
    assert ran == ["missed", "due"]
    run_due(schedules, NOON)
    assert ran == ["missed", "due"]
    assert [each.due for each in schedules[:2]] == [NOON + timedelta(minutes=1)] * 2


def test_one_that_fails_does_not_stop_the_others_and_is_due_again() -> None:
    ran: list[str] = []

    def fail(_event: Any, _context: Any) -> None:
        ran.append("fails")
        raise RuntimeError("no")

    schedules = [
        Schedule("fails", Rate(1, Rate.MINUTES), fail, NOON),
        Schedule("works", Rate(1, Rate.MINUTES), lambda *_: ran.append("works"), NOON),
    ]
    run_due(schedules, NOON)
    run_due(schedules, NOON + timedelta(minutes=1))
    assert ran == ["fails", "works", "fails", "works"]


def test_the_event_says_when_it_was_due_in_utc() -> None:
    event = scheduled_event("sweep", datetime.fromisoformat("2026-03-18T06:00:00-03:00"))
    assert event["time"] == "2026-03-18T09:00:00Z"
    assert event["resources"] == ["arn:aws:events:local:000000000000:rule/sweep"]


def test_the_sweep_of_the_app_gives_back_what_a_lost_worker_held(
    environment: dict[str, str],
) -> None:
    job_id = ask(1)
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(
            text(
                "UPDATE jobs SET state = 'running', attempt = 1,"
                " lease_until = now() - interval '1 second'"
            )
        )
    schedules = [s for s in schedules_of(app, NOON) if s.name == "sweep"]
    assert [s.due for s in schedules] == [NOON + timedelta(minutes=1)]
    run_due(schedules, NOON + timedelta(minutes=1))
    found = job(job_id)
    assert found.state == "queued"
    assert found.error is not None
    assert found.error["title"] == "WorkerLost"
