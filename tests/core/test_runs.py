"""Runs: one holder at a time, nothing written by who lost the job, nothing lost with a worker."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from chalicelib.core import audit, runs, telemetry
from chalicelib.core.claims import claim
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.errors import InternalError, Problem, ServiceUnavailable, Unprocessable
from chalicelib.core.jobs import JobState
from chalicelib.core.queues import Queue
from chalicelib.core.rowfile import HeaderInvalid
from chalicelib.core.runs import JobRun, LeaseLost, RunCancelled, RunInterrupted
from chalicelib.core.settings import HOUSE
from chalicelib.core.sweep import sweep
from functions.runtime import queue_handler
from infra.local.deliveries import sqs_record
from tests.conftest import Bell
from tests.core.conftest import MakeJob, change_job, job_row
from tests.core.sample import SAMPLE_QUEUE, Tiny

LATE = "lease_until = now() - interval '1 second'"


class Total(Tiny):
    """What the tests' handlers report."""


def claimed() -> JobRun:
    """The next job, which must be there."""
    run = claim(SAMPLE_QUEUE)
    assert run is not None
    return run


def taken_over(stalled: JobRun) -> JobRun:
    """Another attempt at a job whose first worker fell silent."""
    change_job(stalled.job_id, LATE)
    assert sweep() == 1
    return claimed()


def write(run: JobRun, note: str) -> None:
    """One fenced write."""
    with run.transaction() as session:
        audit.record(session, tenant=run.tenant, ator="run", acao="nota.feita", objeto=note)


