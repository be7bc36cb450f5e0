"""The churn model's notebook: it runs as committed and shows a model that learned."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.architecture.imports import ROOT
from tests.notebooks.running import cells_of, execute, found_by, outputs_of, source_of

NOTEBOOK = ROOT / "notebooks" / "churn_model.ipynb"


def test_notebook_goes_from_data_to_limits() -> None:
    titles = re.findall(
        r"^## (?:\d+\. )?(.+)$", "\n".join(map(source_of, cells_of(NOTEBOOK, "markdown"))), re.M
    )
    assert titles == [
        "The data",
        "The label",
        "The features, as of an instant",
        "The training",
        "The choice",
        "How good, beside the naive rule",
        "Calibration",
        "Why: the model as a whole, and one member",
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
    assert kinds["application/vnd.plotly.v1+json"] == 8
    complaints = [o for o in outputs_of(executed) if o["output_type"] in {"error", "stream"}]
    assert complaints == []


@pytest.mark.slow
def test_notebook_shows_a_model_that_learned_and_explains(executed: Path) -> None:
    found = found_by(executed)
    assert found["linhas"] > 3_000
    assert 250 < found["alunos"] <= 400
    assert found["snapshots"] >= 20
    assert 0.02 < found["prevalencia"] < 0.2
    assert found["nao_ve_o_futuro"] is True
    assert found["candidatos"] == [
        "floresta_aleatoria",
        "histograma_gradiente",
        "regressao_logistica",
    ]
    assert found["algoritmo"] in found["candidatos"]
    assert found["promovido"] is True
    assert found["roc_auc"] > 0.7
    assert len(found["contribuicoes"]) == 8
    explained = found["base"] + sum(found["contribuicoes"])
    assert found["probabilidade"] == pytest.approx(explained, abs=1e-6)
