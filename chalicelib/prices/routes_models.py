"""Routes of a project's model: its versions, compared, promoted, put away, and its health."""

from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core import job_control
from chalicelib.core.auth import Principal
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.job_control import JobOut
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.web import EVERYONE, Routes, endpoint
from chalicelib.identity.errors import NotAUser
from chalicelib.ml.promotion import AlreadyChampion, NoEarlierChampion
from chalicelib.ml.registry import ModelVersionNotFound
from chalicelib.ml.schemas import FiguraOut, MotivoIn, MudancaOut, Versao
from chalicelib.ml.versions import FiguraNotFound, ModelUnusable
from chalicelib.prices import health, service_models
from chalicelib.prices.errors import DatasetNotFound, PapelInsuficiente, ProjetoNotFound
from chalicelib.prices.errors_models import (
    AlvosDiferentes,
    CampeaoNaoSeArquiva,
    VersaoArquivada,
    VersaoNaoArquivada,
)
from chalicelib.prices.schemas_models import (
    CartaoPrecoOut,
    CompararPrecosIn,
    SaudePrecoOut,
    VersaoListada,
)

price_models = Routes(__name__)
anybody = partial(endpoint, price_models, allow=EVERYONE)
PROJECT = "/precos/projetos/{projeto_id}"
MODELS = PROJECT + "/modelos"
UNSEEN = (ProjetoNotFound, NotAUser)
UNFIT = (*UNSEEN, PapelInsuficiente)


def _figures(call: Call, projeto_id: UUID, versao: int) -> str:
    return call.link(f"/precos/projetos/{projeto_id}/modelos/{versao}/figuras")


@price_models.route(MODELS, methods=["GET"])
@anybody(query=PageQuery, response=Page[VersaoListada], raises=UNSEEN, autocommit=True)
def get_precos_modelos(
    session: Session, principal: Principal, projeto_id: UUID, query: PageQuery, call: Call
) -> Reply:
    """List the versions of a project's model, newest first, and what each is used for."""
    found, cursor, total = service_models.list_versions(session, principal, projeto_id, query)
    return page_reply(Page[VersaoListada], found, cursor, total, call)


@price_models.route(MODELS + "/historico", methods=["GET"])
@anybody(query=PageQuery, response=Page[MudancaOut], raises=UNSEEN, autocommit=True)
def get_precos_historico(
    session: Session, principal: Principal, projeto_id: UUID, query: PageQuery, call: Call
) -> Reply:
    """List which version answered when, by whose decision, and why; newest first."""
    moves, cursor, total = service_models.list_moves(session, principal, projeto_id, query)
    return page_reply(Page[MudancaOut], moves, cursor, total, call)


@price_models.route(MODELS + "/comparar", methods=["POST"])
@anybody(
    body=CompararPrecosIn,
    status=202,
    response=JobOut,
    raises=(*UNFIT, ModelVersionNotFound, DatasetNotFound, AlvosDiferentes),
)
def post_precos_comparacao(
    session: Session, principal: Principal, projeto_id: UUID, body: CompararPrecosIn, call: Call
) -> Reply:
    """Compare two versions on the same rows of a dataset, none of which trained either.

    The job's result has the metrics of both and their paired differences with intervals. Where
    there are no such rows it fails as `NoCommonHoldOut`.
    """
    job = service_models.ask_for_comparison(session, principal, projeto_id, body)
    return job_control.accepted(job, call)


@price_models.route(MODELS + "/reverter", methods=["POST"])
@anybody(
    body=MotivoIn,
    raises=(*UNFIT, NoEarlierChampion, AlreadyChampion, ModelUnusable, VersaoArquivada),
)
def post_precos_reversao(
    session: Session, principal: Principal, projeto_id: UUID, body: MotivoIn, call: Call
) -> CartaoPrecoOut:
    """Let the version that the one in use replaced answer again, and say why."""
    versao = service_models.roll_back(session, principal, projeto_id, body.motivo)
    at = _figures(call, projeto_id, versao)
    return service_models.see_version(session, principal, projeto_id, versao, at)


