"""Versions of a company's model: trained, compared and measured on request."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import SYSTEM, Job, enqueue
from chalicelib.credit.errors import AlvoNaoDito, DatasetAberto, DatasetNotFound
from chalicelib.credit.models import LABELS, MODEL, credit_model_name
from chalicelib.credit.queues import (
    CREDIT_ANALYSIS_QUEUE,
    CREDIT_TRAINING_QUEUE,
    AnaliseMessage,
    ComparacaoMessage,
    SaudeMessage,
    TreinoMessage,
)
from chalicelib.credit.schemas_datasets import EstadoDataset
from chalicelib.credit.schemas_models import CompararIn, RetreinoIn
from chalicelib.credit.tables import Dataset
from chalicelib.ml import versions
from chalicelib.ml.registry import Alias, ModelAlias, version_of
from chalicelib.ml.schemas import CartaoOut

ON_REQUEST = "retreinamento"


def ask_for_training(session: Session, principal: Principal, asked: RetreinoIn) -> Job:
    """Have a new version trained; while one on the same terms is under way, its job is answered.

    Raises:
        DatasetNotFound, DatasetAberto, AlvoNaoDito: There is nothing to train on.
    """
    dataset = require_closed(session, principal.tenant, asked)
    message = TreinoMessage(
        dataset=dataset.id,
        motivo=ON_REQUEST,
        alvo=asked.alvo.value if asked.alvo else dataset.alvo,
        ignorar=asked.ignorar,
    )
    return enqueue(
        session,
        CREDIT_TRAINING_QUEUE,
        message,
        tenant=principal.tenant,
        owner=principal.subject,
        dedupe_key=message.dedupe_key,
    )


def ask_for_training_on_all(session: Session, principal: Principal) -> Job:
    """Train on all that was sent and decided, for what the last closed dataset was to foretell.

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
    return ask_for_training(session, principal, asked)


def require_closed(session: Session, tenant: str, asked: RetreinoIn) -> Dataset:
    """The dataset that is to be trained on.

    Raises:
        DatasetNotFound, DatasetAberto, AlvoNaoDito: There is nothing to train on.
    """
    which = Dataset.acervo if asked.dataset == "acervo" else Dataset.id == asked.dataset
    found = session.scalar(select(Dataset).where(Dataset.tenant == tenant, which))
    if found is None:
        raise DatasetNotFound
    if found.estado != EstadoDataset.FECHADO:
        raise DatasetAberto
    if asked.alvo is None and found.alvo is None:
        raise AlvoNaoDito
    return found


def ask_for_comparison(session: Session, principal: Principal, asked: CompararIn) -> Job:
    """Have versions judged on the same orders.

    Raises:
        ModelVersionNotFound: There is no such version.
        DatasetNotFound: There is no such dataset.
    """
    for number in asked.versoes:
        version_of(session, credit_model_name(principal.tenant), number)
    if asked.dataset is not None:
        dataset = session.get(Dataset, asked.dataset)
        if dataset is None or dataset.tenant != principal.tenant:
            raise DatasetNotFound
    return enqueue(
        session,
        CREDIT_ANALYSIS_QUEUE,
        AnaliseMessage(analise=ComparacaoMessage(versoes=asked.versoes, dataset=asked.dataset)),
        tenant=principal.tenant,
        owner=principal.subject,
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


def ask_for_nightly_health() -> None:
    """What the schedule does: every company's model that answers is measured."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        answering = select(ModelAlias.tenant).where(
            ModelAlias.model == MODEL, ModelAlias.alias == Alias.CHAMPION.value
        )
        tenants = session.scalars(answering.order_by(ModelAlias.tenant)).all()
    for tenant in tenants:
        with unit_of_work(tenant=tenant) as session:
            ask_for_health(session, tenant=tenant, owner=SYSTEM)


def model_card(session: Session, tenant: str, version: int, figures_at: str) -> CartaoOut:
    """The card of one version.

    Raises:
        ModelVersionNotFound: There is no such version.
    """
    name = credit_model_name(tenant)
    label = LABELS[version_of(session, name, version).data["alvo"]]
    return versions.model_card(session, name, version, label=label, figures_at=figures_at)


def follow_promotion(session: Session, _version: int, by: str) -> None:
    """Have the version that answers now measured."""
    ask_for_health(session, tenant=session.info["tenant"], owner=by)