def notes() -> list[str]:
    """What the runs wrote."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = session.execute(
            text("SELECT objeto FROM auditoria WHERE acao <> 'job.pedido' ORDER BY id")
        )
        return list(found.scalars())


# Claiming.


def test_claim_takes_the_job_that_has_been_due_longest(make_job: MakeJob) -> None:
    first, second, later = make_job(1), make_job(2), make_job(3)
    change_job(first, "next_attempt_at = now() - interval '1 minute'")
    change_job(second, "next_attempt_at = now() - interval '2 minutes'")
    change_job(later, "next_attempt_at = now() + interval '1 minute'")
    assert [claimed().job_id, claimed().job_id] == [second, first]
    assert claim(SAMPLE_QUEUE) is None


def test_claim_numbers_the_attempt_and_leases_the_job(make_job: MakeJob) -> None:
    with telemetry.correlated("the-request-that-asked"):
        job_id = make_job(7, owner="usuario:3")
    run = claimed()
    assert (run.job_id, run.attempt, run.message) == (job_id, 1, {"number": 7})
    assert (run.tenant, run.owner) == (HOUSE, "usuario:3")
    assert (run.checkpoint, run.request_id) == (None, "the-request-that-asked")
    job = job_row(job_id)
    assert (job.state, job.attempt) == (JobState.RUNNING, 1)
    assert job.lease_until is not None
    assert job.lease_until > utc_now()


def test_job_of_another_queue_is_not_claimed(make_job: MakeJob) -> None:
    make_job()
    assert claim(Queue("other_queue", Tiny)) is None


def test_many_workers_never_claim_one_job_twice(make_job: MakeJob) -> None:
    jobs = {make_job(n) for n in range(12)}
    with ThreadPoolExecutor(4) as workers:
        found = [
            run.job_id
            for run in workers.map(lambda _: claim(SAMPLE_QUEUE), range(16))
            if run is not None
        ]
    assert len(found) == 12
    assert set(found) == jobs


# The fence.


def test_stalled_attempt_writes_nothing_after_another_claimed(make_job: MakeJob) -> None:
    job_id = make_job()
    stalled = claimed()
    write(stalled, "before")
    other = taken_over(stalled)
    assert (other.job_id, other.attempt) == (job_id, 2)
    attempts: list[Callable[[], Any]] = [
        lambda: write(stalled, "after"),
        lambda: stalled.progress(1, 2, "somando"),
        lambda: stalled.succeed({"number": 1}),
        lambda: stalled.fail(InternalError(), retry=True),
        lambda: stalled.fail(InternalError(), retry=False),
        stalled.release,
        stalled.mark_cancelled,
        stalled.check_cancelled,
    ]
    for attempt in attempts:
        with pytest.raises(LeaseLost):
            attempt()
    write(other, "other")
    other.succeed({"number": 2})
    assert notes() == ["before", "other"]
    job = job_row(job_id)
    assert (job.state, job.result, job.attempt, job.step) == ("succeeded", {"number": 2}, 2, None)


def test_attempt_whose_claim_a_crash_has_undone_writes_nothing(make_job: MakeJob) -> None:
    job_id = make_job()
    lost = claimed()
    # What a server's crash leaves of a claim that had not reached the disk yet.
    change_job(job_id, "state = 'queued', attempt = 0, started_at = NULL, lease_until = NULL")
    with pytest.raises(LeaseLost):
        write(lost, "nobody's")
    other = claimed()
    assert (other.job_id, other.attempt) == (job_id, lost.attempt)
    with pytest.raises(LeaseLost):
        lost.succeed(None)
    with pytest.raises(LeaseLost):
        lost.release()
    write(other, "other")
    other.succeed(None)
    assert notes() == ["other"]


def test_attempt_that_is_over_cannot_be_ended_again(make_job: MakeJob) -> None:
    make_job()
    run = claimed()
    run.succeed(None)
    with pytest.raises(LeaseLost):
        run.fail(InternalError(), retry=True)


def test_sweep_leaves_a_job_whose_late_worker_is_just_writing(make_job: MakeJob) -> None:
    job_id = make_job()
    run = claimed()
    with run.transaction() as session:
        change_job(job_id, LATE)
        assert sweep() == 0  # The lock of the open transaction holds the job.
        audit.record(session, tenant=run.tenant, ator="run", acao="nota.feita", objeto="late")
    assert notes() == ["late"]
    assert sweep() == 1


def test_transaction_that_fails_leaves_nothing_and_keeps_the_job(make_job: MakeJob) -> None:
    make_job()
    run = claimed()

    def write_then_fail() -> None:
        with run.transaction() as session:
            run.save_checkpoint(session, {"row": 10})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_then_fail()
    assert job_row(run.job_id).checkpoint is None
    write(run, "still mine")


def test_what_a_run_does_in_its_transaction_is_planned_freely(make_job: MakeJob) -> None:
    make_job()
    run = claimed()
    with run.transaction() as session:
        run.save_checkpoint(session, {"offset": 1})
        for what in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
            assert session.scalar(text(f"SHOW enable_{what}")) == "on", what


def test_run_sees_its_tenants_rows_only(make_job: MakeJob) -> None:
    make_job(tenant="padaria")
    run = claimed()
    assert run.tenant == "padaria"
    make_job(tenant=HOUSE)
    with run.reading() as session:
        assert session.execute(text("SELECT DISTINCT tenant FROM jobs")).scalars().all() == [
            "padaria"
        ]


# Leases, heartbeats, attempts.


def test_sweep_queues_what_a_lost_worker_held_and_says_why(make_job: MakeJob, bell: Bell) -> None:
    job_id = make_job()
    claimed()
    bell.rings()
    assert sweep() == 0
    change_job(job_id, LATE)
    assert sweep() == 1
    job = job_row(job_id)
    assert (job.state, job.attempt, job.lease_until) == (JobState.QUEUED, 1, None)
    assert job.error is not None
    assert (job.error["title"], job.error["attempt"]) == ("WorkerLost", 1)
    assert "parou de responder" in job.error["detail"]  # Users read it.
    assert bell.rings() == ["sample_queue"]


def test_a_job_that_was_to_stop_is_cancelled_with_its_lost_worker(make_job: MakeJob) -> None:
    job_id = make_job()
    claimed()
    change_job(job_id, "cancel_requested = true, lease_until = now() - interval '1 second'")
    assert sweep() == 1
    job = job_row(job_id)
    assert (job.state, job.finished_at is not None) == (JobState.CANCELLED, True)
    assert claim(SAMPLE_QUEUE) is None


@pytest.mark.parametrize("end", [JobRun.release, lambda r: r.fail(InternalError(), retry=True)])
def test_a_job_that_was_to_stop_is_not_tried_again(
    make_job: MakeJob, end: Callable[[JobRun], None]
) -> None:
    job_id = make_job()
    run = claimed()
    change_job(job_id, "cancel_requested = true")
    end(run)
    assert job_row(job_id).state == JobState.CANCELLED


def test_lost_workers_use_up_the_attempts_and_end_in_failed(make_job: MakeJob) -> None:
    job_id = make_job()
    for attempt in (1, 2, 3):
        assert claimed().attempt == attempt
        change_job(job_id, LATE)
        assert sweep() == 1
    job = job_row(job_id)
    assert (job.state, job.attempt) == (JobState.FAILED, 3)
    assert job.finished_at is not None
    assert claim(SAMPLE_QUEUE) is None


def test_failures_wait_longer_each_time_and_end_in_failed(make_job: MakeJob) -> None:
    job_id = make_job()
    waits = []
    for _ in range(3):
        change_job(job_id, "next_attempt_at = now()")
        before = utc_now()
        claimed().fail(ServiceUnavailable(), retry=True)
        waits.append((job_row(job_id).next_attempt_at - before) // timedelta(seconds=5))
    assert waits[:2] == [2, 4]
    job = job_row(job_id)
    assert job.state == JobState.FAILED
    assert job.error is not None
    assert (job.error["title"], job.error["attempt"]) == ("ServiceUnavailable", 3)


def test_checkpoint_outlives_the_worker_that_saved_it(make_job: MakeJob) -> None:
    make_job()
    first = claimed()
    with first.transaction() as session:
        first.save_checkpoint(session, {"row": 10, "motivo": "ção"})
    assert taken_over(first).checkpoint == {"row": 10, "motivo": "ção"}


def test_heartbeat_extends_the_lease_while_the_work_goes_on(
    environment: dict[str, str], make_job: MakeJob
) -> None:
    job_id = make_job()
    run = claimed()
    run.lease_seconds = 0.06
    change_job(job_id, "lease_until = now()")
    begun = job_row(job_id).lease_until
    assert begun is not None
    with run.heartbeat():
        assert _comes_true(lambda: _lease_of(job_id) > begun)
    assert runs._stopping.is_set() is False


def test_heartbeat_hears_of_cancellation_and_of_a_lost_lease(make_job: MakeJob) -> None:
    for assignments, kind in (
        ("cancel_requested = true", RunCancelled),
        ("attempt = attempt + 1", LeaseLost),
    ):
        job_id = make_job()
        run = claimed()
        run.lease_seconds = 0.06
        change_job(job_id, assignments)
        with run.heartbeat():
            assert _comes_true(partial(_is_stopped_by, run, kind))


def _lease_of(job_id: UUID) -> Any:
    return job_row(job_id).lease_until


def _is_stopped_by(run: JobRun, kind: type[Exception]) -> bool:
    try:
        run.check_cancelled()
    except (LeaseLost, RunCancelled, RunInterrupted) as stop:
        return type(stop) is kind
    return False


def _comes_true(fact: Callable[[], bool]) -> bool:
    pause = threading.Event()
    return any(fact() or pause.wait(0.02) for _ in range(500))


def test_progress_is_shown_between_nothing_and_all(make_job: MakeJob) -> None:
    job_id = make_job()
    run = claimed()
    for done, total, share in ((1, 4, 0.25), (9, 4, 1), (-1, 4, 0), (5, 0, 0)):
        run.progress(done, total, f"passo {done}")
        job = job_row(job_id)
        assert (job.progress, job.step) == (share, f"passo {done}")
    run.succeed(None)
    assert job_row(job_id).progress == 1


def test_job_given_back_loses_no_attempt(make_job: MakeJob, bell: Bell) -> None:
    job_id = make_job()
    claimed().release()
    job = job_row(job_id)
    assert (job.state, job.attempt, job.attempt_limit) == (JobState.QUEUED, 1, 4)
    assert claimed().job_id == job_id


# Handlers: what SQS sends, and what they do with it.


@pytest.fixture
def worked_on() -> list[int]:
    """Numbers of the messages that were worked on."""
    return []


Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@pytest.fixture
def handler(worked_on: list[int]) -> Handler:
    """Refuses odd numbers, breaks at 66, and reports the others."""

    @queue_handler(SAMPLE_QUEUE)
    def handle(run: JobRun, message: Tiny) -> Total:
        worked_on.append(message.number)
        write(run, f"number {message.number}")
        if message.number % 2:
            raise Unprocessable(motivo="Ímpares não são aceitos.")
        if message.number == 66:
            raise RuntimeError("swordfish")
        run.check_cancelled()
        return Total(number=message.number)

    return handle


def event(*bodies: Any) -> dict[str, Any]:
    """An SQS event: a job's id becomes a message as ours are, anything else is sent as it is."""
    records = []
    for body in bodies:
        written = json.dumps({"job": str(body)}) if isinstance(body, UUID) else body
        records.append(sqs_record("sample_queue", written))
    return {"Records": records}


