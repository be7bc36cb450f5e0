"""How the churn model is made and judged, and what it is shown beside."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.gym.features import COLUMNS
from chalicelib.gym.models import CHURN
from chalicelib.ml.training.card import Beside
from chalicelib.ml.training.classifiers import ClassifierJudge
from chalicelib.ml.training.recipe import Recipe, fit_rows
from chalicelib.ml.training.rows import LabelledRows
from chalicelib.ml.training.splits import RowSplit

NAIVE_COLUMN = "dias_desde_ultimo_checkin"
TENURE_MONTHS = (3, 6, 12, 24)

CHURN_RECIPE = Recipe(name=CHURN, columns=COLUMNS, judge=ClassifierJudge(), entities="alunos")
NAIVE_RULE = replace(CHURN_RECIPE, columns=tuple(c for c in COLUMNS if c.name == NAIVE_COLUMN))
"""The rule to beat: days since the last visit alone, calibrated by a logistic curve."""


def beside(rows: LabelledRows, split: RowSplit) -> Beside:
    """What the model is judged beside, and the groups it is judged in.

    Raises:
        TooLittleData: There is not enough to fit the rule on.
    """
    judged = rows.take(split.validation)
    naive = fit_rows(NAIVE_RULE, "regressao_logistica", rows, split.training)
    groups = {
        "por_plano": judged["plano"].astype(str),
        "por_tempo_de_casa": tenure_groups(judged["meses_de_casa"]),
    }
    return Beside("só dias desde a última visita", naive.answers(judged), groups)


def tenure_groups(months: NDArray[np.float64]) -> NDArray[Any]:
    """(n,) months since registration -> (n,) names of bands, which sort in their order."""
    bounds = (0, *TENURE_MONTHS)
    names = [
        f"{low:02d} a {high:02d} meses" for low, high in zip(bounds, TENURE_MONTHS, strict=False)
    ]
    names.append(f"{bounds[-1]} meses ou mais")
    return np.array(names)[np.searchsorted(TENURE_MONTHS, months, side="right")]
