"""Pages of a model's versions, the same for every product: compare, train, promote, roll back.

A product says what its model is (`ModelConsole`) and registers `model_pages(console)`.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from chalicelib.console import charts
from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.visits import Visit
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest, Forbidden, Problem
from chalicelib.core.job_control import JobQuery, list_jobs
from chalicelib.core.jobs import Job, JobState
from chalicelib.core.pages import CursorInvalid, PageQuery
from chalicelib.core.portuguese import day, number, percent
from chalicelib.core.web import Routes
from chalicelib.identity import service
from chalicelib.ml import versions
from chalicelib.ml.promotion import AlreadyChampion, NoEarlierChampion
from chalicelib.ml.registry import ModelName, ModelVersionNotFound
from chalicelib.ml.schemas import CompararIn, MotivoIn, Versao, VersaoOut
from chalicelib.ml.schemas_health import SaudeModelo
from chalicelib.ml.versions import ModelUnusable, Promoted

SHOWN_VERSIONS = 10
SHOWN_MOVES = 10
METRICS: Mapping[str, tuple[str, str]] = {
    "roc_auc": ("ROC AUC", "maior é melhor"),
    "pr_auc": ("PR AUC", "maior é melhor"),
    "brier": ("Brier", "menor é melhor"),
    "brier_skill": ("Ganho de Brier", "maior é melhor"),
    "log_loss": ("Log loss", "menor é melhor"),
    "ks": ("KS", "maior é melhor"),
    "mae": ("Erro absoluto médio", "menor é melhor"),
    "rmse": ("Raiz do erro quadrático", "menor é melhor"),
    "r2": ("R²", "maior é melhor"),
    "custo": ("Custo", "menor é melhor"),
}
"""Metric -> what it is called, and which way is better."""
FIGURES = {
    "roc": "Curva ROC",
    "pr": "Precisão e cobertura",
    "calibracao": "Calibração",
    "importancia": "Importância das colunas",
}
GROUP_METRICS = ("roc_auc", "pr_auc", "brier")
FACTS = {
    "ate": "dados até",
    "desde": "dados desde",
    "prevalencia": "prevalência",
    "impressao_digital": "impressão digital",
    "tipo": "divisão",
    "treino_ate": "treino até",
    "linhas_treino": "linhas de treino",
    "intervalo_dias": "dias entre treino e validação",
    "validacao_desde": "validação desde",
    "linhas_validacao": "linhas de validação",
}
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T")
REFUSALS: Mapping[type[Problem], str] = {
    AlreadyChampion: "Esta versão já é a que responde.",
    NoEarlierChampion: "Nenhuma outra versão respondeu antes desta.",
    ModelVersionNotFound: "Esta versão não existe.",
    ModelUnusable: "O modelo guardado desta versão não pode responder.",
}


@dataclass(frozen=True, kw_only=True)
class ModelConsole:
    """A product's model, as its pages show it.

    Attributes:
        title: What people call it.
        path: Of the page; a version's is below it.
        model: Which one, for whoever asks.
        label: What it foretells.
        summary: Model of a version in the list; each field it adds is a metric.
        health: How the version that answers is doing.
        history: Instants and values of its measures over time, by name.
        then: What follows a promotion.
        train: Asks for a training.
        training_queue: Whose newest job is followed.
        compare: Asks for a comparison of two versions; None where the page offers none.
        comparison_queue: Whose newest result is shown.
        allow: Who may look.
        trainers: Who may train and compare, besides admins.
        promoters: Who may say which version answers.
        tenant: Whose users, where the model belongs to one tenant.
        companies_only: The model is each company's own.
        raises: Refusals of asking for a training or a comparison.
    """

    title: str
    path: str
    model: Callable[[Principal], ModelName]
    label: str
    summary: type[VersaoOut]
    health: Callable[[Session, Principal, datetime], SaudeModelo]
    history: Callable[[Session, Principal], Mapping[str, Sequence[tuple[datetime, float]]]]
    then: Promoted
    train: Callable[[Session, Principal], Job]
    training_queue: str
    compare: Callable[[Session, Principal, CompararIn], Job] | None
    comparison_queue: str
    allow: Collection[Role]
    trainers: Collection[Role]
    promoters: Collection[Role] = (Role.ADMIN,)
    tenant: str | None = None
    companies_only: bool = False
    raises: tuple[type[Problem], ...] = ()

    def declared(self) -> dict[str, Any]:
        """Who is let in, for `@page`."""
        return {
            "allow": self.allow,
            "tenant": self.tenant,
            "companies_only": self.companies_only,
        }

    def may_train(self, principal: Principal) -> bool:
        """Whether somebody may ask for a training."""
        return principal.role in {Role.ADMIN, *self.trainers}

    def may_promote(self, principal: Principal) -> bool:
        """Whether somebody may say which version answers."""
        return principal.role in self.promoters


class VersionsQuery(PageQuery):
    """Which page of the versions."""

    model_config = ConfigDict(extra="ignore")

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
    training = _newest(session, visit.who, console.training_queue)
    return Shown(
        "console/model.html",
        console=console,
        form=form,
        health=console.health(session, visit.who, now),
        history=_history(console.history(session, visit.who)),
        training=training,
        is_training=training is not None and _is_under_way(training),
        comparison=_newest(session, visit.who, console.comparison_queue),
        versions=found,
        cursor=cursor,
        total=total,
        metrics=[(metric, *METRICS.get(metric, (metric, ""))) for metric in metrics],
        metric_names={metric: text for metric, (text, _) in METRICS.items()},
        moves=moves,
        people=service.names_of(session, [move.por for move in moves]),
        may_train=console.may_train(visit.who),
        may_promote=console.may_promote(visit.who),
        under_way=_is_under_way,
    )


def _newest(session: Session, principal: Principal, queue: str) -> Job | None:
    found, _, _ = list_jobs(session, principal, JobQuery(queue=queue, limit=1))
    return found[0] if found else None


def _is_under_way(job: Job) -> bool:
    return job.state in (JobState.QUEUED, JobState.RUNNING)


def _history(found: Mapping[str, Sequence[tuple[datetime, float]]]) -> list[dict[str, Any]]:
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
    if form.action in ("treinar", "comparar"):
        if not console.may_train(principal):
            raise Forbidden
        if form.action == "treinar":
            console.train(session, principal)
            return "O treino começou. Acompanhe aqui."
        if console.compare is None:
            raise BadRequest
        console.compare(session, principal, form.read(CompararIn))
        return "A comparação começou. O resultado aparece aqui."
    if form.action not in ("promover", "reverter"):
        raise BadRequest
    if not console.may_promote(principal):
        raise Forbidden
    return _move(console, session, principal, form)


def _move(console: ModelConsole, session: Session, principal: Principal, form: Form) -> str:
    name, by = console.model(principal), principal.subject
    reason = form.read(MotivoIn).motivo
    if form.action == "promover":
        version = form.read(VersionFields).versao
        versions.promote(session, name, version, by=by, reason=reason, then=console.then)
    else:
        version = versions.roll_back(session, name, by=by, reason=reason, then=console.then)
    return f"A versão {version} responde a partir de agora."


def show_version(console: ModelConsole, session: Session, visit: Visit, version: int) -> Shown:
    """A version's card: metrics with intervals, figures, groups, data, parameters."""
    name = console.model(visit.who)
    card = versions.model_card(
        session, name, version, label=console.label, figures_at=f"{console.path}/{version}"
    )
    figures = []
    for known in sorted(card.figuras, key=lambda each: list({**FIGURES, each: 0}).index(each)):
        figure = versions.figure(session, name, version, known).model_dump()
        figures.append((FIGURES.get(known, known), figure, charts.figure_tables(figure)))
    return Shown(
        "console/model_version.html",
        console=console,
        card=card,
        people=service.names_of(session, [card.criado_por]),
        figures=figures,
        rows=_metric_rows(card.metricas),
        facts=_facts({**card.dados, **card.divisao}),
        groups={
            name.removeprefix("por_").replace("_", " "): rows
            for name, rows in card.metricas.items()
            if name.startswith("por_") and isinstance(rows, list)
        },
        group_metrics=[(name, METRICS[name][0]) for name in GROUP_METRICS],
    )


def _facts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a version was made of, with the names and the numbers that people read."""
    return [
        (FACTS.get(name, name.replace("_", " ")), _said(name, value))
        for name, value in found.items()
        if isinstance(value, str | int | float)
    ]


def _said(name: str, value: str | float) -> str:
    if name == "prevalencia" and not isinstance(value, str):
        return percent(value, 1)
    if isinstance(value, str):
        return day(datetime.fromisoformat(value).date()) if INSTANT.match(value) else value
    return number(value)


def _metric_rows(found: Mapping[str, Any]) -> list[tuple[str, str, Any, Any]]:
    """Metric, which way is better, of the model, and of the naive rule beside it."""
    judged, naive = found.get("validacao", {}), found.get("regra_ingenua", {})
    return [
        (*METRICS[name], value, naive.get(name))
        for name, value in judged.items()
        if name in METRICS and isinstance(value, dict)
    ]