def test_job_that_succeeds_keeps_its_result(make_job: MakeJob, handler: Handler) -> None:
    job_id = make_job(2)
    assert handler(event(job_id), None) == {"batchItemFailures": []}
    job = job_row(job_id)
    assert (job.state, job.result, job.error) == (JobState.SUCCEEDED, {"number": 2}, None)


def test_one_bad_of_three_keeps_none_from_ending(make_job: MakeJob, handler: Handler) -> None:
    jobs = [make_job(2), make_job(3), make_job(4)]
    assert handler(event(*jobs), None) == {"batchItemFailures": []}
    assert [job_row(job_id).state for job_id in jobs] == ["succeeded", "failed", "succeeded"]
    error = job_row(jobs[1]).error
    assert error == {"title": "Unprocessable", "detail": "Ímpares não são aceitos.", "attempt": 1}


def test_unforeseen_error_is_tried_again_and_tells_nothing(
    make_job: MakeJob, handler: Handler
) -> None:
    job_id = make_job(66)
    assert handler(event(job_id), None) == {"batchItemFailures": []}
    job = job_row(job_id)
    assert (job.state, job.attempt) == (JobState.QUEUED, 1)
    assert job.error is not None
    assert job.error["title"] == "InternalError"
    assert "swordfish" not in json.dumps(job.error)
    assert job.next_attempt_at > utc_now()