@price_models.route(MODELS + "/{versao}", methods=["GET"])
@anybody(raises=(*UNSEEN, ModelVersionNotFound), autocommit=True)
def get_precos_modelo(
    session: Session, principal: Principal, projeto_id: UUID, versao: Versao, call: Call
) -> CartaoPrecoOut:
    """Show a version's card.

    Data and fingerprint, split, metrics with intervals beside the naive rule, coverage of its
    intervals, importance, the algorithms it was chosen among, and where its figures are.
    """
    at = _figures(call, projeto_id, versao)
    return service_models.see_version(session, principal, projeto_id, versao, at)


@price_models.route(MODELS + "/{versao}/figuras/{nome}", methods=["GET"])
@anybody(raises=(*UNSEEN, ModelVersionNotFound, FiguraNotFound), autocommit=True)
def get_precos_modelo_figura(
    session: Session, principal: Principal, projeto_id: UUID, versao: Versao, nome: str
) -> FiguraOut:
    """Get a figure of a version's card as Plotly JSON; the card names them."""
    return service_models.version_figure(session, principal, projeto_id, versao, nome)


@price_models.route(MODELS + "/{versao}/promover", methods=["POST"])
@anybody(
    body=MotivoIn,
    raises=(*UNFIT, ModelVersionNotFound, AlreadyChampion, ModelUnusable, VersaoArquivada),
)
def post_precos_promocao(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    versao: Versao,
    body: MotivoIn,
    call: Call,
) -> CartaoPrecoOut:
    """Let a version answer from now on, whatever the comparison says, and say why."""
    at = _figures(call, projeto_id, versao)
    return service_models.promote(session, principal, projeto_id, versao, body.motivo, at)


@price_models.route(MODELS + "/{versao}/arquivar", methods=["POST"])
@anybody(
    body=MotivoIn,
    raises=(*UNFIT, ModelVersionNotFound, CampeaoNaoSeArquiva, VersaoArquivada),
)
def post_precos_arquivo(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    versao: Versao,
    body: MotivoIn,
    call: Call,
    now: datetime,
) -> CartaoPrecoOut:
    """Put a version away: it answers nobody until it is restored; the champion cannot be."""
    service_models.archive(session, principal, projeto_id, versao, body.motivo, now)
    at = _figures(call, projeto_id, versao)
    return service_models.see_version(session, principal, projeto_id, versao, at)


@price_models.route(MODELS + "/{versao}/restaurar", methods=["POST"])
@anybody(raises=(*UNFIT, ModelVersionNotFound, VersaoNaoArquivada))
def post_precos_restauracao(
    session: Session, principal: Principal, projeto_id: UUID, versao: Versao, call: Call
) -> CartaoPrecoOut:
    """Let a version that was put away answer again where it is asked for."""
    service_models.restore(session, principal, projeto_id, versao)
    at = _figures(call, projeto_id, versao)
    return service_models.see_version(session, principal, projeto_id, versao, at)


@price_models.route(PROJECT + "/saude", methods=["GET"])
@anybody(raises=UNSEEN, autocommit=True)
def get_precos_saude(
    session: Session, principal: Principal, projeto_id: UUID, now: datetime
) -> SaudePrecoOut:
    """Say how the version that answers is doing.

    Shift of what it is asked since training, its error and the coverage of its intervals on the
    real values told since, beside those of its own hold-out; measured each night, after a
    promotion, when real values are told, and when asked.
    """
    return health.price_health(session, principal, projeto_id, now)


@price_models.route(PROJECT + "/saude", methods=["POST"])
@anybody(status=202, response=JobOut, raises=UNFIT)
def post_precos_saude(
    session: Session, principal: Principal, projeto_id: UUID, call: Call
) -> Reply:
    """Have a project's versions measured now."""
    job = service_models.ask_for_measurement(session, principal, projeto_id)
    return job_control.accepted(job, call)
