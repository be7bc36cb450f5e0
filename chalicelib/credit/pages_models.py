"""The pages of a company's own model: the shared ones, said of credit."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.console.model_console import ModelConsole
from chalicelib.console.model_pages import model_pages
from chalicelib.console.sections import Link
from chalicelib.core.auth import Principal, Role
from chalicelib.core.jobs import Job
from chalicelib.credit import health, service_models
from chalicelib.credit.authors import authors
from chalicelib.credit.errors import DatasetAberto
from chalicelib.credit.models import credit_model_name
from chalicelib.credit.pages import MODEL
from chalicelib.credit.queues import CREDIT_TRAINING_QUEUE
from chalicelib.credit.schemas_datasets import EstadoDataset
from chalicelib.credit.schemas_models import RetreinoIn, SaudeOut, VersaoResumoOut
from chalicelib.credit.tables import Dataset
from chalicelib.credit.tables_models import MedicaoRow
from chalicelib.credit.words import TRAINING_STEPS

SHOWN_DAYS = 90


def _train(session: Session, principal: Principal) -> Job:
    """On all that was sent and decided, for what the last closed dataset was to foretell.

    Raises:
        DatasetAberto: No dataset has been closed yet.
    """
    alvo = session.scalar(
        select(Dataset.alvo)
        .where(
            Dataset.tenant == principal.tenant,
            ~Dataset.acervo,
            Dataset.estado == EstadoDataset.FECHADO,
        )
        .order_by(Dataset.encerrado_em.desc())
        .limit(1)
    )
    if alvo is None:
        raise DatasetAberto
    asked = RetreinoIn.model_validate({"dataset": "acervo", "alvo": alvo}, strict=False)
    return service_models.ask_for_training(session, principal, asked)


def _measure(session: Session, principal: Principal) -> Job:
    tenant, owner = principal.tenant, principal.subject
    return service_models.ask_for_health(session, tenant=tenant, owner=owner)


def _health(session: Session, principal: Principal, now: datetime) -> SaudeOut:
    return health.credit_health(session, principal.tenant, now)


def _history(
    session: Session, principal: Principal
) -> Mapping[str, Sequence[tuple[datetime, float]]]:
    """How far the score has moved since training, and the ROC AUC on outcomes known since."""
    rows = session.scalars(
        select(MedicaoRow)
        .where(MedicaoRow.tenant == principal.tenant)
        .order_by(MedicaoRow.dia.desc())
        .limit(SHOWN_DAYS)
    ).all()
    moved, judged = [], []
    for row in reversed(rows):
        if score := row.conteudo.get("score"):
            moved.append((row.medido_em, float(score["psi"])))
        if metrics := row.conteudo["desempenho"]["metricas"]:
            judged.append((row.medido_em, float(metrics["roc_auc"]["value"])))
    return {"Mudança do risco (PSI)": moved, "ROC AUC": judged}


CREDIT_CONSOLE = ModelConsole(
    title="Modelo de crédito",
    path=MODEL,
    model=lambda principal: credit_model_name(principal.tenant),
    label="O desfecho ruim de um pedido: bloqueado, ou inadimplente.",
    summary=VersaoResumoOut,
    health=_health,
    history=_history,
    then=service_models.follow_promotion,
    train=_train,
    training_queue=CREDIT_TRAINING_QUEUE.name,
    compare=None,
    comparison_queue="",
    allow=(Role.EMPRESA,),
    trainers=(Role.EMPRESA,),
    promoters=(Role.ADMIN, Role.EMPRESA),
    companies_only=True,
    raises=(DatasetAberto,),
    links=(
        Link("Comparar versões", f"{MODEL}/comparar"),
        Link("Testar com um arquivo", f"{MODEL}/testar"),
        Link("Treinar com opções", f"{MODEL}/treinar"),
    ),
    measure=_measure,
    first="Conclua um envio: o treino começa sozinho.",
    names=authors,
    steps=TRAINING_STEPS,
)

credit_model_pages = model_pages(CREDIT_CONSOLE)