def test_message_delivered_twice_is_worked_on_once(
    make_job: MakeJob, handler: Handler, worked_on: list[int]
) -> None:
    job_id = make_job(2)
    for _ in range(2):
        assert handler(event(job_id, job_id), None) == {"batchItemFailures": []}
    assert worked_on == [2]
    assert notes() == ["number 2"]


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "null", '"text"', "{}", '{"job": 5}', '{"job": "x"}', '{"job": null}'],
)
def test_unreadable_message_is_handed_back_and_the_others_are_done(
    make_job: MakeJob, handler: Handler, body: str
) -> None:
    jobs = [make_job(2), make_job(4)]
    sent = event(jobs[0], body, jobs[1])
    failed = [{"itemIdentifier": sent["Records"][1]["messageId"]}]
    assert handler(sent, None) == {"batchItemFailures": failed}
    assert {job_row(job_id).state for job_id in jobs} == {JobState.SUCCEEDED}


def test_message_of_an_unknown_job_is_handed_back(
    environment: dict[str, str], handler: Handler
) -> None:
    sent = event(uuid4())
    failed = [{"itemIdentifier": sent["Records"][0]["messageId"]}]
    assert handler(sent, None) == {"batchItemFailures": failed}


def test_message_the_queue_does_not_take_fails_its_job_for_good(
    make_job: MakeJob, handler: Handler, worked_on: list[int]
) -> None:
    job_id = make_job()
    change_job(job_id, """message = '{"number": "many"}'""")
    assert handler(event(job_id), None) == {"batchItemFailures": []}
    job = job_row(job_id)
    assert job.error is not None
    assert (job.state, job.error["title"]) == (JobState.FAILED, "MessageUnreadable")
    assert worked_on == []


