"""The churn model's pages."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.console.model_console import ModelConsole
from chalicelib.console.model_pages import model_pages
from chalicelib.core.auth import Principal, Role
from chalicelib.core.jobs import Job
from chalicelib.core.settings import HOUSE
from chalicelib.gym import health, service_models
from chalicelib.gym.models import CHURN, LABEL_TEXT
from chalicelib.gym.pages import MODEL, READERS
from chalicelib.gym.queues import MODEL_COMPARISON_QUEUE, MODEL_UPDATE_QUEUE
from chalicelib.gym.schemas_models import SaudeOut
from chalicelib.gym.service_analyses import Analysis, all_of
from chalicelib.ml.schemas import VersaoResumoOut

SHOWN_DAYS = 90


def _train(session: Session, principal: Principal) -> Job:
    return service_models.ask_for_training(session, owner=principal.subject)


def _health(session: Session, _principal: Principal, now: datetime) -> SaudeOut:
    return health.churn_health(session, now)


def _history(
    session: Session, _principal: Principal
) -> Mapping[str, Sequence[tuple[datetime, float]]]:
    """How far the score has moved since training, and the ROC AUC on outcomes known since."""
    moved, judged = [], []
    for row in all_of(session, Analysis.SAUDE, SHOWN_DAYS):
        measured = row.conteudo
        if score := measured.get("score"):
            moved.append((row.calculado_em, float(score["psi"])))
        if metrics := measured["desempenho"]["metricas"]:
            judged.append((row.calculado_em, float(metrics["roc_auc"]["value"])))
    return {"Mudança do risco (PSI)": moved, "ROC AUC": judged}


CHURN_CONSOLE = ModelConsole(
    title="Modelo de risco de saída",
    path=MODEL,
    model=lambda _principal: CHURN,
    label=LABEL_TEXT,
    summary=VersaoResumoOut,
    health=_health,
    history=_history,
    then=service_models.follow_promotion,
    train=_train,
    training_queue=MODEL_UPDATE_QUEUE.name,
    compare=service_models.ask_for_comparison,
    comparison_queue=MODEL_COMPARISON_QUEUE.name,
    allow=READERS,
    trainers=(Role.CIENTISTA,),
    tenant=HOUSE,
)

churn_pages = model_pages(CHURN_CONSOLE)
