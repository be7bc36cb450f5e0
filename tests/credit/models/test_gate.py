"""Which versions a company's orders may be decided by."""

from typing import Any

import numpy as np
import pytest

from chalicelib.credit.training_card import doubts
from chalicelib.credit.training_recipe import credit_recipe
from chalicelib.ml.training.comparison import verdict_beside
from chalicelib.ml.training.rows import LabelledRows
from tests.credit.models.records import reader

Y = np.array([0, 1] * 40)
ROWS = LabelledRows({}, Y, np.arange(len(Y)), None, "")


@pytest.mark.parametrize(
    ("answers", "promoted", "why"),
    [
        (0.2 + Y * 0.5, True, "Primeira versão do modelo."),
        (0.7 - Y * 0.5, False, "ROC AUC de 0,00, não melhor que o acaso"),
        (Y * 0.0, False, "ROC AUC de 0,50, não melhor que o acaso"),
    ],
)
def test_a_first_version_answers_only_if_it_tells_orders_apart(
    answers: Any, promoted: bool, why: str
) -> None:
    recipe = credit_recipe("empresa-x", "pagamento")
    found = verdict_beside(reader("empresa-x"), recipe, None, ROWS, answers)
    assert found.promoted is promoted
    assert found.why.startswith(why)


def test_the_card_says_where_the_interval_of_the_roc_auc_includes_chance() -> None:
    assert doubts({"low": 0.51, "high": 0.7}) == []
    (said,) = doubts({"low": 0.482, "high": 0.7})
    assert "de 0,48 a 0,70, inclui o acaso" in said
