"""What the owner of a job may do with it: look, cancel, send again."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import case, func, null, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply
from chalicelib.core.db import refusal_for
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.jobs import Job, JobKeyTaken, JobState, announce
from chalicelib.core.pages import AS_INSTANT, AS_UUID, PageQuery, fetch_page
from chalicelib.core.types import FromRow

ATTEMPTS_PER_REDRIVE = 5
MOST_REDRIVEN = 100


class JobNotFound(NotFound):
    """There is no job of yours under this id."""

    motivo = "Esta tarefa não existe, ou não é sua."


class JobFinished(Conflict):
    """This job has already ended; only a queued or running one can be cancelled."""

    motivo = "Esta tarefa já terminou."


class JobNotRedrivable(Conflict):
    """Only a failed or cancelled job can be sent again."""

    motivo = "Só se reenvia uma tarefa que falhou ou foi cancelada."


class JobError(BaseModel):
    """Why the last attempt ended badly."""

    title: str = Field(description="Kind of problem, as in a problem document.")
    detail: str = Field(description="What happened and what to do, in Portuguese.")
    attempt: int


class JobOut(FromRow):
    """A job as its owner sees it."""

    id: UUID
    queue: str
    state: JobState
    progress: float = Field(ge=0, le=1)
    step: str | None = Field(description="What the job is doing now.")
    attempt: int = Field(description="How many times it has been started.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    next_attempt_at: datetime | None = Field(description="When a queued job is due.")
    cancel_requested: bool
    error: JobError | None
    result: dict[str, Any] | None = Field(description="The report of a job that succeeded.")


def _visible_to(principal: Principal) -> Any:
    """Within the tenant, which row-level security sees to, an admin sees all, others their own.

    A company is one party: its people follow what its programs asked for, and a program what it
    asked for under the key before.
    """
    if principal.role is Role.ADMIN or principal.is_of_company:
        return text("true")
    return Job.owner == principal.subject


def get_job(session: Session, principal: Principal, job_id: UUID) -> Job:
    """One job.

    Raises:
        JobNotFound: No such job, or it is somebody else's.
    """
    return _visible_job(session, job_id, _visible_to(principal))


def _visible_job(session: Session, job_id: UUID, visible: Any) -> Job:
    job = session.scalar(select(Job).where(Job.id == job_id, visible))
    if job is None:
        raise JobNotFound
    return job


def cancel_job(session: Session, principal: Principal, job_id: UUID) -> Job:
    """Cancel a queued job at once; ask a running one to stop at its next safe point.

    Raises:
        JobNotFound: No such job, or it is somebody else's.
        JobFinished: It has ended.
    """
    return _cancel(session, principal, job_id, _visible_to(principal))


def cancel_of_others(session: Session, principal: Principal, job_id: UUID) -> Job:
    """Cancel a job that its product lets the caller cancel, whoever asked for it.

    Raises:
        JobNotFound: The tenant has no such job.
        JobFinished: It has ended.
    """
    return _cancel(session, principal, job_id, Job.tenant == principal.tenant)


def _cancel(session: Session, principal: Principal, job_id: UUID, visible: Any) -> Job:
    queued = Job.state == JobState.QUEUED
    job = _change(
        session,
        job_id,
        visible,
        from_states=[JobState.QUEUED, JobState.RUNNING],
        cancel_requested=True,
        state=case((queued, JobState.CANCELLED), else_=Job.state),
        finished_at=case((queued, func.now()), else_=Job.finished_at),
    )
    if job is None:
        raise JobFinished
    _audit(session, principal, job, "job.cancelado")
    return job


def redrive_job(session: Session, principal: Principal, job_id: UUID) -> Job:
    """Queue a failed or cancelled job again, from its last checkpoint.

    The attempt number goes on counting: it is what fences an earlier run off.

    Raises:
        JobNotFound: No such job, or it is somebody else's.
        JobNotRedrivable: It has not failed.
        JobKeyTaken: Another job does the same work by now.
    """
    job = _change(
        session,
        job_id,
        _visible_to(principal),
        from_states=[JobState.FAILED, JobState.CANCELLED],
        state=JobState.QUEUED,
        cancel_requested=False,
        next_attempt_at=func.now(),
        rung_at=func.now(),
        attempt_limit=Job.attempt + ATTEMPTS_PER_REDRIVE,
        finished_at=None,
        error=null(),
    )
    if job is None:
        raise JobNotRedrivable
    _audit(session, principal, job, "job.reenviado")
    announce(session, job)
    return job


def redrive_failed(session: Session, principal: Principal, queue: str | None) -> int:
    """Queue the failed jobs again that the caller sees, the newest hundred; gives how many.

    Left as it is: a job whose work another does by now, and one that somebody else sent again
    or removed since it was listed.

    Args:
        session: The transaction.
        principal: Who asks.
        queue: Of this queue only; of all when None.
    """
    query = JobQuery(queue=queue, state=JobState.FAILED, limit=MOST_REDRIVEN)
    sent = 0
    for job in list_jobs(session, principal, query)[0]:
        try:
            with session.begin_nested():
                redrive_job(session, principal, job.id)
        except (JobNotFound, JobNotRedrivable):
            continue
        except DBAPIError as error:
            if not isinstance(refusal_for(error), JobKeyTaken):
                raise
        else:
            sent += 1
    return sent


def _change(
    session: Session,
    job_id: UUID,
    visible: Any,
    *,
    from_states: list[JobState],
    **values: Any,
) -> Job | None:
    """Change a job that is in one of these states; None when it is in another."""
    job = session.scalar(
        update(Job)
        .where(Job.id == job_id, visible, Job.state.in_(from_states))
        .values(values)
        .returning(Job),
        execution_options={"populate_existing": True},
    )
    if job is None:
        _visible_job(session, job_id, visible)
    return job


def _audit(session: Session, principal: Principal, job: Job, acao: str) -> None:
    audit.record_by(
        session,
        principal,
        acao,
        f"job:{job.id}",
        fila=job.queue,
    )


class JobQuery(PageQuery):
    """Filters of the list of jobs."""

    queue: str | None = Field(None, max_length=100, examples=["checkin_queue"])
    state: JobState | None = None


def list_jobs(
    session: Session, principal: Principal, query: JobQuery
) -> tuple[list[Job], str | None, tuple[int, bool]]:
    """The caller's jobs, newest first.

    Returns:
        The jobs of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = select(Job).where(_visible_to(principal))
    if query.queue is not None:
        statement = statement.where(Job.queue == query.queue)
    if query.state is not None:
        statement = statement.where(Job.state == query.state)
    key = (Job.created_at, Job.id)
    return fetch_page(session, statement, query, key, (AS_INSTANT, AS_UUID))


def accepted(job: Job, call: Call) -> Reply:
    """The answer to work that will be done later: 202, and where to follow it."""
    location = call.link(f"/jobs/{job.id}")
    return Reply(JobOut.model_validate(job), status=202, headers={"Location": location})
