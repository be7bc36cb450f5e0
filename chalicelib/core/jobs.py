"""Background work as rows: the table, and how work is asked for."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    Index,
    Text,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from chalicelib.core import audit, metrics, telemetry
from chalicelib.core.db import DATABASE_ERRORS, Base, DatabaseRole, after_commit, unit_of_work
from chalicelib.core.doorbells import doorbell
from chalicelib.core.errors import Conflict, ServiceUnavailable
from chalicelib.core.queues import MessageT, Queue, Ring

log = logging.getLogger("previsto.jobs")

FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(minutes=15)
_RINGS = "rings"
SYSTEM = "sistema"  # Owner of what the schedule or the program itself asks for.


class JobKeyTaken(Conflict):
    """Another job for the same work is queued or running already; follow that one."""

    motivo = "Já há uma tarefa igual em andamento."


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Base):
    """One piece of background work and all that is known of it."""

    __tablename__ = "jobs"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(Text, comment="Subject of who asked for it.")
    queue: Mapped[str] = mapped_column(Text)
    message: Mapped[dict[str, Any]] = mapped_column(JSONB)
    dedupe_key: Mapped[str | None] = mapped_column(Text)
    request_id: Mapped[str] = mapped_column(Text)
    state: Mapped[JobState] = mapped_column(Text, server_default=JobState.QUEUED.value)
    progress: Mapped[float] = mapped_column(server_default="0")
    step: Mapped[str | None] = mapped_column(Text)
    attempt: Mapped[int] = mapped_column(server_default="0")
    attempt_limit: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    next_attempt_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    rung_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True),
        server_default=func.now(),
        comment="When the doorbell was last rung for it; null when it could not be.",
    )
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    lease_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    cancel_requested: Mapped[bool] = mapped_column(server_default=text("false"))
    checkpoint: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

    __table_args__ = (
        CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="state"
        ),
        CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
        CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="lease"),
        Index(
            "jobs_ready_idx",
            "queue",
            "tenant",
            "next_attempt_at",
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "jobs_turns_idx",
            "queue",
            "started_at",
            postgresql_where=text("started_at IS NOT NULL"),
        ),
        Index("jobs_leased_idx", "lease_until", postgresql_where=text("state = 'running'")),
        Index("jobs_tenant_created_idx", "tenant", "created_at", "id"),
        Index(
            "jobs_dedupe_idx",
            "tenant",
            "queue",
            "dedupe_key",
            unique=True,
            postgresql_where=text("state IN ('queued', 'running')"),
            info={"problem": JobKeyTaken},
        ),
    )


def next_attempt(attempt: int, limit: int, now: datetime) -> datetime | None:
    """When a job that just failed is tried again.

    Args:
        attempt: The number of the attempt that failed, from 1.
        limit: The number of the last one allowed.
        now: When it failed.

    Returns:
        The instant, doubling from ten seconds to a quarter of an hour; None when it is over.
    """
    if attempt >= limit:
        return None
    doublings: int = 2 ** min(attempt - 1, 10)
    return now + min(FIRST_RETRY * doublings, LONGEST_RETRY)


def enqueue(
    session: Session,
    queue: Queue[MessageT],
    message: MessageT,
    *,
    tenant: str,
    owner: str,
    dedupe_key: str | None = None,
) -> Job:
    """Ask for work in the caller's transaction; workers hear of it after the commit.

    Args:
        session: The transaction that also makes whatever the work is about.
        queue: Which kind of work.
        message: What it is about: ids and object keys.
        tenant: Whose work, and whose rows it sees.
        owner: Subject of who may read, cancel and redrive it.
        dedupe_key: While a job with this key is queued or running, that one is answered.
    """
    values = {
        "tenant": tenant,
        "owner": owner,
        "queue": queue.name,
        "message": message.model_dump(mode="json"),
        "dedupe_key": dedupe_key,
        "request_id": telemetry.request_id() or telemetry.new_request_id(),
        "attempt_limit": queue.max_attempts,
    }
    statement = (
        insert(Job)
        .values(values)
        .on_conflict_do_nothing(
            index_elements=["tenant", "queue", "dedupe_key"],
            index_where=text("state IN ('queued', 'running')"),
        )
        .returning(Job)
    )
    while True:
        job = session.scalar(statement)
        if job is not None:
            break
        # Somebody else's row won. If it has ended since, ours is the next to be tried.
        if (unfinished := _unfinished(session, tenant, queue.name, dedupe_key)) is not None:
            return unfinished
    audit.record(
        session,
        tenant=tenant,
        ator=owner,
        acao="job.pedido",
        objeto=f"job:{job.id}",
        fila=queue.name,
    )
    announce(session, job)
    return job


def announce(session: Session, job: Job) -> None:
    """Ring for a job after the session's commit, together with the others of its transaction."""
    rings: list[Ring] | None = session.info.get(_RINGS)
    if rings is None:
        rings = session.info[_RINGS] = []
        after_commit(session, partial(ring, rings))
    rings.append(Ring(job.queue, str(job.id)))


def _unfinished(
    session: Session, tenant: str, queue_name: str, dedupe_key: str | None
) -> Job | None:
    return session.scalar(
        select(Job).where(
            Job.tenant == tenant,
            Job.queue == queue_name,
            Job.dedupe_key == dedupe_key,
            Job.state.in_([JobState.QUEUED, JobState.RUNNING]),
        )
    )


def ring(rings: Sequence[Ring]) -> None:
    """Ring the doorbell for committed jobs; what nobody hears is the sweep's to heal."""
    doorbell().ring(rings, note_unheard)


def note_unheard(rings: Sequence[Ring]) -> None:
    """Say on the rows that nobody was told of them, so that the next sweep tells."""
    for unheard in rings:
        metrics.count_doorbell_failure(unheard.queue)
    fields = {"rings": len(rings)}
    log.warning("doorbell not heard", extra=fields | metrics.embedded(rings="Count"))
    try:
        with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
            session.execute(text(UNHEARD), {"ids": [ring.job_id for ring in rings]})
    except (*DATABASE_ERRORS, ServiceUnavailable):
        log.warning(
            "rings not noted", exc_info=True
        )  # They are rung for again all the same, later.


UNHEARD = """
UPDATE jobs SET rung_at = NULL WHERE id = ANY (cast(:ids AS uuid[])) AND state = 'queued'
"""
