"""The only Lambda-aware code: from an SQS event to runs of jobs, and back to what failed."""

import json
import logging
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Generic
from uuid import UUID

from pydantic import BaseModel, ValidationError

from chalicelib.core import metrics, telemetry
from chalicelib.core.claims import claim, job_exists, succeed_and_claim
from chalicelib.core.db import DATABASE_ERRORS
from chalicelib.core.errors import InternalError, Problem, ServiceUnavailable, Unprocessable
from chalicelib.core.queues import MessageT, Queue
from chalicelib.core.runs import JobRun, LeaseLost, RunCancelled, RunInterrupted, stop_requested
from chalicelib.core.settings import settings

log = logging.getLogger("previsto.functions")

Work = Callable[[JobRun, MessageT], BaseModel | None]
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Outcome(StrEnum):
    """How one run of a job ended, for the metrics."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  # As another attempt might not; its row says whether there is one.
    REFUSED = "refused"  # As every attempt would.
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"  # Given back by a worker that had to end.
    LOST = "lost"


class MessageUnreadable(Unprocessable):
    """This job's message does not fit what its queue takes."""


def queue_handler(queue: Queue[MessageT]) -> Callable[[Work[MessageT]], Handler]:
    """Make an SQS handler of a function that works on one job.

    Every record is a ring of the doorbell: it lets the queue's next job run, which need not be
    the one it names. A record that cannot be read, or names a job nobody knows, is handed
    back in `batchItemFailures`, for the transport to deliver again and at last to dead-letter;
    whatever happens to a job itself is written on its row.
    """

    def decorate(work: Work[MessageT]) -> Handler:
        def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
            telemetry.ensure_logging(settings().log_level)
            failures = _Shift(queue, work).answer(event["Records"])
            return {"batchItemFailures": [{"itemIdentifier": each} for each in failures]}

        handler.queue = queue  # type: ignore[attr-defined]
        return handler

    return decorate


class _Shift(Generic[MessageT]):
    """The rings of one event, answered one after another.

    A run that succeeds while another ring waits takes the job for that one in its own last
    transaction; see `succeed_and_claim`.
    """

    def __init__(self, queue: Queue[MessageT], work: Work[MessageT]) -> None:
        """Take the queue and what works on a job of it."""
        self._queue = queue
        self._work = work
        self._next: JobRun | None = None

    def answer(self, records: Sequence[dict[str, Any]]) -> list[str]:
        """Run a job for each record; returns the ids of those that have to come again."""
        named = [_named_job(record, self._queue) for record in records]
        failed = []
        for place, (record, job_id) in enumerate(zip(records, named, strict=True)):
            waits = any(named[place + 1 :])
            if job_id is None or not self._answer_ring(job_id, record, claims_next=waits):
                failed.append(record["messageId"])
        return failed

    def _answer_ring(self, job_id: UUID, record: dict[str, Any], *, claims_next: bool) -> bool:
        """Run the queue's next job; False when the record has to be delivered again."""
        run, self._next = self._next, None
        if run is None and stop_requested():
            return False
        try:
            run = run or claim(self._queue)
            if run is None:
                return job_exists(job_id)
            self._next = run_job(run, self._queue, self._work, claims_next=claims_next)
        except (*DATABASE_ERRORS, ServiceUnavailable):
            log.warning("job could not be read", extra={"message_id": record.get("messageId")})
            return False
        return True


def _named_job(record: dict[str, Any], queue: Queue[Any]) -> UUID | None:
    """The job that a record names; None, and a line in the log, when it cannot be read."""
    try:
        return UUID(json.loads(record["body"])["job"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        fields = {"queue": queue.name, "message_id": record.get("messageId")}
        log.warning("message cannot be read", extra=fields)
        return None


def run_job(
    run: JobRun, queue: Queue[MessageT], work: Work[MessageT], *, claims_next: bool = False
) -> JobRun | None:
    """Work on a claimed job and write on its row how that ended.

    Args:
        run: The claimed job.
        queue: Its queue.
        work: What works on it.
        claims_next: Whether the queue's next job is to be taken as this one ends.

    Returns:
        The next job's run, if one was taken: only a run that succeeds takes one.
    """
    following = None
    with telemetry.correlated(run.request_id):
        fields = {"queue": queue.name, "job": str(run.job_id), "attempt": run.attempt}
        log.info("job started", extra=fields)
        started = time.perf_counter()
        try:
            outcome, following = _end(run, queue, work, claims_next)
        except LeaseLost:
            log.warning("lease lost", extra=fields)
            outcome = Outcome.LOST
        seconds = round(time.perf_counter() - started, 6)
        metrics.count_run(queue.name, outcome, seconds)
        measured = {"outcome": outcome, "seconds": seconds}
        directive = metrics.embedded("queue", "outcome", seconds="Seconds")
        log.info("job ended", extra=fields | measured | directive)
    return following


def _end(
    run: JobRun, queue: Queue[MessageT], work: Work[MessageT], claims_next: bool
) -> tuple[Outcome, JobRun | None]:
    try:
        result = _work(run, queue, work)
        # Within the try: a result that cannot be stored is an error of the job, too.
        return Outcome.SUCCEEDED, _succeed(run, queue, result, claims_next)
    except LeaseLost:
        raise
    except RunCancelled:
        run.mark_cancelled()
        return Outcome.CANCELLED, None
    except RunInterrupted:
        run.release()
        return Outcome.INTERRUPTED, None
    except ServiceUnavailable as problem:
        run.fail(problem, retry=True)
    except Problem as problem:
        run.fail(problem, retry=False)
        return Outcome.REFUSED, None
    except Exception:
        fields = {"queue": queue.name, "job": str(run.job_id), "attempt": run.attempt}
        log.exception("job failed", extra=fields)
        run.fail(InternalError(), retry=True)
    return Outcome.FAILED, None


def _succeed(
    run: JobRun, queue: Queue[Any], result: BaseModel | None, claims_next: bool
) -> JobRun | None:
    told = result.model_dump(mode="json") if result is not None else None
    # Whoever is shutting down takes nothing more.
    if claims_next and not stop_requested():
        return succeed_and_claim(run, told, queue)
    run.succeed(told)
    return None


def _work(run: JobRun, queue: Queue[MessageT], work: Work[MessageT]) -> BaseModel | None:
    try:
        message = queue.message.model_validate(run.message)
    except ValidationError:
        raise MessageUnreadable from None
    with run.heartbeat():
        return work(run, message)
