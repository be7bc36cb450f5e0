"""Measuring a model that answers: shift since training, and how it has done since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.columns import Table
from chalicelib.ml.monitoring import SCORE, Shift, shifts
from chalicelib.ml.schemas_health import Desempenho, Desvio
from chalicelib.ml.training.card import reliable_metrics
from chalicelib.ml.training.judging import Floats
from chalicelib.ml.training.recipe import Recipe
from chalicelib.ml.training.rows import Mask

NONE_YET = "Nenhum desfecho conhecido ainda desde o treino."
TOO_FEW = "Poucos desfechos conhecidos desde o treino para um número confiável."

Performance = TypeVar("Performance", bound=Desempenho)
Moved = TypeVar("Moved", bound=Desvio)


@dataclass(frozen=True)
class Outcomes:
    """What a version said, and what came of it.

    Attributes:
        answers: (n,) what it said.
        y: (n,) what happened.
        who: (n,) entities.
        as_of: (n,) when it was, or would have been, said; datetime64 in UTC.
    """

    answers: Floats
    y: NDArray[Any]
    who: NDArray[Any]
    as_of: NDArray[np.datetime64]

    def take(self, rows: Mask) -> Outcomes | None:
        """Some of them; None where there are none."""
        if not rows.any():
            return None
        return Outcomes(self.answers[rows], self.y[rows], self.who[rows], self.as_of[rows])


def performance(recipe: Recipe, found: Outcomes | None, said: type[Performance]) -> Performance:
    """How a version did on outcomes, wherever both come from; small numbers make no figure.

    Args:
        recipe: How it is judged.
        found: The outcomes.
        said: What is said; beside the base's fields, the recipe's counts and the judge's details
            by their names.
    """
    if found is None:
        nobody = Outcomes(np.empty(0), np.empty(0, np.int_), np.empty(0, np.int64), NO_INSTANTS)
        return said.model_validate(
            {"desde": None, "ate": None, **_judged(recipe, nobody, None), "aviso": NONE_YET}
        )
    metrics = reliable_metrics(recipe, found.y, found.answers, found.who)
    return said.model_validate(
        {
            "desde": instant(found.as_of.min()),
            "ate": instant(found.as_of.max()),
            **_judged(recipe, found, metrics),
            "aviso": TOO_FEW if metrics is None else None,
        }
    )


NO_INSTANTS = np.empty(0, "datetime64[us]")


def _judged(recipe: Recipe, found: Outcomes, metrics: dict[str, Any] | None) -> dict[str, Any]:
    shown = slice(0, None if metrics is not None else 0)  # No detail where there is no metric.
    return {
        "desfechos": len(found.y),
        **recipe.count_entities(found.who),
        **recipe.judge.counts(found.y),
        **recipe.judge.details(found.y[shown], found.answers[shown]),
        "metricas": metrics,
    }


def moved(
    recipe: Recipe,
    profile: Sequence[Mapping[str, Any]],
    table: Table,
    answers: Floats,
    said: type[Moved],
    looks: int = 1,
) -> tuple[list[Moved], Moved | None]:
    """How far each input, and the answer, have moved since the profile was stored.

    Args:
        recipe: Whose columns they are.
        profile: What training stored; empty of versions that stored none.
        table: Column -> (n,) raw values of late.
        answers: (n,) what the version says of them.
        said: What is said of each.
        looks: How many times the same cases are among the rows.

    Returns:
        Those of the inputs, and that of the answer.
    """
    found = [_said(recipe, each, said) for each in shifts(profile, table, answers, looks)]
    inputs = [each for each in found if each.coluna != SCORE.name]
    return inputs, next((each for each in found if each.coluna == SCORE.name), None)


def _said(recipe: Recipe, shift: Shift, said: type[Moved]) -> Moved:
    return said(
        coluna=shift.column,
        rotulo=recipe.labels.get(shift.column, recipe.answer_label),
        psi=shift.index,
        linhas=shift.rows,
        faixa=shift.band,
    )


def instant(value: Any) -> datetime:
    """A datetime64 in UTC as an aware instant."""
    found: datetime = value.astype("datetime64[us]").item()
    return found.replace(tzinfo=UTC)
