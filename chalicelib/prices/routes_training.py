"""Routes of trainings: what may be asked for, asking, following, cancelling."""

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from chalicelib.core import job_control
from chalicelib.core.auth import Principal
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.job_control import JobOut
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.types import Id
from chalicelib.core.web import EVERYONE, Routes, endpoint
from chalicelib.identity.errors import NotAUser
from chalicelib.ml.schemas import FiguraOut
from chalicelib.ml.versions import FiguraNotFound
from chalicelib.prices import service_training
from chalicelib.prices.algorithms import catalogue
from chalicelib.prices.errors import (
    DatasetNaoPronto,
    DatasetNotFound,
    PapelInsuficiente,
    ProjetoNotFound,
)
from chalicelib.prices.errors_models import TreinamentoNotFound, TreinamentoTerminou
from chalicelib.prices.schemas_models import (
    TreinamentoIn,
    TreinamentoOut,
    TreinamentoResumo,
)

trainings = Routes(__name__)
anybody = partial(endpoint, trainings, allow=EVERYONE)
TRAININGS = "/precos/projetos/{projeto_id}/treinamentos"
TRAINING = TRAININGS + "/{treinamento_id}"
UNSEEN = (ProjetoNotFound, NotAUser)


class AlgoritmosOut(BaseModel):
    """The algorithms there are."""

    items: list[dict[str, Any]] = Field(
        description="Name, description, and for each task the JSON schema of hyperparameters."
    )


@trainings.route("/precos/algoritmos", methods=["GET"])
@anybody(own_transactions=True)
def get_algoritmos() -> AlgoritmosOut:
    """List the algorithms, each with a JSON schema of its hyperparameters for every task."""
    return AlgoritmosOut(items=catalogue())


@trainings.route(TRAININGS, methods=["POST"])
@anybody(
    body=TreinamentoIn,
    status=202,
    response=JobOut,
    limit="120/hour",
    raises=(*UNSEEN, PapelInsuficiente, DatasetNotFound, DatasetNaoPronto),
)
def post_treinamento(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    body: TreinamentoIn,
    call: Call,
    now: datetime,
) -> Reply:
    """Train a new version on a dataset; you are at least `treinador` of the project.

    Every algorithm is tried on the same folds, beside the naive rule; the best is judged on rows
    that trained nothing and published. The first version answers; a later one if it is surely not
    worse, on the common hold-out, than the one that answers.
    """
    job = service_training.ask_for_training(session, principal, projeto_id, body, now)
    return job_control.accepted(job, call)


@trainings.route(TRAININGS, methods=["GET"])
@anybody(query=PageQuery, response=Page[TreinamentoResumo], raises=UNSEEN, autocommit=True)
def get_treinamentos(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    query: PageQuery,
    call: Call,
    now: datetime,
) -> Reply:
    """List a project's trainings, newest first: how far each is and how long it takes still."""
    found, cursor, total = service_training.list_trainings(
        session, principal, projeto_id, query, now
    )
    return page_reply(Page[TreinamentoResumo], found, cursor, total, call)


@trainings.route(TRAINING, methods=["GET"])
@anybody(raises=(*UNSEEN, TreinamentoNotFound), autocommit=True)
def get_treinamento(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    treinamento_id: Id,
    call: Call,
    now: datetime,
) -> TreinamentoOut:
    """Follow a training; once it has ended, see every algorithm compared, with intervals."""
    at = call.link(f"/precos/projetos/{projeto_id}/treinamentos/{treinamento_id}/figuras")
    return service_training.see_training(session, principal, projeto_id, treinamento_id, at, now)


@trainings.route(TRAINING + "/figuras/{nome}", methods=["GET"])
@anybody(raises=(*UNSEEN, TreinamentoNotFound, FiguraNotFound), autocommit=True)
def get_treinamento_figura(
    session: Session, principal: Principal, projeto_id: UUID, treinamento_id: Id, nome: str
) -> FiguraOut:
    """Get a figure of a training as Plotly JSON; the training names them."""
    return service_training.training_figure(session, principal, projeto_id, treinamento_id, nome)


@trainings.route(TRAINING + "/cancelar", methods=["POST"])
@anybody(raises=(*UNSEEN, PapelInsuficiente, TreinamentoNotFound, TreinamentoTerminou))
def post_treinamento_cancelar(
    session: Session, principal: Principal, projeto_id: UUID, treinamento_id: Id
) -> JobOut:
    """Cancel a training, whoever of the project asked for it."""
    job = service_training.cancel_training(session, principal, projeto_id, treinamento_id)
    return JobOut.model_validate(job)
