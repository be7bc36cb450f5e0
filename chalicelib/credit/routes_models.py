"""Routes of a company's model: its versions, trained, compared, tried, put to use and watched."""

from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from chalicelib.core import job_control
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.job_control import JobOut
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.parsing import JSON, RawBody, parse_json
from chalicelib.core.rowfile import CSV, NDJSON
from chalicelib.core.uploads import (
    EmptyFile,
    FileTypeUnsupported,
    ObjectMissing,
    receive_file,
)
from chalicelib.core.web import Routes, endpoint
from chalicelib.credit import health, service_models, service_trials
from chalicelib.credit.errors import AlvoNaoDito, DatasetAberto, DatasetNotFound
from chalicelib.credit.models import credit_model_name
from chalicelib.credit.schemas_models import (
    CompararIn,
    RetreinoIn,
    SaudeOut,
    TestarIn,
    TesteOut,
    VersaoResumoOut,
)
from chalicelib.ml import versions
from chalicelib.ml.promotion import AlreadyChampion, NoEarlierChampion
from chalicelib.ml.registry import ModelVersionNotFound
from chalicelib.ml.schemas import CartaoOut, FiguraOut, MotivoIn, MudancaOut, Versao
from chalicelib.ml.versions import FiguraNotFound, ModelUnusable

credit_models = Routes(__name__)
company = partial(endpoint, credit_models, allow=Role.EMPRESA, companies_only=True)


def _card(session: Session, principal: Principal, version: int, call: Call) -> CartaoOut:
    at = call.link(f"/credito/modelos/{version}/figuras")
    return service_models.model_card(session, principal.tenant, version, at)


@credit_models.route("/credito/retreinamentos", methods=["POST"])
@company(
    body=RetreinoIn,
    status=202,
    response=JobOut,
    raises=(DatasetNotFound, DatasetAberto, AlvoNaoDito),
)
def post_retreinamento(
    session: Session, principal: Principal, body: RetreinoIn, call: Call
) -> Reply:
    """Train a new version on a closed dataset, one trained on before, or the acervo.

    The acervo also holds the orders decided here with the outcomes told since; say its `alvo`.

    Earlier versions stay as they are. The first one answers if on orders not trained on it is
    surely better than chance and costs no more than approving or denying everybody; a later one
    if on orders that neither was trained on it is surely not worse than the one that answers. Else
    it is kept as `desafiante`, and the job's result says why; until a first one answers, or
    somebody promotes it, orders go to a person. The job refuses, with numbers, what could not be
    learned from honestly: too few orders, or a column that gives the answer away.
    """
    return job_control.accepted(service_models.ask_for_training(session, principal, body), call)


@credit_models.route("/credito/modelos", methods=["GET"])
@company(query=PageQuery, response=Page[VersaoResumoOut], autocommit=True)
def get_modelos(session: Session, principal: Principal, query: PageQuery, call: Call) -> Reply:
    """List the versions of the company's model, newest first, and what each is used for."""
    name = credit_model_name(principal.tenant)
    found, cursor, total = versions.list_versions(session, name, query, VersaoResumoOut)
    return page_reply(Page[VersaoResumoOut], found, cursor, total, call)


@credit_models.route("/credito/modelos/historico", methods=["GET"])
@company(query=PageQuery, response=Page[MudancaOut], autocommit=True)
def get_historico(session: Session, principal: Principal, query: PageQuery, call: Call) -> Reply:
    """List which version answered when, by whose decision, and why; newest first."""
    name = credit_model_name(principal.tenant)
    moves, cursor, total = versions.list_moves(session, name, query)
    return page_reply(Page[MudancaOut], moves, cursor, total, call)


@credit_models.route("/credito/modelos/saude", methods=["GET"])
@company(autocommit=True)
def get_saude(session: Session, principal: Principal, now: datetime) -> SaudeOut:
    """Say how the version that answers is doing.

    Shift of what is decided on since training, how it does on outcomes known since, its age;
    measured each night, after a promotion, and when asked.
    """
    return health.credit_health(session, principal.tenant, now)


@credit_models.route("/credito/modelos/saude", methods=["POST"])
@company(status=202, response=JobOut)
def post_saude(session: Session, principal: Principal, call: Call) -> Reply:
    """Have the version that answers measured now."""
    tenant, owner = principal.tenant, principal.subject
    return job_control.accepted(
        service_models.ask_for_health(session, tenant=tenant, owner=owner), call
    )


