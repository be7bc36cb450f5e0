"""Routes of the churn model's versions and health, and of retention."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.core import job_control
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.job_control import JobOut
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.settings import HOUSE
from chalicelib.core.web import Routes, endpoint
from chalicelib.gym import health, service_analyses, service_models
from chalicelib.gym.models import CHURN, LABEL_TEXT
from chalicelib.gym.schemas_models import RetencaoOut, SaudeOut
from chalicelib.gym.service_models import follow_promotion
from chalicelib.ml import versions
from chalicelib.ml.promotion import AlreadyChampion, NoEarlierChampion
from chalicelib.ml.registry import ModelVersionNotFound
from chalicelib.ml.schemas import (
    CartaoOut,
    CompararIn,
    FiguraOut,
    MotivoIn,
    MudancaOut,
    Versao,
    VersaoResumoOut,
)
from chalicelib.ml.versions import FiguraNotFound, ModelUnusable

models = Routes(__name__)

READERS = (Role.OPERADOR, Role.CIENTISTA, Role.LEITOR)


@models.route("/modelos/churn", methods=["GET"])
@endpoint(
    models,
    tenant=HOUSE,
    query=PageQuery,
    allow=READERS,
    response=Page[VersaoResumoOut],
    autocommit=True,
)
def get_versions(session: Session, query: PageQuery, call: Call) -> Reply:
    """List the versions of the churn model, newest first, and what each is used for."""
    found, cursor, total = versions.list_versions(session, CHURN, query, VersaoResumoOut)
    return page_reply(Page[VersaoResumoOut], found, cursor, total, call)


@models.route("/modelos/churn/{versao}", methods=["GET"])
@endpoint(models, tenant=HOUSE, allow=READERS, raises=(ModelVersionNotFound,), autocommit=True)
def get_version(session: Session, versao: Versao, call: Call) -> CartaoOut:
    """Show a version's card.

    Data window and fingerprint, label, split, metrics with intervals, calibration, importance,
    metrics by plan and tenure, and where its figures are.
    """
    return _card(session, versao, call)


def _card(session: Session, version: int, call: Call) -> CartaoOut:
    figures_at = call.link(f"/modelos/churn/{version}/figuras")
    return versions.model_card(session, CHURN, version, label=LABEL_TEXT, figures_at=figures_at)


@models.route("/modelos/churn/{versao}/figuras/{nome}", methods=["GET"])
@endpoint(
    models,
    tenant=HOUSE,
    allow=READERS,
    raises=(ModelVersionNotFound, FiguraNotFound),
    autocommit=True,
)
def get_figure(session: Session, versao: Versao, nome: str) -> FiguraOut:
    """Get a figure of a version's card as Plotly JSON: `roc`, `pr`, `calibracao`, `importancia`."""
    return versions.figure(session, CHURN, versao, nome)


@models.route("/modelos/churn/comparar", methods=["POST"])
@endpoint(
    models,
    tenant=HOUSE,
    body=CompararIn,
    allow=Role.CIENTISTA,
    status=202,
    response=JobOut,
    raises=(ModelVersionNotFound,),
)
def post_comparison(session: Session, principal: Principal, body: CompararIn, call: Call) -> Reply:
    """Compare two versions on the same rows, all of them after both training windows.

    The job's result has the metrics of both and their paired differences with intervals; where
    no such rows are on record yet, it fails as `NoCommonHoldOut`.
    """
    job = service_models.ask_for_comparison(session, principal, body)
    return job_control.accepted(job, call)


@models.route("/modelos/churn/{versao}/promover", methods=["POST"])
@endpoint(
    models,
    tenant=HOUSE,
    body=MotivoIn,
    allow=Role.ADMIN,
    raises=(ModelVersionNotFound, AlreadyChampion, ModelUnusable),
)
def post_promotion(
    session: Session, principal: Principal, versao: Versao, body: MotivoIn, call: Call
) -> CartaoOut:
    """Let a version answer from now on, whatever the comparison says, and say why."""
    by, reason = principal.subject, body.motivo
    versions.promote(session, CHURN, versao, by=by, reason=reason, then=follow_promotion)
    return _card(session, versao, call)


@models.route("/modelos/churn/reverter", methods=["POST"])
@endpoint(
    models,
    tenant=HOUSE,
    body=MotivoIn,
    allow=Role.ADMIN,
    raises=(NoEarlierChampion, AlreadyChampion, ModelUnusable),
)
def post_rollback(session: Session, principal: Principal, body: MotivoIn, call: Call) -> CartaoOut:
    """Let the version that the champion replaced answer again, and say why."""
    by, reason = principal.subject, body.motivo
    version = versions.roll_back(session, CHURN, by=by, reason=reason, then=follow_promotion)
    return _card(session, version, call)


@models.route("/modelos/churn/historico", methods=["GET"])
@endpoint(
    models, tenant=HOUSE, query=PageQuery, allow=READERS, response=Page[MudancaOut], autocommit=True
)
def get_moves(session: Session, query: PageQuery, call: Call) -> Reply:
    """List who answered when, by whose decision, and why; newest first."""
    moves, cursor, total = versions.list_moves(session, CHURN, query)
    return page_reply(Page[MudancaOut], moves, cursor, total, call)


@models.route("/modelos/churn/saude", methods=["GET"])
@endpoint(models, tenant=HOUSE, allow=READERS, autocommit=True)
def get_health(session: Session, now: datetime) -> SaudeOut:
    """Say how the version that answers is doing.

    Shift of inputs and score since training, how it does on outcomes known since, its age; each
    night measured anew.
    """
    return health.churn_health(session, now)


@models.route("/retencao/coortes", methods=["GET"])
@endpoint(models, tenant=HOUSE, allow=READERS, autocommit=True)
def get_retention(session: Session) -> RetencaoOut:
    """Kaplan-Meier retention by month of registration and by plan, with intervals."""
    return service_analyses.retention(session)
