"""Everybody's scores computed anew, from whichever page that is asked for."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from chalicelib.console.job_actions import is_under_way
from chalicelib.console.visits import Visit
from chalicelib.core.jobs import JobState
from chalicelib.gym import service_scores

NEWS = timedelta(minutes=10)  # How long it is told that a pass has ended.


def ask_for_scores(session: Session, visit: Visit) -> str:
    """Have everybody scored; gives what to tell."""
    service_scores.ask_for_scores(
        session, owner=visit.who.subject, motivo="manual", dedupe_key="manual"
    )
    return "Os riscos estão sendo calculados. Acompanhe aqui."


def scoring(session: Session, now: datetime) -> dict[str, Any]:
    """The pass that is under way, has failed, or has just ended; and whether one is under way."""
    job = service_scores.latest_pass(session)
    if job is not None and job.state in (JobState.SUCCEEDED, JobState.CANCELLED):
        job = job if job.finished_at and now - job.finished_at < NEWS else None
    return {"scoring": job, "is_scoring": is_under_way(job)}
