"""From SQS events to runs of jobs, and back to what failed."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from chalicelib.core import runs, telemetry
from chalicelib.core.claims import claim, succeed_and_claim
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.errors import ServiceUnavailable, Unprocessable
from chalicelib.core.jobs import Job, JobState
from chalicelib.core.runs import JobRun, LeaseLost
from functions.runtime import Handler, queue_handler
from tests.client import Client
from tests.conftest import forget_process_state
from tests.functions.conftest import ASKS, Ask, Told, ask, failed, job, record, rings
from tests.scrape import series

pytestmark = pytest.mark.usefixtures("environment")

NOTHING_FAILED: dict[str, Any] = {"batchItemFailures": []}


class TooOdd(Unprocessable):
    """Odd numbers cannot be doubled here."""

    motivo = "Aqui não se dobram números ímpares."


def _handler(work: Callable[[Ask], Told | None], seen: list[int] | None = None) -> Handler:
    @queue_handler(ASKS)
    def handler(run: JobRun, message: Ask) -> Told | None:
        if seen is not None:
            seen.append(message.n)
        return work(message)

    return handler


def _double(message: Ask) -> Told:
    return Told(dobro=message.n * 2)


def _refuse_odd(message: Ask) -> Told:
    if message.n % 2:
        raise TooOdd
    return _double(message)


def _raising(error: Exception) -> Callable[[Ask], Told]:
    def work(message: Ask) -> Told:
        raise error

    return work


def test_all_good_jobs_end_with_their_results() -> None:
    ids = [ask(n) for n in (1, 2, 3)]
    assert _handler(_double)(rings(*ids), None) == NOTHING_FAILED
    assert [(job(i).state, job(i).result) for i in ids] == [
        (JobState.SUCCEEDED, {"dobro": 2.0 * n}) for n in (1, 2, 3)
    ]
    done = job(ids[0])
    assert (done.attempt, done.progress, done.error, done.lease_until) == (1, 1.0, None, None)
    assert done.finished_at is not None


def test_a_handler_may_have_nothing_to_tell() -> None:
    job_id = ask(1)
    assert _handler(lambda _: None)(rings(job_id), None) == NOTHING_FAILED
    assert (job(job_id).state, job(job_id).result) == (JobState.SUCCEEDED, None)


def test_one_bad_of_three_leaves_the_others_alone() -> None:
    ids = [ask(n) for n in (2, 3, 4)]
    assert _handler(_refuse_odd)(rings(*ids), None) == NOTHING_FAILED
    assert [job(i).state for i in ids] == [JobState.SUCCEEDED, JobState.FAILED, JobState.SUCCEEDED]


def test_a_ring_delivered_twice_runs_its_job_once() -> None:
    seen: list[int] = []
    handler = _handler(_double, seen)
    job_id = ask(7)
    assert handler(rings(job_id, job_id), None) == NOTHING_FAILED
    assert handler(rings(job_id), None) == NOTHING_FAILED
    assert seen == [7]
    assert job(job_id).attempt == 1


UNREADABLE = ("", "{", "null", "[]", "7", "{}", '{"job": 7}', '{"job": null}', '{"job": {}}')


def test_an_unreadable_message_is_handed_back_and_the_job_beside_it_runs() -> None:
    for body in UNREADABLE:
        job_id = ask(1)
        event = {"Records": [record(body), *rings(job_id)["Records"]]}
        assert _handler(_double)(event, None) == failed(event, 0), body
        assert job(job_id).state == JobState.SUCCEEDED


def test_a_message_about_an_unknown_job_is_handed_back() -> None:
    event = rings(uuid4())
    assert _handler(_double)(event, None) == failed(event, 0)


def test_a_message_is_handed_back_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job_id = ask(1)
    monkeypatch.setenv("DATABASE_URL", "postgresql+pg8000://nobody@127.0.0.1:1/nothing")
    forget_process_state()
    event = rings(job_id)
    assert _handler(_double)(event, None) == failed(event, 0)
    monkeypatch.undo()


def test_a_problem_fails_the_job_at_once() -> None:
    job_id = ask(3)
    _handler(_refuse_odd)(rings(job_id), None)
    found = job(job_id)
    assert found.state == JobState.FAILED
    assert found.error == {
        "title": "TooOdd",
        "detail": "Aqui não se dobram números ímpares.",
        "attempt": 1,
    }
    assert found.finished_at is not None


def _assert_waits(found: Job, title: str, attempt: int, wait: timedelta) -> None:
    assert (found.state, found.attempt, found.lease_until) == (JobState.QUEUED, attempt, None)
    assert found.error is not None
    assert (found.error["title"], found.error["attempt"]) == (title, attempt)
    assert utc_now() < found.next_attempt_at <= utc_now() + wait


def test_an_unexpected_error_is_tried_again_later_and_told_without_internals(
    make_due: Callable[[UUID], None],
) -> None:
    job_id = ask(1)
    seen: list[int] = []
    handler = _handler(_raising(RuntimeError("password=hunter2")), seen)
    assert handler(rings(job_id), None) == NOTHING_FAILED
    _assert_waits(job(job_id), "InternalError", 1, timedelta(seconds=10))
    assert "hunter2" not in str(job(job_id).error)
    # Not due yet: the ring finds nothing to do, and is consumed.
    assert handler(rings(job_id), None) == NOTHING_FAILED
    assert seen == [1]
    make_due(job_id)
    handler(rings(job_id), None)
    _assert_waits(job(job_id), "InternalError", 2, timedelta(seconds=20))
    make_due(job_id)
    handler(rings(job_id), None)
    assert (job(job_id).state, job(job_id).attempt) == (JobState.FAILED, 3)
    assert seen == [1, 1, 1]


def test_a_service_that_is_away_is_tried_again_later(make_due: Callable[[UUID], None]) -> None:
    job_id = ask(1)
    _handler(_raising(ServiceUnavailable()))(rings(job_id), None)
    _assert_waits(job(job_id), "ServiceUnavailable", 1, timedelta(seconds=10))
    make_due(job_id)
    _handler(_double)(rings(job_id), None)
    found = job(job_id)
    assert (found.state, found.attempt, found.error) == (JobState.SUCCEEDED, 2, None)


def test_a_message_that_does_not_fit_its_queue_fails_the_job() -> None:
    job_id = ask(1)
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        found = session.get(Job, job_id)
        assert found is not None
        found.message = {"m": "?"}
    assert _handler(_double)(rings(job_id), None) == NOTHING_FAILED
    ended = job(job_id)
    assert ended.error is not None
    assert (ended.state, ended.error["title"]) == (JobState.FAILED, "MessageUnreadable")


def test_a_result_that_cannot_be_stored_is_an_error_of_the_job_not_of_its_message() -> None:
    job_id = ask(1)
    handler = _handler(lambda _: Told(dobro=float("nan")))
    assert handler(rings(job_id), None) == NOTHING_FAILED
    _assert_waits(job(job_id), "InternalError", 1, timedelta(seconds=10))


def test_a_cancelled_run_ends_as_cancelled() -> None:
    job_id = ask(1)

    @queue_handler(ASKS)
    def handler(run: JobRun, message: Ask) -> Told:
        with unit_of_work(role=DatabaseRole.SYSTEM) as session:
            found = session.get(Job, job_id)
            assert found is not None
            found.cancel_requested = True
        run.progress(1, 2, "no meio")
        raise AssertionError("it went on")

    assert handler(rings(job_id), None) == NOTHING_FAILED
    assert (job(job_id).state, job(job_id).error) == (JobState.CANCELLED, None)


def test_a_run_that_shutdown_interrupts_is_given_back() -> None:
    job_id = ask(1)

    @queue_handler(ASKS)
    def handler(run: JobRun, message: Ask) -> Told:
        runs.request_stop()
        run.progress(1, 2, "no meio")
        raise AssertionError("it went on")

    assert handler(rings(job_id), None) == NOTHING_FAILED
    found = job(job_id)
    assert (found.state, found.attempt, found.attempt_limit) == (JobState.QUEUED, 1, 4)
    assert found.error is None


def test_a_run_that_lost_its_lease_writes_nothing() -> None:
    job_id = ask(1)

    @queue_handler(ASKS)
    def handler(run: JobRun, message: Ask) -> Told:
        with unit_of_work(role=DatabaseRole.SYSTEM) as session:
            found = session.get(Job, job_id)
            assert found is not None
            found.attempt = 2
        return _double(message)

    assert handler(rings(job_id), None) == NOTHING_FAILED
    found = job(job_id)
    assert (found.state, found.attempt, found.result) == (JobState.RUNNING, 2, None)


def test_the_request_that_asked_is_named_in_the_run() -> None:
    with telemetry.correlated("req-42"):
        ask(1)
    seen = []

    @queue_handler(ASKS)
    def handler(run: JobRun, message: Ask) -> None:
        seen.append((run.request_id, telemetry.request_id()))

    handler(rings(uuid4()), None)
    assert seen == [("req-42", "req-42")]


def test_how_a_run_ended_is_counted(admin: Client) -> None:
    handler = _handler(_refuse_odd)
    handler(rings(*(ask(n) for n in (2, 3, 4))), None)
    _handler(_raising(ServiceUnavailable()))(rings(ask(1)), None)
    _handler(_raising(RuntimeError()))(rings(ask(1)), None)
    found = series(admin.get("/metrics").body.decode())
    counted = {labels[0]: n for (name, labels), n in found.items() if name == "previsto_runs_total"}
    assert counted == {"succeeded": 2, "refused": 1, "failed": 2}
    assert found["previsto_run_duration_seconds_count", ("test_queue",)] == 5


# One event of several rings.


def _last_writers() -> dict[UUID, str]:
    """Which transaction has written each job that was ever claimed."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = session.execute(text("SELECT id, xmin::text FROM jobs WHERE attempt > 0"))
        return {row.id: row.xmin for row in found}


