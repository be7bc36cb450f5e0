"""What a product says of its model, so that the shared pages can show it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from chalicelib.console.sections import Link
from chalicelib.core.auth import Principal, Role
from chalicelib.core.errors import Problem
from chalicelib.core.jobs import Job
from chalicelib.identity.service import names_of
from chalicelib.ml.registry import ModelName
from chalicelib.ml.schemas import CompararIn, VersaoOut
from chalicelib.ml.schemas_health import SaudeModelo
from chalicelib.ml.versions import Promoted

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
    "mape": ("Erro percentual médio", "menor é melhor"),
    "medae": ("Erro absoluto mediano", "menor é melhor"),
    "f1": ("F1", "maior é melhor"),
    "f1_macro": ("F1 médio", "maior é melhor"),
    "acuracia": ("Acurácia", "maior é melhor"),
    "custo": ("Custo", "menor é melhor"),
}
"""Metric -> what it is called, and which way is better."""


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
        links: Other pages about it.
        measure: Asks for a measurement of the version that answers; None where none is offered.
        first: What to do where there is no version yet.
        names: Subject -> what it is called, of those who train and promote.
        steps: How a training's steps begin and what they are, where people may follow them.
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
    links: tuple[Link, ...] = ()
    measure: Callable[[Session, Principal], Job] | None = None
    first: str = "Treine a primeira."
    names: Callable[[Session, Collection[str]], Mapping[str, str]] = names_of
    steps: tuple[tuple[str, str], ...] = ()

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
