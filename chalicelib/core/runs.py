"""One attempt at a job: claimed with a number and a lease, and fenced by them (law 3)."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core.clock import utc_now
from chalicelib.core.db import DATABASE_ERRORS, unit_of_work
from chalicelib.core.errors import Problem, ServiceUnavailable
from chalicelib.core.heartbeat import HEART
from chalicelib.core.jobs import JobState, next_attempt, ring
from chalicelib.core.pg import PLANNED_ALONG_INDEXES
from chalicelib.core.queues import Ring
from chalicelib.core.statements import HotStatement

log = logging.getLogger("previsto.runs")

PROGRESS_INTERVAL_SECONDS = 0.5
_stopping = threading.Event()


class LeaseLost(Exception):
    """Another attempt has taken this job; this one must not write any more."""


class RunCancelled(Exception):
    """Whoever owns the job asked for it to stop."""


class RunInterrupted(Exception):
    """This worker is shutting down; another one goes on from the checkpoint."""


def request_stop() -> None:
    """Ask the run in this process to stop at its next safe point."""
    _stopping.set()


def stop_requested() -> bool:
    """Whether this process is shutting down."""
    return _stopping.is_set()


@dataclass
class JobRun:
    """What a handler works with: short fenced transactions, progress, cancellation.

    Attributes:
        job_id: The job.
        queue: Name of its queue.
        attempt: This attempt's number.
        started_at: When it was claimed; every write carries both.
        tenant: Whose rows the run sees.
        owner: Subject of who asked for the job.
        message: The job's message, not validated yet.
        checkpoint: Where an earlier attempt got to; None at the first.
        request_id: The id of the request that asked for the job.
    """

    job_id: UUID
    queue: str
    attempt: int
    started_at: datetime
    attempt_limit: int
    tenant: str
    owner: str
    message: dict[str, Any]
    checkpoint: dict[str, Any] | None
    request_id: str
    lease_seconds: float
    _lost: threading.Event = field(default_factory=threading.Event, repr=False)
    _cancelled: threading.Event = field(default_factory=threading.Event, repr=False)
    _last_progress: tuple[str, float] = field(default=("", 0.0), repr=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One short transaction that stands only while this attempt holds the job.

        The row lock it takes keeps other attempts from claiming the job until it ends, yet
        lets the heartbeat and a request to cancel through.

        Raises:
            LeaseLost: Another attempt has the job.
        """
        with unit_of_work(tenant=self.tenant) as session:
            self.hold(session)
            yield session

    def hold(self, session: Session) -> None:
        """Take the lock of `transaction()` in one that was begun without it.

        What goes before in that transaction is prepared while another holds the job's lock; it
        may touch nothing that others see.

        Raises:
            LeaseLost: Another attempt has the job.
        """
        if FENCE.one_or_none(session, **self.fence) is None:
            raise self.lose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for reads only, each statement on its own."""
        with unit_of_work(tenant=self.tenant, autocommit=True) as session:
            yield session

    def save_checkpoint(self, session: Session, checkpoint: dict[str, Any]) -> None:
        """Record in a `transaction()` how far its work has come, so that a killed run resumes."""
        self._update(
            session, "checkpoint = cast(:checkpoint AS jsonb)", checkpoint=_json(checkpoint)
        )
        self.checkpoint = checkpoint

    def progress(self, done: float, total: float, step: str) -> None:
        """Show how far the run has come; also the point at which it may be stopped.

        Args:
            done: Work done, in any unit.
            total: All of the work, in the same unit; 0 when it is not known yet.
            step: What is being done now, for people.

        Raises:
            LeaseLost, RunCancelled, RunInterrupted: See `check_cancelled`.
        """
        last_step, last_time = self._last_progress
        now = time.monotonic()
        if step != last_step or now - last_time >= PROGRESS_INTERVAL_SECONDS:
            self._last_progress = (step, now)
            share = min(max(done / total, 0.0), 1.0) if total else 0.0
            self._write("progress = :progress, step = :step", progress=share, step=step)
        self.check_cancelled()

    def check_cancelled(self) -> None:
        """Stop here if the run must not go on.

        Raises:
            LeaseLost: Another attempt has the job.
            RunCancelled: Its owner asked for it to stop.
            RunInterrupted: This process is shutting down.
        """
        if self._lost.is_set():
            raise LeaseLost
        if self._cancelled.is_set():
            raise RunCancelled
        if stop_requested():
            raise RunInterrupted

    def heartbeat(self) -> AbstractContextManager[None]:
        """Extend the lease from another thread while the work goes on."""
        return HEART.beating(self._beat, self.lease_seconds / 3)

    def _beat(self) -> bool:
        try:
            self._write("step = step")
        except LeaseLost:
            return False
        except (*DATABASE_ERRORS, ServiceUnavailable):
            log.warning("heartbeat missed", extra={"job": str(self.job_id)})
        return True

    def succeed(self, result: dict[str, Any] | None) -> None:
        """End the run well."""
        self._write(SUCCEEDED, extend=False, **succeeded_values(result))

    def mark_cancelled(self) -> None:
        """End the run as its owner asked."""
        self._end(JobState.CANCELLED)

    def fail(self, problem: Problem, *, retry: bool) -> None:
        """End the run badly; the job waits for its next attempt when there is one.

        Args:
            problem: What to tell the owner, in Portuguese; internals belong in the log.
            retry: Whether another attempt could end otherwise.
        """
        again = next_attempt(self.attempt, self.attempt_limit, utc_now()) if retry else None
        error = {"title": type(problem).__name__, "detail": problem.motivo, "attempt": self.attempt}
        if again is None:
            self._end(JobState.FAILED, error)
        else:
            self._write(
                f"{BACK_IN_THE_QUEUE}, next_attempt_at = :again, error = cast(:error AS jsonb)",
                extend=False,
                again=again,
                error=_json(error),
            )

    def release(self) -> None:
        """Give the job back unfinished; the attempt does not count against its limit."""
        self._write(
            f"{BACK_IN_THE_QUEUE}, next_attempt_at = now(), rung_at = now(),"
            " attempt_limit = attempt_limit + 1",
            extend=False,
        )
        ring([Ring(self.queue, str(self.job_id))])

    def _end(self, state: JobState, error: dict[str, Any] | None = None) -> None:
        self._write(
            "state = :state, lease_until = NULL, finished_at = now(), result = NULL,"
            " error = cast(:error AS jsonb)",
            extend=False,
            state=state.value,
            error=_json(error),
        )

    @property
    def fence(self) -> dict[str, Any]:
        """What a row must still say for this attempt to write to it."""
        return {"id": self.job_id, "attempt": self.attempt, "started_at": self.started_at}

    def lose(self) -> LeaseLost:
        """Note that another attempt has the job; returns what to raise."""
        self._lost.set()
        return LeaseLost()

    def _write(self, assignments: str, *, extend: bool = True, **values: Any) -> None:
        """A fenced write of its own, which also extends the lease and hears of cancellation."""
        if extend:
            assignments += ", lease_until = now() + make_interval(secs => :lease)"
            values["lease"] = self.lease_seconds
        with unit_of_work(tenant=self.tenant, autocommit=True) as session:
            self._update(session, assignments, **values)

    def _update(self, session: Session, assignments: str, **values: Any) -> None:
        row = _fenced_update(assignments).one_or_none(session, **self.fence, **values)
        if row is None:
            raise self.lose()
        if row.cancel_requested:
            self._cancelled.set()


SUCCEEDED = (
    "state = 'succeeded', lease_until = NULL, finished_at = now(), progress = 1,"
    " result = cast(:result AS jsonb), error = NULL"
)


def succeeded_values(result: dict[str, Any] | None) -> dict[str, Any]:
    """What `SUCCEEDED` is executed with."""
    return {"result": _json(result)}


# Who has asked for a running job to stop has been told that it will.
BACK_IN_THE_QUEUE = (
    "state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'queued' END,"
    " finished_at = CASE WHEN cancel_requested THEN now() END, lease_until = NULL"
)

# By `=` it would read as leave to look through an index of unfinished jobs, all of the tenant's,
# where the server has counted few so far. The job is found by its id.
FENCED = (
    "id = :id AND attempt = :attempt AND started_at = :started_at"
    " AND state IS NOT DISTINCT FROM 'running'"
)

FENCE = HotStatement(f"SELECT 1 AS held FROM jobs WHERE {FENCED} FOR KEY SHARE")


@lru_cache(maxsize=64)
def _fenced_update(assignments: str) -> HotStatement:
    """A write that touches the job only while this attempt runs it."""
    return HotStatement(
        f"{PLANNED_ALONG_INDEXES}UPDATE jobs SET {assignments} WHERE {FENCED}"
        " RETURNING cancel_requested"
    )


def _json(value: dict[str, Any] | None) -> str | None:
    import json

    return None if value is None else json.dumps(value, default=str)