def test_the_end_of_a_job_and_the_claim_of_the_next_are_one_transaction() -> None:
    ids = [ask(n) for n in range(4)]
    seen: list[tuple[UUID, dict[UUID, str]]] = []

    @queue_handler(ASKS)
    def handler(run: JobRun, message: Ask) -> None:
        seen.append((run.job_id, _last_writers()))

    assert handler(rings(*ids), None) == NOTHING_FAILED
    assert [job_id for job_id, _ in seen] == ids
    for (before, _), (running, writers) in pairwise(seen):
        assert writers[before] == writers[running]
    transactions = {writers[running] for running, writers in seen} | {_last_writers()[ids[-1]]}
    assert len(transactions) == len(ids) + 1


def test_an_event_takes_no_more_jobs_than_it_has_rings() -> None:
    ids = [ask(n) for n in range(3)]
    assert _handler(_double)(rings(*ids[:2]), None) == NOTHING_FAILED
    assert [job(i).state for i in ids] == ["succeeded", "succeeded", "queued"]
    assert job(ids[2]).attempt == 0


def test_an_unreadable_message_takes_no_job_from_the_rings_around_it() -> None:
    ids = [ask(n) for n in range(3)]
    event = {"Records": [*rings(ids[0])["Records"], record("?"), *rings(ids[1])["Records"]]}
    event["Records"].append(record("?"))
    assert _handler(_double)(event, None) == failed(event, 1, 3)
    assert [job(i).state for i in ids] == ["succeeded", "succeeded", "queued"]


