"""The pages of a company's own model: the shared ones, said of credit."""

from collections.abc import Mapping, Sequence
from datetime import datetime

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
from chalicelib.credit.schemas_models import SaudeOut, VersaoResumoOut
from chalicelib.credit.words import TRAINING_STEPS


def _train(session: Session, principal: Principal) -> Job:
    return service_models.ask_for_training_on_all(session, principal)


def _measure(session: Session, principal: Principal) -> Job:
    tenant, owner = principal.tenant, principal.subject
    return service_models.ask_for_health(session, tenant=tenant, owner=owner)


def _health(session: Session, principal: Principal, now: datetime) -> SaudeOut:
    return health.credit_health(session, principal.tenant, now)


def _history(
    session: Session, principal: Principal
) -> Mapping[str, Sequence[tuple[datetime, float]]]:
    return health.credit_history(session, principal.tenant)


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
