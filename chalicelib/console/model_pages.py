"""Pages of a model's versions, the same for every product: compare, train, promote, roll back.

A product says what its model is (`ModelConsole`) and registers `model_pages(console)`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from chalicelib.console import charts
from chalicelib.console.forms import Form
from chalicelib.console.job_actions import is_under_way, newest_job
from chalicelib.console.layout import Shown
from chalicelib.console.model_card import show_version
from chalicelib.console.model_console import METRICS, ModelConsole
from chalicelib.console.model_overlay import overlays
from chalicelib.console.pages import page
from chalicelib.console.queries import PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core.auth import Principal
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest, Forbidden
from chalicelib.core.pages import CursorInvalid, PageQuery
from chalicelib.core.web import Routes
from chalicelib.ml import versions
from chalicelib.ml.promotion import AlreadyChampion, NoEarlierChampion
from chalicelib.ml.registry import ModelVersionNotFound
from chalicelib.ml.schemas import CompararIn, MotivoIn, Versao, VersaoOut
from chalicelib.ml.versions import ModelUnusable

SHOWN_VERSIONS = 10
SHOWN_MOVES = 10


class VersionsQuery(PartQuery):
    """Which page of the versions."""

    limit: int = Field(SHOWN_VERSIONS, ge=1, le=100)


class VersionFields(BaseModel):
    """Which version a form is about."""

    versao: Versao


def model_pages(console: ModelConsole) -> Routes:
    """The pages of a model.

    Args:
        console: The model.
    """
    routes = Routes(__name__)

    def show(
        session: Session, visit: Visit, form: Form, query: VersionsQuery, now: datetime
    ) -> Shown:
        return show_model(console, session, visit, form, query, now)

    @routes.route(console.path, methods=["GET"])
    @page(
        routes,
        query=VersionsQuery,
        raises=(CursorInvalid,),
        autocommit=True,
        **console.declared(),
    )
    def get_model(
        session: Session, visit: Visit, form: Form, query: VersionsQuery, now: datetime
    ) -> Shown:
        """A model: how it is doing, its versions, who answered when."""
        return show(session, visit, form, query, now)

    @routes.route(console.path, methods=["POST"])
    @page(
        routes,
        query=VersionsQuery,
        again=show,
        raises=(
            *(AlreadyChampion, ModelUnusable, ModelVersionNotFound, NoEarlierChampion),
            *console.raises,
        ),
        **console.declared(),
    )
    def post_model(session: Session, visit: Visit, form: Form) -> Reply:
        """Train, compare, promote or roll back."""
        return visit.go(console.path, change_model(console, session, visit.who, form))

    @routes.route(f"{console.path}/{{versao}}", methods=["GET"])
    @page(routes, raises=(ModelVersionNotFound,), autocommit=True, **console.declared())
    def get_model_version(session: Session, visit: Visit, versao: Versao) -> Shown:
        """A version's card."""
        return show_version(console, session, visit, versao)

    return routes


def show_model(
    console: ModelConsole,
    session: Session,
    visit: Visit,
    form: Form,
    query: VersionsQuery,
    now: datetime,
) -> Shown:
    """Health, training under way, versions side by side, comparison, and who answered when."""
    name = console.model(visit.who)
    found, cursor, total = versions.list_versions(session, name, query, console.summary)
    metrics = [m for m in console.summary.model_fields if m not in VersaoOut.model_fields]
    moves, _, _ = versions.list_moves(session, name, PageQuery(limit=SHOWN_MOVES))
    training = newest_job(session, visit.who, console.training_queue)
    return Shown(
        "console/model.html",
        console=console,
        form=form,
        health=console.health(session, visit.who, now),
        history=history_figures(console.history(session, visit.who)),
        training=training,
        is_training=is_under_way(training),
        comparison=newest_job(session, visit.who, console.comparison_queue),
        versions=found,
        overlays=overlays(session, name, found),
        cursor=cursor,
        total=total,
        metrics=[(metric, *METRICS.get(metric, (metric, ""))) for metric in metrics],
        metric_names={metric: text for metric, (text, _) in METRICS.items()},
        moves=moves,
        people=console.names(session, [move.por for move in moves]),
        may_train=console.may_train(visit.who),
        may_promote=console.may_promote(visit.who),
        under_way=is_under_way,
    )


def history_figures(found: Mapping[str, Sequence[tuple[datetime, float]]]) -> list[dict[str, Any]]:
    """Each measure over time as a figure, where there is more than one point of it."""
    return [
        {"name": name, "figure": figure, "tables": charts.figure_tables(figure)}
        for name, points in found.items()
        if len(points) > 1
        for figure in [_line(name, points)]
    ]


def _line(name: str, points: Sequence[tuple[datetime, float]]) -> dict[str, Any]:
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "x": [f"{when:%Y-%m-%d}" for when, _ in points],
                "y": [value for _, value in points],
            }
        ],
        "layout": {"xaxis": {"title": {"text": "Dia"}}, "yaxis": {"title": {"text": name}}},
    }


def change_model(console: ModelConsole, session: Session, principal: Principal, form: Form) -> str:
    """Do what a form of the page asks for; gives what to tell.

    Raises:
        Forbidden: The role does not allow it.
        AlreadyChampion, ModelUnusable, ModelVersionNotFound, NoEarlierChampion: It cannot be.
    """
    if form.action in ("treinar", "comparar", "medir"):
        if not console.may_train(principal):
            raise Forbidden
        return _work(console, session, principal, form)
    if form.action in ("promover", "reverter"):
        if not console.may_promote(principal):
            raise Forbidden
        return _move(console, session, principal, form)
    raise BadRequest


def _work(console: ModelConsole, session: Session, principal: Principal, form: Form) -> str:
    if form.action == "treinar":
        console.train(session, principal)
        return "O treino começou. Acompanhe aqui."
    if form.action == "medir" and console.measure is not None:
        console.measure(session, principal)
        return "A medida foi pedida. O resultado aparece aqui em instantes."
    if form.action == "comparar" and console.compare is not None:
        console.compare(session, principal, form.read(CompararIn))
        return "A comparação começou. O resultado aparece aqui."
    raise BadRequest


def _move(console: ModelConsole, session: Session, principal: Principal, form: Form) -> str:
    name, by = console.model(principal), principal.subject
    reason = form.read(MotivoIn).motivo
    if form.action == "promover":
        version = form.read(VersionFields).versao
        versions.promote(session, name, version, by=by, reason=reason, then=console.then)
    else:
        version = versions.roll_back(session, name, by=by, reason=reason, then=console.then)
    return f"A versão {version} responde a partir de agora."