def test_a_run_that_lost_its_lease_takes_nothing_and_the_next_ring_does() -> None:
    ids = [ask(1), ask(2)]
    running = []

    @queue_handler(ASKS)
    def handler(run: JobRun, message: Ask) -> Told:
        running.append(run.job_id)
        if message.n == 1:
            with unit_of_work(role=DatabaseRole.SYSTEM) as session:
                found = session.get(Job, run.job_id)
                assert found is not None
                found.attempt = 2
        return _double(message)

    assert handler(rings(*ids), None) == NOTHING_FAILED
    assert running == ids
    assert [job(i).state for i in ids] == ["running", "succeeded"]
    assert [job(i).attempt for i in ids] == [2, 1]


def test_a_fenced_end_claims_nothing_when_its_attempt_is_over() -> None:
    first, second = ask(1), ask(2)
    run = claim(ASKS)
    assert run is not None
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        found = session.get(Job, first)
        assert found is not None
        found.attempt = 2
    with pytest.raises(LeaseLost):
        succeed_and_claim(run, None, ASKS)
    assert (job(second).state, job(second).attempt) == (JobState.QUEUED, 0)


def test_a_result_that_cannot_be_stored_leaves_the_next_job_to_the_next_ring() -> None:
    ids = [ask(1), ask(2)]
    handler = _handler(lambda ask: Told(dobro=float("nan") if ask.n == 1 else 4))
    assert handler(rings(*ids), None) == NOTHING_FAILED
    _assert_waits(job(ids[0]), "InternalError", 1, timedelta(seconds=10))
    assert (job(ids[1]).state, job(ids[1]).attempt) == (JobState.SUCCEEDED, 1)


def test_a_worker_that_shuts_down_takes_nothing_more() -> None:
    ids = [ask(1), ask(2)]

    @queue_handler(ASKS)
    def handler(run: JobRun, message: Ask) -> None:
        runs.request_stop()

    event = rings(*ids)
    assert handler(event, None) == failed(event, 1)
    assert [job(i).state for i in ids] == ["succeeded", "queued"]
    assert job(ids[1]).attempt == 0
