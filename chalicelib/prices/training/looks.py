"""Closer looks at the chosen model: how it learns with more rows, what single columns do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.columns import Column, is_missing
from chalicelib.ml.training.figures import Figure
from chalicelib.ml.training.figures_experiments import dependence_figure, learning_figure
from chalicelib.prices.training.estimators import Spec
from chalicelib.prices.training.fitting import Progress, perform_all
from chalicelib.prices.training.trial import Trials

SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
FEWEST_ROWS = 40
PLACES = 20
MOST_CATEGORIES = 12
ROWS_ASKED = 200
MOST_COLUMNS = 5

Predict = Callable[[Mapping[str, Any]], NDArray[np.float64]]


def learning_curve(trials: Trials, spec: Spec, progress: Progress) -> Figure:
    """The loss of a spec with more and more rows of the first fold, on them and on its others."""
    learned, judged = trials.folds[0]
    mixed = np.random.default_rng(trials.seed).permutation(learned)
    sizes = sorted({max(FEWEST_ROWS, int(len(mixed) * share)) for share in SHARES})
    parts = [np.sort(mixed[:size]) for size in sizes if size <= len(mixed)]
    tasks = [
        trials.task(spec, part, np.concatenate([part, judged]), "curva de aprendizado")
        for part in parts
    ]
    points = []
    for part, outcome in zip(parts, perform_all(tasks, trials.jobs, progress), strict=True):
        answers = trials.answers(spec.algorithm, part, outcome.outputs)
        seen, new = answers[: len(part)], answers[len(part) :]
        y = trials.rows.y
        losses = trials.judge.loss(y[part], seen), trials.judge.loss(y[judged], new)
        points.append((len(part), *losses))
    return learning_figure(points, trials.judge.loss_name)


def dependence(
    predict: Predict,
    table: Mapping[str, NDArray[Any]],
    columns: Sequence[Column],
    classes: Sequence[str] | None,
    seed: int,
) -> dict[str, Figure]:
    """Partial dependence (Friedman, "Greedy function approximation", 2001) of some columns.

    Args:
        predict: The model as it is served.
        table: Column -> (n,) raw values; at most 200 rows are drawn.
        columns: The ones that matter most, first.
        classes: Of a classifier.
        seed: Of the drawing.

    Returns:
        Figures by `dependencia_` and the column's place.
    """
    rows = len(next(iter(table.values())))
    drawn = np.random.default_rng(seed).permutation(rows)[:ROWS_ASKED]
    asked = {name: values[drawn] for name, values in table.items()}
    found = {}
    shown = [column for column in columns if column.kind != "text"][:MOST_COLUMNS]
    for number, column in enumerate(shown, start=1):
        places = _places(column, table[column.name])
        means = [
            predict({**asked, column.name: _all(place, asked[column.name])}).mean(axis=0)
            for place in places
        ]
        lines = _lines(np.array(means), classes)
        title = column.label or column.name
        found[f"dependencia_{number}"] = dependence_figure(
            title, [_shown(place) for place in places], lines, "Resposta média"
        )
    return found


def _places(column: Column, values: NDArray[Any]) -> list[Any]:
    """Quantiles of numbers and dates, the commonest categories."""
    if column.is_category:
        present = [value for value in values if not is_missing(value)]
        names, counts = np.unique(np.array(present, dtype=str), return_counts=True)
        return [str(name) for name in names[np.argsort(-counts, kind="stable")]][:MOST_CATEGORIES]
    known = np.sort(values[~np.isnat(values)] if column.kind == "date" else _known(values))
    if not len(known):
        return []
    picked = np.linspace(0.02, 0.98, PLACES) * (len(known) - 1)
    return list(np.unique(known[picked.round().astype(np.intp)]))


def _known(values: NDArray[Any]) -> NDArray[np.float64]:
    numbers = values.astype(np.float64)
    return numbers[~np.isnan(numbers)]


def _all(place: Any, values: NDArray[Any]) -> NDArray[Any]:
    return np.full(len(values), place, dtype=values.dtype)


def _shown(place: Any) -> Any:
    if isinstance(place, np.datetime64):
        return str(place.astype("datetime64[D]"))
    return place if isinstance(place, str) else float(place)


def _lines(means: NDArray[np.float64], classes: Sequence[str] | None) -> dict[str, list[float]]:
    if classes is None:
        return {"resposta": means.tolist()}
    if not means.size:
        return {}
    likeliest = np.argsort(-means.mean(axis=0))[:MOST_COLUMNS].tolist()
    return {classes[k]: means[:, k].tolist() for k in likeliest}
