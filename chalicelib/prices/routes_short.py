"""Routes of the short path: train in one call, predict in another."""

from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.calls import Call, Reply
from chalicelib.core.web import EVERYONE, Routes, endpoint
from chalicelib.identity.errors import NotAUser
from chalicelib.ml.registry import ModelVersionNotFound
from chalicelib.ml.versions import ModelUnusable
from chalicelib.prices import service_predictions, service_short
from chalicelib.prices.errors import ProjetoNotFound
from chalicelib.prices.errors_models import (
    DadosGrandes,
    DadosIlegiveis,
    ExplicacaoCara,
    SemCampeao,
    SemExplicacao,
    VersaoArquivada,
)
from chalicelib.prices.schemas_models import TreinarIn, TreinarOut
from chalicelib.prices.schemas_predictions import PreverIn, PrevisoesOut
from chalicelib.prices.service_datasets import SentFile

short_path = Routes(__name__)
anybody = partial(endpoint, short_path, allow=EVERYONE)


@short_path.route("/precos/treinar", methods=["POST"])
@anybody(
    body=TreinarIn,
    status=202,
    limit="120/hour",
    response=TreinarOut,
    before=service_short.keep_rows,
    raises=(NotAUser, DadosGrandes, DadosIlegiveis),
)
def post_treinar(
    session: Session,
    principal: Principal,
    body: TreinarIn,
    prepared: SentFile,
    call: Call,
    now: datetime,
) -> Reply:
    """Train a model on rows sent with the request: a project, a dataset and a training in one.

    `dados` are up to 2,000 rows of 50 columns, as objects or as the text of a CSV. The answer says
    where to follow it; `modelo` is what `POST /precos/prever` takes once it has ended.
    """
    begun = service_short.begin(session, principal, body, prepared, now)
    project = f"/precos/projetos/{begun.projeto_id}"
    follow = call.link(f"{project}/treinamentos/{begun.treinamento_id}")
    answer = TreinarOut(
        modelo=begun.projeto_id,
        job_id=begun.job.id,
        acompanhar=follow,
        prever=call.link(f"{project}/previsoes"),
    )
    return Reply(answer, headers={"Location": follow})


@short_path.route("/precos/prever", methods=["POST"])
@anybody(
    body=PreverIn,
    status=201,
    raises=(
        ProjetoNotFound,
        NotAUser,
        SemCampeao,
        ModelVersionNotFound,
        VersaoArquivada,
        ModelUnusable,
        SemExplicacao,
        ExplicacaoCara,
    ),
    autocommit=True,
)
def post_prever(
    session: Session, principal: Principal, body: PreverIn, now: datetime
) -> PrevisoesOut:
    """Ask a model about one case, or a list of up to 1,000: as at its project's own address."""
    return service_predictions.predict(session, principal, body.modelo, body.asked, now)
