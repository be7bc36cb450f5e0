"""What a trained model's card says of it: how good, how sure, for whom, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.columns import Column, Table, is_missing
from chalicelib.ml.derived import measured
from chalicelib.ml.monitoring import profile
from chalicelib.ml.training.figures import importance_figure
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.importance import Predict, importances
from chalicelib.ml.training.judging import Floats
from chalicelib.ml.training.recipe import Candidate, Recipe
from chalicelib.ml.training.rows import LabelledRows
from chalicelib.ml.training.splits import RowSplit

MODEL = "modelo"
FEW = "Poucos casos para um número confiável."


@dataclass(frozen=True)
class Beside:
    """What a model is shown beside, for the rows that judge it.

    Attributes:
        title: The rule to beat, as figures call it.
        answers: (m,) what that rule says.
        groups: Name of a metric by groups -> (m,) group of each row.
    """

    title: str
    answers: Floats
    groups: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """What is registered with a version beside the model itself."""

    metrics: dict[str, Any]
    figures: dict[str, Any]
    profile: list[dict[str, Any]]


def make_card(
    recipe: Recipe,
    rows: LabelledRows,
    split: RowSplit,
    chosen: Candidate,
    beside: Beside,
    served: Predict,
) -> Card:
    """Judge a model on rows it was not trained on, beside the rule to beat.

    Args:
        recipe: How it was made.
        rows: All rows.
        split: Which of them were trained on, and which judge.
        chosen: The model.
        beside: The rule to beat, and the groups that are judged apart.
        served: The model as it is published, which is asked a hundred times over for importance:
            that takes it a second where the trained forest takes half a minute.

    Raises:
        TooLittleData: The rows that judge cannot say.
    """
    judge, answers, judged = recipe.judge, chosen.answers, rows.part(split.validation)
    y, who = judged.y, judged.who
    read = {column.name: judged.table[column.name] for column in recipe.columns}
    needed = importances(served, read, y, recipe.seed, judge.score, recipe.importance_rows)
    metrics = {
        "validacao": judge.metrics(y, answers, who),
        "regra_ingenua": judge.metrics(y, beside.answers, who),
        "ganho_sobre_regra": judge.gains(y, answers, beside.answers, who),
        **judge.details(y, answers),
        "importancia": [each.to_json() for each in needed],
        **{
            name: by_group(recipe, groups, judged, answers)
            for name, groups in beside.groups.items()
        },
        "selecao": {
            name: each.to_json(judge.loss_name) for name, each in chosen.contenders.items()
        },
    }
    figures = {
        **judge.figures(y, {MODEL: answers, beside.title: beside.answers}),
        "importancia": importance_figure(needed, recipe.labels, judge.measure),
    }
    # Of several classes the profile keeps how sure the model is of the likeliest.
    scores = answers if answers.ndim == 1 else answers.max(axis=1)
    return Card(metrics, figures, profile(recipe.columns, rows.take(split.training), scores))


def by_group(
    recipe: Recipe, groups: NDArray[Any], judged: LabelledRows, answers: Floats
) -> list[dict[str, Any]]:
    """The metrics of each group of rows, by the group's name; of small ones only their size.

    Args:
        recipe: How they are judged.
        groups: (n,) name of each row's group.
        judged: The rows. Their entities are what is counted, as an entity's rows are alike.
        answers: (n,) what the model says of them.
    """
    found = []
    for name in np.unique(groups).tolist():
        here = groups == name
        y, who = judged.y[here], judged.who[here]
        metrics = reliable_metrics(recipe, y, answers[here], who)
        found.append(
            {
                "grupo": name,
                "linhas": len(y),
                **recipe.count_entities(who),
                **recipe.judge.counts(y),
                "metricas": metrics,
                "aviso": FEW if metrics is None else None,
            }
        )
    return found


def reliable_metrics(
    recipe: Recipe, y: NDArray[Any], answers: Floats, who: NDArray[Any]
) -> dict[str, Any] | None:
    """The metrics of some rows; None of so few that they would mislead."""
    if recipe.judge.is_few(y, who):
        return None
    try:
        return recipe.judge.metrics(y, answers, who)
    except TooLittleData:
        return None  # All the positives are one entity's, and no resample has both classes.


def describe_data(recipe: Recipe, rows: LabelledRows, split: RowSplit) -> dict[str, Any]:
    """Window, size and fingerprint of the data, and what is usual among the trained rows."""
    return {
        "linhas": len(rows.y),
        **recipe.count_entities(rows.who),
        **rows.span(),
        **recipe.judge.summary(rows.y),
        "impressao_digital": rows.fingerprint,
        "usual": {
            column.name: usual_value(column, rows.take(split.training)) for column in recipe.columns
        },
    }


def usual_value(column: Column, table: Table) -> float | str | None:
    """The median of a number or day, the commonest of categories; None where most hold nothing,
    and of texts.
    """
    if column.kind == "text":
        return None
    if column.is_category:
        values = table[column.name]
        present = [str(value) for value in values if not is_missing(value)]
        if len(present) * 2 < len(values) or not present:
            return None
        names, counts = np.unique(np.array(present), return_counts=True)
        return str(names[counts.argmax()])
    numbers = measured(column, table[column.name])
    known = numbers[~np.isnan(numbers)]
    if known.size * 2 < numbers.size or not known.size:
        return None
    median = float(np.median(known))
    return str(np.datetime64(int(median), "D")) if column.kind == "date" else median
