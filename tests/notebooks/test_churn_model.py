"""The churn model's notebook: it runs as committed, defines nothing and carries no results."""

import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.imports import ROOT

NOTEBOOK = ROOT / "notebooks" / "churn_model.ipynb"
EXECUTE = "from nbclient.cli import main; main()"
SECONDS = 300

# An owner's installation, of which a notebook must not touch a thing.
ELSEWHERE = {
    "ENVIRONMENT": "prod",
    "DATABASE_URL": "postgresql+pg8000://somebody@127.0.0.1:1/elsewhere",
    "STORAGE_URL": "s3://elsewhere",
    "QUEUE_URL": "amqp://guest:guest@127.0.0.1:1/elsewhere",
    "CACHE_URL": "redis://127.0.0.1:1",
}


def _cells(path: Path, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_notebook_is_committed_without_results() -> None:
    for cell in _cells(NOTEBOOK, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
    assert not re.search(r"/(home|root|tmp|Users|work)/|\.data\b", NOTEBOOK.read_text())


def test_notebook_defines_nothing() -> None:
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    for cell in _cells(NOTEBOOK, "code"):
        found = [
            node for node in ast.walk(ast.parse(_source(cell))) if isinstance(node, definitions)
        ]
        assert found == [], _source(cell)


def test_notebook_goes_from_data_to_limits() -> None:
    titles = re.findall(
        r"^## (?:\d+\. )?(.+)$", "\n".join(map(_source, _cells(NOTEBOOK, "markdown"))), re.M
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
    """The notebook after all of it was run, by a kernel of its own, beside another installation."""
    home = tmp_path_factory.mktemp("home")
    result = home / "executed.ipynb"
    finished = subprocess.run(
        [
            sys.executable,
            "-c",
            EXECUTE,
            f"--timeout={SECONDS}",
            f"--output={result}",
            str(NOTEBOOK),
        ],
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **ELSEWHERE},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    return result


def _outputs(path: Path) -> list[dict[str, Any]]:
    return [output for cell in _cells(path, "code") for output in cell["outputs"]]


@pytest.mark.slow
def test_notebook_runs_to_its_end_and_draws(executed: Path) -> None:
    kinds = Counter(kind for output in _outputs(executed) for kind in output.get("data", {}))
    assert kinds["application/vnd.plotly.v1+json"] == 8
    complaints = [o for o in _outputs(executed) if o["output_type"] in {"error", "stream"}]
    assert complaints == []


@pytest.mark.slow
def test_notebook_shows_a_model_that_learned_and_explains(executed: Path) -> None:
    (cell,) = [c for c in _cells(executed, "code") if "resultado" in c["metadata"].get("tags", ())]
    found = cell["outputs"][0]["data"]["application/json"]
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
