"""Curves of several versions of a model in one figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from chalicelib.console.charts import FigureTable, figure_tables
from chalicelib.console.model_card import FIGURES
from chalicelib.ml import versions
from chalicelib.ml.registry import ModelName
from chalicelib.ml.schemas import FiguraOut, Uso, VersaoOut

CURVES = ("roc", "pr", "calibracao")
MOST_VERSIONS = 4  # As many as have colours that differ, beside the line of chance.


@dataclass(frozen=True)
class Overlay:
    """One kind of curve, of several versions."""

    label: str
    figure: dict[str, Any]
    tables: list[FigureTable]


def overlays(session: Session, name: ModelName, shown: Sequence[VersaoOut]) -> list[Overlay]:
    """The curves of the versions that are shown: of the one that answers, and of the newest others.

    Args:
        session: The session.
        name: The model.
        shown: Versions, newest first.

    Returns:
        A figure for each kind of curve that at least two of them have.
    """
    chosen = sorted(shown, key=lambda each: each.uso != Uso.CAMPEAO)[:MOST_VERSIONS]
    if len(chosen) < 2:
        return []
    kept = versions.figures_of(session, name, [each.versao for each in chosen], CURVES)
    made = []
    for curve in CURVES:
        found = [(each, kept[each.versao][curve]) for each in chosen if curve in kept[each.versao]]
        if len(found) > 1:
            figure = _overlaid(found)
            made.append(Overlay(FIGURES[curve], figure, figure_tables(figure)))
    return made


def _overlaid(found: Sequence[tuple[VersaoOut, FiguraOut]]) -> dict[str, Any]:
    """Each version's own curve, and the line that all are held against: the last of a figure."""
    lines = [
        {**_bare(figure.data[0]), "name": f"Versão {each.versao}{_use(each)}"}
        for each, figure in found
    ]
    newest = found[0][1]
    return {"data": [*lines, newest.data[-1]], "layout": newest.layout}


def _bare(trace: dict[str, Any]) -> dict[str, Any]:
    """Without the intervals, which hide each other's lines."""
    return {name: value for name, value in trace.items() if name not in ("error_y", "text")}


def _use(version: VersaoOut) -> str:
    return ", responde" if version.uso == Uso.CAMPEAO else ""
