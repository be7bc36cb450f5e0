"""Pages of a project's versions: side by side, one's card, who answers, and how it is doing."""

from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.job_actions import followed_job, is_under_way
from chalicelib.console.layout import Shown
from chalicelib.console.model_card import card_parts
from chalicelib.console.model_console import METRICS
from chalicelib.console.model_pages import history_figures
from chalicelib.console.queries import FormQuery, PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest
from chalicelib.core.pages import CursorInvalid, PageQuery
from chalicelib.core.web import Routes
from chalicelib.identity import service
from chalicelib.ml.promotion import AlreadyChampion, NoEarlierChampion
from chalicelib.ml.registry import ModelVersionNotFound
from chalicelib.ml.schemas import MotivoIn, Versao
from chalicelib.ml.versions import ModelUnusable
from chalicelib.prices import health, service_models
from chalicelib.prices.errors import DatasetNotFound, PapelInsuficiente
from chalicelib.prices.errors_models import (
    AlvosDiferentes,
    CampeaoNaoSeArquiva,
    VersaoArquivada,
    VersaoNaoArquivada,
)
from chalicelib.prices.pages import PATH, PROJECT, UNSEEN, anybody, project_page
from chalicelib.prices.schemas_models import CompararPrecosIn
from chalicelib.prices.words import FIGURES

VERSIONS = PROJECT + "/versoes"
VERSION = VERSIONS + "/{versao}"
SHOWN_MOVES = 10
SHARED = ("r2", "mae", "rmse", "roc_auc", "log_loss")

version_pages = Routes(__name__)
everybody = partial(anybody, version_pages)
MOVES = (*UNSEEN, AlreadyChampion, ModelUnusable, PapelInsuficiente, VersaoArquivada)


class VersionsQuery(PartQuery):
    """Which page of the versions, and which comparison or measurement is followed."""

    tarefa: UUID | None = None


class FollowQuery(FormQuery):
    """Which measurement is followed."""

    tarefa: UUID | None = None


def show_versions(
    session: Session, visit: Visit, projeto_id: UUID, query: VersionsQuery, form: Form
) -> Shown:
    """All versions side by side, a comparison that was asked for, and who answered when."""
    found, cursor, total = service_models.list_versions(session, visit.who, projeto_id, query)
    moves, _, _ = service_models.list_moves(
        session, visit.who, projeto_id, PageQuery(limit=SHOWN_MOVES)
    )
    job = followed_job(session, visit.who, query.tarefa)
    return project_page(
        session,
        visit,
        projeto_id,
        "versions.html",
        "/versoes",
        found=found,
        cursor=cursor,
        total=total,
        metrics=[(m, *METRICS[m]) for m in SHARED if any(getattr(v, m) for v in found)],
        metric_names={name: text for name, (text, _) in METRICS.items()},
        moves=moves,
        people=service.names_of(session, [move.por for move in moves]),
        comparison=job,
        is_live=is_under_way(job),
        form=form,
    )


@version_pages.route(VERSIONS, methods=["GET"])
@everybody(query=VersionsQuery, raises=(*UNSEEN, CursorInvalid), autocommit=True)
def get_versions_page(
    session: Session, visit: Visit, projeto_id: UUID, query: VersionsQuery, form: Form
) -> Shown:
    """All versions side by side, a comparison that was asked for, and who answered when."""
    return show_versions(session, visit, projeto_id, query, form)


@version_pages.route(VERSIONS, methods=["POST"])
@everybody(
    query=VersionsQuery,
    again=show_versions,
    raises=(*MOVES, AlvosDiferentes, DatasetNotFound, ModelVersionNotFound, NoEarlierChampion),
)
def post_versions_page(session: Session, visit: Visit, projeto_id: UUID, form: Form) -> Reply:
    """Compare two of them on the same rows, or let the one before answer again."""
    at = f"{PATH}/{projeto_id}/versoes"
    if form.action == "comparar":
        asked = form.read(CompararPrecosIn)
        job = service_models.ask_for_comparison(session, visit.who, projeto_id, asked)
        return visit.go(f"{at}?tarefa={job.id}#comparacao")
    if form.action == "reverter":
        why = form.read(MotivoIn).motivo
        number = service_models.roll_back(session, visit.who, projeto_id, why)
        return visit.go(at, f"A versão {number} responde a partir de agora.")
    raise BadRequest