@credit_models.route("/credito/modelos/comparar", methods=["POST"])
@company(
    body=CompararIn, status=202, response=JobOut, raises=(ModelVersionNotFound, DatasetNotFound)
)
def post_comparacao(session: Session, principal: Principal, body: CompararIn, call: Call) -> Reply:
    """Compare versions on the same orders, none of which any of them was trained on.

    The job's result has of each AUC, KS, Brier, cost per order, and the share that could be
    approved at the first one's risk; and the paired differences to the first. Where there are no
    such orders it fails as `NoCommonHoldOut`.
    """
    return job_control.accepted(service_models.ask_for_comparison(session, principal, body), call)


@credit_models.route("/credito/modelos/reverter", methods=["POST"])
@company(body=MotivoIn, raises=(NoEarlierChampion, AlreadyChampion, ModelUnusable))
def post_reversao(session: Session, principal: Principal, body: MotivoIn, call: Call) -> CartaoOut:
    """Let the version that the one in use replaced answer again, and say why."""
    name, then = credit_model_name(principal.tenant), service_models.follow_promotion
    by, reason = principal.subject, body.motivo
    version = versions.roll_back(session, name, by=by, reason=reason, then=then)
    return _card(session, principal, version, call)


@credit_models.route("/credito/modelos/{versao}", methods=["GET"])
@company(raises=(ModelVersionNotFound,), autocommit=True)
def get_modelo(session: Session, principal: Principal, versao: Versao, call: Call) -> CartaoOut:
    """Show a version's card.

    Data and fingerprint, what to beware of, columns left out and why, split, metrics with
    intervals, calibration, importance, metrics by group, threshold with its costs, and where its
    figures are.
    """
    return _card(session, principal, versao, call)


@credit_models.route("/credito/modelos/{versao}/figuras/{nome}", methods=["GET"])
@company(raises=(ModelVersionNotFound, FiguraNotFound), autocommit=True)
def get_modelo_figura(
    session: Session, principal: Principal, versao: Versao, nome: str
) -> FiguraOut:
    """Get a figure of a version's card as Plotly JSON.

    `roc`, `pr`, `calibracao`, `importancia`, `aprovacao`, `custo`.
    """
    return versions.figure(session, credit_model_name(principal.tenant), versao, nome)


@credit_models.route("/credito/modelos/{versao}/promover", methods=["POST"])
@company(body=MotivoIn, raises=(ModelVersionNotFound, AlreadyChampion, ModelUnusable))
def post_promocao(
    session: Session, principal: Principal, versao: Versao, body: MotivoIn, call: Call
) -> CartaoOut:
    """Let a version answer from now on, whatever the comparison says, and say why."""
    name, then = credit_model_name(principal.tenant), service_models.follow_promotion
    by, reason = principal.subject, body.motivo
    versions.promote(session, name, versao, by=by, reason=reason, then=then)
    return _card(session, principal, versao, call)


def _sample(principal: Principal, raw: RawBody, now: datetime) -> TestarIn:
    """What is to be tried: sample orders, or a file, which is stored before the transaction."""
    if raw.media_type != JSON:
        return TestarIn(objeto=receive_file(principal, raw, now))
    errors: list[FieldError] = []
    asked = parse_json(TestarIn, raw.data, errors)
    if asked is None:
        raise ValidationFailed(errors=errors)
    if asked.objeto is not None:
        named = RawBody(JSON, asked.model_dump_json(include={"objeto"}).encode())
        receive_file(principal, named, now)
    return asked


@credit_models.route("/credito/modelos/{versao}/testar", methods=["POST"])
@company(
    body=TestarIn,
    accepts=(JSON, CSV, NDJSON),
    response=TesteOut,
    may_answer=(202,),
    before=_sample,
    raises=(ModelVersionNotFound, ModelUnusable, ObjectMissing, EmptyFile, FileTypeUnsupported),
)
def post_teste(
    session: Session,
    principal: Principal,
    versao: Versao,
    prepared: TestarIn,
    call: Call,
    now: datetime,
) -> Reply:
    """Try a version on sample orders: scores with reasons; nothing is decided and nothing kept.

    Sample orders in the body are answered at once, up to a hundred. A file, CSV or NDJSON in the
    body or `{"objeto": key}` of an upload, is a job (202), whose result also has the metrics on
    the rows with a `desfecho`. Columns of a CSV: cliente, valor, data, desfecho, the company's own
    by their names, and `cliente.titulos_em_atraso`, `limite.valor`, `consulta.ocorrencias` and
    the like for what would come in `itens`.
    """
    if prepared.pedidos is None:
        assert prepared.objeto is not None  # noqa: S101  # One of the two is there.
        job = service_trials.ask_for_trial(session, principal, versao, prepared.objeto)
        return job_control.accepted(job, call)
    return Reply(service_trials.try_version(session, principal, versao, prepared.pedidos, now))
