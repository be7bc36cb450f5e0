"""Versions of a company's model: trained, compared and measured on request."""

from sqlalchemy.orm import Session

from chalicelib.core.jobs import Job, enqueue
from chalicelib.credit.queues import (
    CREDIT_ANALYSIS_QUEUE,
    CREDIT_TRAINING_QUEUE,
    AnaliseMessage,
    SaudeMessage,
    TreinoMessage,
)


def ask_for_training(session: Session, message: TreinoMessage, *, tenant: str, owner: str) -> Job:
    """Have a model trained on a dataset; while that is under way, the same job is answered."""
    return enqueue(
        session,
        CREDIT_TRAINING_QUEUE,
        message,
        tenant=tenant,
        owner=owner,
        dedupe_key=f"dataset:{message.dataset}",
    )


def ask_for_health(session: Session, *, tenant: str, owner: str) -> Job:
    """Have the version that answers measured; one such job at a time is enough."""
    return enqueue(
        session,
        CREDIT_ANALYSIS_QUEUE,
        AnaliseMessage(analise=SaudeMessage()),
        tenant=tenant,
        owner=owner,
        dedupe_key="saude",
    )


def follow_promotion(session: Session, _version: int, by: str) -> None:
    """Have the version that answers now measured."""
    ask_for_health(session, tenant=session.info["tenant"], owner=by)
