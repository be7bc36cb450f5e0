"""Asking for everybody's scores; `service_scoring.py` computes them."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.core.clock import local_day
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import SYSTEM, Job, enqueue
from chalicelib.core.settings import HOUSE, settings
from chalicelib.gym.queues import CHURN_PROBABILITIES_QUEUE
from chalicelib.gym.schemas import CalculoMessage


def ask_for_scores(session: Session, *, owner: str, motivo: str, dedupe_key: str) -> Job:
    """Ask for a pass over all active members."""
    return enqueue(
        session,
        CHURN_PROBABILITIES_QUEUE,
        CalculoMessage(motivo=motivo),
        tenant=HOUSE,
        owner=owner,
        dedupe_key=dedupe_key,
    )


def latest_pass(session: Session) -> Job | None:
    """The pass that was asked for last, whoever asked: all look at the same scores."""
    return session.scalar(
        select(Job)
        .where(Job.tenant == HOUSE, Job.queue == CHURN_PROBABILITIES_QUEUE.name)
        .order_by(Job.created_at.desc())
        .limit(1)
    )


def ask_for_nightly_scores(now: datetime) -> None:
    """Ask for the pass of a night; asked again, the one that waits or runs is left to it."""
    dia = local_day(now, settings().local_timezone)
    with unit_of_work(tenant=HOUSE) as session:
        ask_for_scores(session, owner=SYSTEM, motivo="noturno", dedupe_key=f"dia:{dia}")
