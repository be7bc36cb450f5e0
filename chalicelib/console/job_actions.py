"""What a page may do with a job: stop it, or send it again."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.console.visits import Visit
from chalicelib.core import job_control
from chalicelib.core.auth import Principal
from chalicelib.core.errors import BadRequest
from chalicelib.core.job_control import JobFinished, JobNotFound, JobNotRedrivable, JobOut, JobQuery
from chalicelib.core.jobs import Job, JobKeyTaken, JobState

UNDER_WAY = (JobState.QUEUED, JobState.RUNNING)
REFUSALS = (JobFinished, JobKeyTaken, JobNotFound, JobNotRedrivable)
"""What `act_on_job` raises, for a page to declare."""


@dataclass(frozen=True, kw_only=True)
class JobWords:
    """What is told of what was done with a job."""

    cancelled: str = "A tarefa foi cancelada."
    stopping: str = "A tarefa para no próximo ponto seguro."
    queued: str = "A tarefa está de novo na fila."


def act_on_job(
    session: Session, visit: Visit, job_id: UUID, action: str, words: JobWords | None = None
) -> str:
    """Do with a job what a page's button asks for, `cancelar` or `reenviar`; gives what to tell.

    Raises:
        BadRequest: It is neither.
        JobFinished, JobKeyTaken, JobNotFound, JobNotRedrivable: See `job_control`.
    """
    said = words or JobWords()
    if action == "cancelar":
        job = job_control.cancel_job(session, visit.who, job_id)
        return said.cancelled if job.state == JobState.CANCELLED else said.stopping
    if action == "reenviar":
        job_control.redrive_job(session, visit.who, job_id)
        return said.queued
    raise BadRequest


def newest_job(session: Session, principal: Principal, queue: str) -> Job | None:
    """The job of a queue that was asked for last, of those that somebody may see."""
    found, _, _ = job_control.list_jobs(session, principal, JobQuery(queue=queue, limit=1))
    return found[0] if found else None


def followed_job(session: Session, principal: Principal, job_id: UUID | None) -> JobOut | None:
    """A job, unless there is none or it was deleted long ago."""
    if job_id is None:
        return None
    try:
        return JobOut.model_validate(job_control.get_job(session, principal, job_id))
    except JobNotFound:
        return None


def is_under_way(job: Job | JobOut | None) -> bool:
    """Whether a job waits or runs."""
    return job is not None and job.state in UNDER_WAY