def show_version(
    session: Session, visit: Visit, projeto_id: UUID, versao: Versao, form: Form
) -> Shown:
    """A version's card, and what may be done with it."""
    who, at = visit.who, f"{PATH}/{projeto_id}/versoes/{versao}"
    card = service_models.see_version(session, who, projeto_id, versao, at)
    read = partial(service_models.version_figure, session, who, projeto_id, versao)
    return project_page(
        session,
        visit,
        projeto_id,
        "version.html",
        "/versoes",
        up=(f"{PATH}/{projeto_id}/versoes", "Versões"),
        people=service.names_of(session, [card.criado_por]),
        interval=card.intervalo,
        form=form,
        **card_parts(card, read, FIGURES),
    )


@version_pages.route(VERSION, methods=["GET"])
@everybody(raises=(*UNSEEN, ModelVersionNotFound), autocommit=True)
def get_version_page(
    session: Session, visit: Visit, projeto_id: UUID, versao: Versao, form: Form
) -> Shown:
    """A version's card, and what may be done with it."""
    return show_version(session, visit, projeto_id, versao, form)


@version_pages.route(VERSION, methods=["POST"])
@everybody(
    again=show_version,
    raises=(*MOVES, CampeaoNaoSeArquiva, ModelVersionNotFound, VersaoNaoArquivada),
)
def post_version_page(
    session: Session, visit: Visit, projeto_id: UUID, versao: Versao, form: Form, now: datetime
) -> Reply:
    """Let it answer, put it away, or take it out again."""
    who, at = visit.who, f"{PATH}/{projeto_id}/versoes/{versao}"
    if form.action == "promover":
        why = form.read(MotivoIn).motivo
        service_models.promote(session, who, projeto_id, versao, why, at)
        return visit.go(at, f"A versão {versao} responde a partir de agora.")
    if form.action == "arquivar":
        why = form.read(MotivoIn).motivo
        service_models.archive(session, who, projeto_id, versao, why, now)
        return visit.go(at, "A versão foi arquivada.")
    if form.action == "restaurar":
        service_models.restore(session, who, projeto_id, versao)
        return visit.go(at, "A versão pode responder de novo, a quem a pedir.")
    raise BadRequest


def show_health(
    session: Session, visit: Visit, projeto_id: UUID, query: FollowQuery, form: Form, now: datetime
) -> Shown:
    """Whether the version that answers can still be trusted, and over time."""
    job = followed_job(session, visit.who, query.tarefa)
    found = health.price_health(session, visit.who, projeto_id, now)
    return project_page(
        session,
        visit,
        projeto_id,
        "health.html",
        "/saude",
        health=found,
        others=found.medicao.outras if found.medicao else [],
        history=history_figures(health.price_history(session, visit.who, projeto_id)),
        metric_names={name: text for name, (text, _) in METRICS.items()},
        job=job,
        is_live=is_under_way(job),
        form=form,
    )


@version_pages.route(f"{PROJECT}/saude", methods=["GET"])
@everybody(query=FollowQuery, raises=UNSEEN, autocommit=True)
def get_health_page(
    session: Session, visit: Visit, projeto_id: UUID, query: FollowQuery, form: Form, now: datetime
) -> Shown:
    """Whether the version that answers can still be trusted, and over time."""
    return show_health(session, visit, projeto_id, query, form, now)


@version_pages.route(f"{PROJECT}/saude", methods=["POST"])
@everybody(query=FollowQuery, again=show_health, raises=(*UNSEEN, PapelInsuficiente))
def post_health_page(session: Session, visit: Visit, projeto_id: UUID) -> Reply:
    """Have it measured now."""
    job = service_models.ask_for_measurement(session, visit.who, projeto_id)
    return visit.go(f"{PATH}/{projeto_id}/saude?tarefa={job.id}")
