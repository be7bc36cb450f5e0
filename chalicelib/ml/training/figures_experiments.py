"""Figures that compare algorithms, and show how one learned, as Plotly's JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chalicelib.ml.training.evaluate import Estimate
from chalicelib.ml.training.figures import Figure, bare_figure, rounded

TOP = 5  # Parameter values in a text; more would not fit beside a dot.


def comparison_figure(
    losses: Mapping[str, Sequence[float]], labels: Mapping[str, str], measure: str
) -> Figure:
    """The losses of every algorithm by fold, the best one on top; less is better.

    Args:
        losses: Algorithm -> its losses, by fold.
        labels: Algorithm -> what a person calls it.
        measure: What the losses are.
    """
    ranked = sorted(losses, key=lambda name: float(np.mean(losses[name])))
    boxes = [
        {
            "type": "box",
            "name": labels.get(name, name),
            "x": rounded(losses[name]),
            "boxpoints": "all",
            "orientation": "h",
        }
        for name in ranked
    ]
    figure = bare_figure(boxes, "Comparação dos algoritmos", f"{measure} por dobra", "")
    figure["layout"]["yaxis"]["autorange"] = "reversed"
    figure["layout"]["showlegend"] = False
    return figure


def search_figure(trials: Sequence[tuple[Mapping[str, Any], float]], measure: str) -> Figure:
    """The loss of every trial of a search, in the order in which they were made.

    Args:
        trials: What was tried, with its mean loss over the inner folds.
        measure: What the losses are.
    """
    losses = [loss for _, loss in trials]
    dots = {
        "type": "scatter",
        "mode": "markers",
        "name": "tentativas",
        "x": list(range(1, len(trials) + 1)),
        "y": rounded(losses),
        "text": [_shown(parameters) for parameters, _ in trials],
    }
    best = {
        "type": "scatter",
        "mode": "lines",
        "name": "melhor até aqui",
        "x": list(range(1, len(trials) + 1)),
        "y": rounded(np.minimum.accumulate(losses).tolist()),
    }
    return bare_figure([dots, best], "Busca de hiperparâmetros", "Tentativa", measure)


def _shown(parameters: Mapping[str, Any]) -> str:
    pairs = list(parameters.items())[:TOP]
    return ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in pairs)


def learning_figure(points: Sequence[tuple[int, float, float]], measure: str) -> Figure:
    """How the loss falls with more rows: on the rows learned from, and on others.

    Args:
        points: Rows trained on, loss on them, loss on rows that trained nothing.
        measure: What the losses are.
    """
    rows = [n for n, _, _ in points]
    lines = [
        {"type": "scatter", "mode": "lines+markers", "name": name, "x": rows, "y": rounded(values)}
        for name, values in (
            ("linhas de treino", [seen for _, seen, _ in points]),
            ("linhas novas", [new for _, _, new in points]),
        )
    ]
    return bare_figure(lines, "Curva de aprendizado", "Linhas de treino", measure)


def dependence_figure(
    title: str, places: Sequence[Any], lines: Mapping[str, Sequence[float]], answer: str
) -> Figure:
    """The mean answer if all rows had one value in a column, over such values.

    Args:
        title: What a person calls the column.
        places: Numbers, days or categories.
        lines: Class, or the answer's name -> mean answers.
        answer: What the answers are.
    """
    numeric = all(isinstance(place, int | float) for place in places)
    shown = rounded(places) if numeric else list(places)
    traces = [
        {
            "type": "scatter" if numeric else "bar",
            "name": name,
            "x": shown,
            "y": rounded(values),
            **({"mode": "lines+markers"} if numeric else {}),
        }
        for name, values in lines.items()
    ]
    return bare_figure(traces, f"Dependência parcial: {title}", title, answer)


def confusion_figure(classes: Sequence[str], rows: Sequence[Sequence[int]]) -> Figure:
    """How often each class (down) was taken for each (across)."""
    cells = {
        "type": "heatmap",
        "x": list(classes),
        "y": list(classes),
        "z": [list(map(int, row)) for row in rows],
        "texttemplate": "%{z}",
        "colorscale": "Blues",
        "showscale": False,
    }
    figure = bare_figure([cells], "Matriz de confusão", "Previsto", "Observado")
    figure["layout"]["yaxis"]["autorange"] = "reversed"
    return figure


def coverage_figure(nominal: float, measured: Estimate) -> Figure:
    """The share that intervals should hold, and the share they held."""
    bar = {
        "type": "bar",
        "name": "cobertura",
        "x": ["nominal", "medida"],
        "y": rounded([nominal, measured.value]),
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": rounded([0.0, max(measured.high - measured.value, 0.0)]),
            "arrayminus": rounded([0.0, max(measured.value - measured.low, 0.0)]),
        },
    }
    return bare_figure([bar], "Cobertura dos intervalos", "", "Parcela dentro do intervalo")
