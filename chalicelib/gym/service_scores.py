"""Asking for everybody's scores; `service_scoring.py` computes them."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.core.clock import local_day
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import SYSTEM, Job, enqueue
from chalicelib.core.old_rows import remove_old_rows
from chalicelib.core.settings import HOUSE, settings
from chalicelib.gym.queues import CHURN_PROBABILITIES_QUEUE
from chalicelib.gym.schemas import CalculoMessage

# By `ctid`, as a day's rows lie together and have a key of two columns.
FORGET_DAYS = """
DELETE FROM probabilidades_churn WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM probabilidades_churn WHERE dia < :oldest LIMIT :most
))
"""
FORGET_LAST = """
DELETE FROM riscos_churn WHERE aluno_id IN (
    SELECT aluno_id FROM riscos_churn WHERE dia < :oldest LIMIT :most
)
"""


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


def remove_old_scores(now: datetime) -> int:
    """Delete the scores of more than `CHURN_KEEP_DAYS` ago; a pass thins out those since.

    A member's last score is computed anew when somebody asks.
    """
    found = settings()
    day = local_day(now, found.local_timezone) - timedelta(days=found.churn_keep_days)
    return sum(remove_old_rows(each, {"oldest": day}) for each in (FORGET_DAYS, FORGET_LAST))
