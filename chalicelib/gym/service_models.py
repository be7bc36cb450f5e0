"""Versions of the churn model: trained and compared on request, and what follows a promotion."""

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import SYSTEM, Job, enqueue
from chalicelib.core.settings import HOUSE
from chalicelib.gym.models import CHURN
from chalicelib.gym.queues import MODEL_COMPARISON_QUEUE, MODEL_UPDATE_QUEUE
from chalicelib.gym.schemas import UpdateModelMessage
from chalicelib.gym.schemas_models import CompareMessage
from chalicelib.gym.service_analyses import ask_for_analyses
from chalicelib.gym.service_scores import ask_for_scores
from chalicelib.ml.registry import version_of
from chalicelib.ml.schemas import CompararIn


def ask_for_training(session: Session, *, owner: str, motivo: str = "manual") -> Job:
    """Have the churn model trained anew; while that is under way, the same job is answered."""
    return enqueue(
        session,
        MODEL_UPDATE_QUEUE,
        UpdateModelMessage(motivo=motivo),
        tenant=HOUSE,
        owner=owner,
        dedupe_key="churn",
    )


def ask_for_weekly_training() -> None:
    """What the schedule does."""
    with unit_of_work(tenant=HOUSE) as session:
        ask_for_training(session, owner=SYSTEM, motivo="semanal")


def ask_for_comparison(session: Session, principal: Principal, versions: CompararIn) -> Job:
    """Have two versions judged on the same rows.

    Raises:
        ModelVersionNotFound: There is no such version.
    """
    for number in (versions.a, versions.b):
        version_of(session, CHURN, number)
    return enqueue(
        session,
        MODEL_COMPARISON_QUEUE,
        CompareMessage(a=versions.a, b=versions.b),
        tenant=principal.tenant,
        owner=principal.subject,
    )


def follow_promotion(session: Session, version: int, by: str) -> None:
    """Have the version that answers now measured, and everybody scored by it."""
    ask_for_analyses(session, owner=by)
    ask_for_scores(session, owner=by, motivo="promoção", dedupe_key=f"versao:{version}")