def test_lost_publication_is_healed_by_the_sweep(
    make_job: MakeJob, handler: Handler, bell: Bell
) -> None:
    job_id = make_job(2)
    bell.rings()  # Nobody came for it.
    sweep()
    assert bell.rings() == []  # It may still stand in a broker's queue.
    change_job(job_id, "rung_at = now() - interval '6 minutes'")
    sweep()
    assert bell.rings() == ["sample_queue"]
    handler(event(job_id), None)
    sweep()
    assert bell.rings() == []


def test_sweep_rings_for_a_retry_only_when_it_is_due(make_job: MakeJob, bell: Bell) -> None:
    job_id = make_job()
    claimed().fail(InternalError(), retry=True)
    bell.rings()
    sweep()
    assert bell.rings() == []
    change_job(job_id, "next_attempt_at = now()")
    sweep()
    sweep()
    assert bell.rings() == ["sample_queue"]


def test_handler_whose_lease_was_taken_ends_quietly(make_job: MakeJob) -> None:
    job_id = make_job()

    @queue_handler(SAMPLE_QUEUE)
    def stalls(run: JobRun, _message: Tiny) -> Total:
        taken_over(run).succeed({"number": 2})
        write(run, "stalled")
        return Total(number=1)

    assert stalls(event(job_id), None) == {"batchItemFailures": []}
    assert job_row(job_id).result == {"number": 2}
    assert notes() == []


@pytest.fixture
def shutting_down(environment: dict[str, str]) -> Iterator[None]:
    """This process was told to stop."""
    runs.request_stop()
    yield
    runs._stopping.clear()


@pytest.mark.usefixtures("shutting_down")
def test_worker_that_shuts_down_gives_its_job_back(make_job: MakeJob, handler: Handler) -> None:
    job_id = make_job(2)
    handler(event(job_id), None)
    job = job_row(job_id)
    assert (job.state, job.attempt_limit - job.attempt, job.error) == (JobState.QUEUED, 3, None)


def test_cancelled_run_ends_as_cancelled(make_job: MakeJob, handler: Handler) -> None:
    job_id = make_job(2)

    @queue_handler(SAMPLE_QUEUE)
    def slow(run: JobRun, _message: Tiny) -> None:
        change_job(run.job_id, "cancel_requested = true")
        run.progress(1, 2, "somando")

    slow(event(job_id), None)
    job = job_row(job_id)
    assert (job.state, job.result, job.error) == (JobState.CANCELLED, None, None)


def test_one_request_id_from_the_job_to_its_handler(make_job: MakeJob) -> None:
    with telemetry.correlated("the-request-that-asked"):
        job_id = make_job()
    seen = []

    @queue_handler(SAMPLE_QUEUE)
    def notes_id(_run: JobRun, _message: Tiny) -> None:
        seen.append(telemetry.request_id())

    notes_id(event(job_id), None)
    assert seen == ["the-request-that-asked"]
    assert telemetry.request_id() == ""


@pytest.mark.parametrize("retry", [True, False])
@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (InternalError(), "Algo deu errado do nosso lado, e ficou registrado."),
        (HeaderInvalid("No header.", motivo="Não há cabeçalho."), "Não há cabeçalho."),
    ],
)
def test_job_says_in_portuguese_why_it_ended(
    make_job: MakeJob, problem: Problem, said: str, retry: bool
) -> None:
    job_id = make_job()
    claimed().fail(problem, retry=retry)
    error = job_row(job_id).error
    assert error is not None
    assert (error["title"], error["detail"]) == (type(problem).__name__, said)
