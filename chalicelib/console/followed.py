"""Jobs that a page follows until they end."""

from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core import job_control
from chalicelib.core.auth import Principal
from chalicelib.core.job_control import JobNotFound, JobOut
from chalicelib.core.jobs import JobState

UNDER_WAY = (JobState.QUEUED, JobState.RUNNING)


def followed_job(session: Session, principal: Principal, job_id: UUID | None) -> JobOut | None:
    """A job, unless there is none or it was deleted long ago."""
    if job_id is None:
        return None
    try:
        return JobOut.model_validate(job_control.get_job(session, principal, job_id))
    except JobNotFound:
        return None


def is_under_way(job: JobOut | None) -> bool:
    """Whether a job waits or runs."""
    return job is not None and job.state in UNDER_WAY
