"""The page of one version of a model."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from chalicelib.console import charts
from chalicelib.console.layout import Shown
from chalicelib.console.model_console import METRICS, ModelConsole
from chalicelib.console.visits import Visit
from chalicelib.core.portuguese import day, number, percent
from chalicelib.ml import versions
from chalicelib.ml.schemas import CartaoOut, FiguraOut

FIGURES = {
    "roc": "Curva ROC",
    "pr": "Precisão e cobertura",
    "calibracao": "Calibração",
    "importancia": "Importância das colunas",
    "aprovacao": "Ruins entre os aprovados, conforme quantos se aprova",
    "custo": "Custo por pedido, conforme o limiar",
    "previsto_observado": "Previsto e observado",
    "residuos": "Resíduos",
}
"""Name of a figure -> what it is called, in the order in which they are shown."""
GROUP_METRICS = ("roc_auc", "pr_auc", "brier", "mae", "rmse", "r2", "f1_macro", "acuracia")
"""What is told of each group of rows, as far as it was measured."""
GROUPS = {"avaliacao": "avaliação", "historico": "histórico"}
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
    "validacao": "validação",
    "linhas_calibracao": "linhas de calibração",
    "media": "média",
    "parcela": "parcela que julga",
    "linhas_validacao": "linhas de validação",
}
HIDDEN = ("sal", "leitura", "dataset", "treinamento")  # For programs.
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T")


def show_version(console: ModelConsole, session: Session, visit: Visit, version: int) -> Shown:
    """A version's card: metrics with intervals, figures, groups, data, parameters."""
    name = console.model(visit.who)
    card = versions.model_card(
        session, name, version, label=console.label, figures_at=f"{console.path}/{version}"
    )
    return Shown(
        "console/model_version.html",
        up=(console.path, console.title),
        people=console.names(session, [card.criado_por]),
        **card_parts(card, lambda known: versions.figure(session, name, version, known)),
    )


def card_parts(
    card: CartaoOut, figure_of: Callable[[str], FiguraOut], titles: Mapping[str, str] = FIGURES
) -> dict[str, Any]:
    """What the page of a card shows of it.

    Args:
        card: The card.
        figure_of: Reads one of its figures by name.
        titles: Name of a figure -> what it is called, in their order; others follow.
    """
    return {
        "card": card,
        "figures": _figures(card, figure_of, titles),
        "rows": _metric_rows(card.metricas),
        "facts": _facts({**card.dados, **card.divisao}),
        "groups": [
            group_table(name.removeprefix("por_"), rows)
            for name, rows in card.metricas.items()
            if name.startswith("por_") and isinstance(rows, list) and rows
        ],
    }


@dataclass(frozen=True)
class GroupTable:
    """How a version does by groups of the judged rows.

    Attributes:
        name: What they are grouped by.
        rows: The groups, as the card has them.
        metrics: Metric -> what it is called, of those measured in any group.
        has_positives: Whether the model tells a class from another.
    """

    name: str
    rows: list[dict[str, Any]]
    metrics: list[tuple[str, str]]
    has_positives: bool


def group_table(name: str, rows: list[dict[str, Any]]) -> GroupTable:
    """The groups of a card as a table; metrics of any task."""
    measured = {key for row in rows for key in row["metricas"] or {}}
    metrics = [(key, METRICS[key][0]) for key in GROUP_METRICS if key in measured]
    title = GROUPS.get(name, name.replace("_", " "))
    return GroupTable(title, rows, metrics, all("positivos" in row for row in rows))


def _figures(
    card: CartaoOut, figure_of: Callable[[str], FiguraOut], titles: Mapping[str, str]
) -> list[tuple[str, dict[str, Any], list[charts.FigureTable]]]:
    order = [*titles, *sorted(card.figuras.keys() - titles.keys())]
    found = []
    for known in (name for name in order if name in card.figuras):
        figure = figure_of(known).model_dump()
        found.append((figure_title(known, figure, titles), figure, charts.figure_tables(figure)))
    return found


def figure_title(name: str, figure: Mapping[str, Any], titles: Mapping[str, str] = FIGURES) -> str:
    """What a figure is called: by its name where that is known, else by its own title."""
    if name in titles:
        return titles[name]
    own = figure.get("layout", {}).get("title") or name
    return str(own.get("text", name) if isinstance(own, Mapping) else own)


def _facts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a version was made of, with the names and the numbers that people read."""
    return [
        (FACTS.get(name, name.replace("_", " ")), _said(name, value))
        for name, value in found.items()
        if isinstance(value, str | int | float) and name not in HIDDEN
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
