"""Figures of a model card as Plotly's JSON, made without Plotly: `{"data": [...], "layout": {}}`.

Curves are thinned to what a screen can show, so that a figure is a few kilobytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from chalicelib.ml.training.evaluate import ReliabilityBin
from chalicelib.ml.training.importance import Importance

Figure = dict[str, Any]
MOST_POINTS = 200
MOST_DOTS = 500
ERROR_BINS = 30
DIGITS = 4


def roc_figure(y: NDArray[np.int_], scores: Mapping[str, NDArray[np.float64]]) -> Figure:
    """ROC curves of several (n,) scores of the same rows, by name, and the diagonal of chance."""
    lines = [
        _line(name, *roc_curve(y, p)[:2])  # False positives, true positives.
        for name, p in scores.items()
    ]
    chance = _line("acaso", np.array([0.0, 1.0]), np.array([0.0, 1.0]), dash="dot")
    return bare_figure([*lines, chance], "Curva ROC", "Falsos positivos", "Verdadeiros positivos")


def pr_figure(y: NDArray[np.int_], scores: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Precision over recall of several scores, and the prevalence that chance would reach."""
    lines = []
    for name, p in scores.items():
        precision, recall, _ = precision_recall_curve(y, p)
        lines.append(_line(name, recall[::-1], precision[::-1]))
    chance = _line("acaso", np.array([0.0, 1.0]), np.full(2, float(y.mean())), dash="dot")
    return bare_figure([*lines, chance], "Precisão e cobertura", "Cobertura", "Precisão")


def calibration_figure(bins: Sequence[ReliabilityBin]) -> Figure:
    """What was foretold against what happened, with its intervals."""
    foretold = [each.mean_probability for each in bins]
    happened = [each.observed_share for each in bins]
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "modelo",
        "x": rounded(foretold),
        "y": rounded(happened),
        "text": [f"{each.rows} linhas" for each in bins],
        "error_y": {
            "type": "data",
            "symmetric": False,
            # At shares of 0 and 1 the bound is the share itself, but for the last bit.
            "array": rounded([max(b.observed_high - b.observed_share, 0.0) for b in bins]),
            "arrayminus": rounded([max(b.observed_share - b.observed_low, 0.0) for b in bins]),
        },
    }
    perfect = _line("perfeita", np.array([0.0, 1.0]), np.array([0.0, 1.0]), dash="dot")
    return bare_figure(
        [trace, perfect], "Calibração", "Probabilidade prevista", "Parcela observada"
    )


def foretold_figure(y: NDArray[Any], answers: Mapping[str, NDArray[np.float64]]) -> Figure:
    """What happened over what was foretold, by name, and the line on which both are the same."""
    kept = _thinned(len(y), MOST_DOTS)
    dots = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": rounded(found[kept].tolist()),
            "y": rounded(y[kept].tolist()),
        }
        for name, found in answers.items()
    ]
    ends = np.array([float(y.min()), float(y.max())])
    same = _line("perfeita", ends, ends, dash="dot")
    return bare_figure([*dots, same], "Previsto e observado", "Previsto", "Observado")


def residuals_figure(y: NDArray[Any], answers: Mapping[str, NDArray[np.float64]]) -> Figure:
    """How many answers missed by how much, by name, in the same bins for all."""
    errors = {name: y - found for name, found in answers.items()}
    edges = np.histogram_bin_edges(np.concatenate(list(errors.values())), ERROR_BINS)
    middles = ((edges[:-1] + edges[1:]) / 2).tolist()
    bars = [
        {
            "type": "bar",
            "name": name,
            "x": rounded(middles),
            "y": np.histogram(found, edges)[0].tolist(),
        }
        for name, found in errors.items()
    ]
    return bare_figure(bars, "Erros", "Observado menos previsto", "Linhas")


def importance_figure(
    found: Sequence[Importance], labels: Mapping[str, str], measure: str
) -> Figure:
    """What the measure loses without each column, the most needed on top."""
    trace = {
        "type": "bar",
        "orientation": "h",
        "name": "importância",
        "x": rounded([each.loss for each in found]),
        "y": [labels.get(each.column, each.column) for each in found],
        "error_x": {"type": "data", "array": rounded([each.deviation for each in found])},
    }
    figure = bare_figure([trace], "Importância por permutação", f"Perda de {measure}", "")
    figure["layout"]["yaxis"]["autorange"] = "reversed"
    return figure


def lines_figure(
    title: str, x: str, y: str, lines: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
) -> Figure:
    """Lines by name, each of (n,) places and (n,) values, under the titles of the axes."""
    return bare_figure([_line(name, *points) for name, points in lines.items()], title, x, y)


def _line(name: str, x: NDArray[np.float64], y: NDArray[np.float64], dash: str = "solid") -> Figure:
    kept = _thinned(len(x))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": rounded(x[kept].tolist()),
        "y": rounded(y[kept].tolist()),
        "line": {"dash": dash},
    }


def _thinned(points: int, most: int = MOST_POINTS) -> NDArray[np.intp]:
    """Which of a curve's points to keep: the first, the last, and evenly between."""
    return np.unique(np.linspace(0, points - 1, min(points, most)).round().astype(np.intp))


def bare_figure(data: list[Figure], title: str, x: str, y: str) -> Figure:
    """Traces under a title, with the titles of both axes."""
    layout = {
        "title": {"text": title},
        "xaxis": {"title": {"text": x}},
        "yaxis": {"title": {"text": y}},
    }
    return {"data": data, "layout": layout}


def rounded(values: Sequence[float]) -> list[float]:
    """Four digits after the point, or four in all of what is smaller than one."""
    return [_short(float(value)) for value in values]


def _short(value: float) -> float:
    return round(value, DIGITS) if abs(value) >= 1 else float(f"{value:.{DIGITS}g}")
