"""The only Lambda-aware code: from an SQS event to runs of jobs, and back to what failed."""

import json
import logging
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from chalicelib.core import metrics, telemetry
from chalicelib.core.claims import claim, job_exists
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
            failures = [
                {"itemIdentifier": record["messageId"]}
                for record in event["Records"]
                if stop_requested() or not _answer_ring(record, queue, work)
            ]
            return {"batchItemFailures": failures}

        handler.queue = queue  # type: ignore[attr-defined]
        return handler

    return decorate


def _answer_ring(record: dict[str, Any], queue: Queue[MessageT], work: Work[MessageT]) -> bool:
    """Run the queue's next job; False when the record has to be delivered again."""
    job_id = _named_job(record)
    if job_id is None:
        log.warning("message cannot be read", extra={"message_id": record.get("messageId")})
        return False
    try:
        run = claim(queue)
        if run is None:
            return job_exists(job_id)
        run_job(run, queue, work)
    except (*DATABASE_ERRORS, ServiceUnavailable):
        log.warning("job could not be read", extra={"message_id": record.get("messageId")})
        return False
    return True


def _named_job(record: dict[str, Any]) -> UUID | None:
    try:
        return UUID(json.loads(record["body"])["job"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def run_job(run: JobRun, queue: Queue[MessageT], work: Work[MessageT]) -> None:
    """Work on a claimed job and write on its row how that ended."""
    with telemetry.correlated(run.request_id):
        fields = {"queue": queue.name, "job": str(run.job_id), "attempt": run.attempt}
        log.info("job started", extra=fields)
        started = time.perf_counter()
        try:
            outcome = _end(run, queue, work)
        except LeaseLost:
            log.warning("lease lost", extra=fields)
            outcome = Outcome.LOST
        seconds = round(time.perf_counter() - started, 6)
        metrics.count_run(queue.name, outcome, seconds)
        measured = {"outcome": outcome, "seconds": seconds}
        directive = metrics.embedded("queue", "outcome", seconds="Seconds")
        log.info("job ended", extra=fields | measured | directive)


def _end(run: JobRun, queue: Queue[MessageT], work: Work[MessageT]) -> Outcome:
    try:
        result = _work(run, queue, work)
        # Within the try: a result that cannot be stored is an error of the job, too.
        run.succeed(result.model_dump(mode="json") if result is not None else None)
        return Outcome.SUCCEEDED
    except LeaseLost:
        raise
    except RunCancelled:
        run.mark_cancelled()
        return Outcome.CANCELLED
    except RunInterrupted:
        run.release()
        return Outcome.INTERRUPTED
    except ServiceUnavailable as problem:
        run.fail(problem, retry=True)
    except Problem as problem:
        run.fail(problem, retry=False)
        return Outcome.REFUSED
    except Exception:
        fields = {"queue": queue.name, "job": str(run.job_id), "attempt": run.attempt}
        log.exception("job failed", extra=fields)
        run.fail(InternalError(), retry=True)
    return Outcome.FAILED


def _work(run: JobRun, queue: Queue[MessageT], work: Work[MessageT]) -> BaseModel | None:
    try:
        message = queue.message.model_validate(run.message)
    except ValidationError:
        raise MessageUnreadable from None
    with run.heartbeat():
        return work(run, message)
