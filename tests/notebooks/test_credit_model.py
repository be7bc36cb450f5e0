"""The credit model's notebook: it runs as committed and shows a model that learned."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.architecture.imports import ROOT
from tests.notebooks.running import cells_of, execute, found_by, outputs_of, source_of

NOTEBOOK = ROOT / "notebooks" / "credit_model.ipynb"


def test_notebook_goes_from_data_to_limits() -> None:
    written = "\n".join(map(source_of, cells_of(NOTEBOOK, "markdown")))
    assert re.findall(r"^## (?:\d+\. )?(.+)$", written, re.M) == [
        "The data",
        "The target",
        "The features, as of the order's instant",
        "What is refused",
        "The training",
        "The choice",
        "How good, beside one column and beside the truth",
        "Calibration",
        "The threshold, by what mistakes cost",
        "Why: the model as a whole, and one order",
        "What is served is what was judged",
        "What it must not be used for",
    ]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebook after all of it was run."""
    return execute(NOTEBOOK, tmp_path_factory.mktemp("home"))


@pytest.mark.slow
def test_notebook_runs_to_its_end_and_draws(executed: Path) -> None:
    kinds = Counter(kind for output in outputs_of(executed) for kind in output.get("data", {}))
    assert kinds["application/vnd.plotly.v1+json"] == 7
    complaints = [o for o in outputs_of(executed) if o["output_type"] in {"error", "stream"}]
    assert complaints == []


@pytest.mark.slow
def test_notebook_shows_a_model_that_learned_and_explains(executed: Path) -> None:
    found = found_by(executed)
    assert 2_000 < found["usados"] < found["pedidos"] < 3_000
    assert found["nao_ve_o_futuro"] is True
    assert found["recusadas"] == ["pedido.data_do_pagamento"]
    assert found["algoritmo"] in found["candidatos"]
    assert found["promovido"] is True
    assert 0.7 < found["roc_auc"] < found["possivel"] + 0.03
    costs = found["custos"]
    assert costs["limiar"] < min(costs["aprovar_todos"], costs["negar_todos"])
    assert len(found["contribuicoes"]) == found["colunas"]
    explained = found["base"] + sum(found["contribuicoes"])
    assert found["probabilidade"] == pytest.approx(explained, abs=1e-6)
