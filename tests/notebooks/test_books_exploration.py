"""The books' notebook: it needs only an address, defines nothing and carries no results."""

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
from tests.books.catalogue import publish_books
from tests.books.test_ml import random_books, train
from tests.infra.serving import serving_api

NOTEBOOK = ROOT / "notebooks" / "books_exploration.ipynb"
EXECUTE = "from nbclient.cli import main; main()"
SECONDS = 200


def _cells(path: Path) -> list[dict[str, Any]]:
    return [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]


def test_notebook_is_committed_without_results_and_defines_nothing() -> None:
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    for cell in _cells(NOTEBOOK):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        nodes = list(ast.walk(ast.parse("".join(cell["source"]))))
        assert not [node for node in nodes if isinstance(node, definitions)]
    assert not re.search(r"/(home|root|tmp|Users|work)/|\.data\b", NOTEBOOK.read_text())


def test_notebook_needs_nothing_of_the_project() -> None:
    assert not re.search(r"(chalicelib|infra)\.|sys\.path", NOTEBOOK.read_text())


@pytest.mark.slow
def test_notebook_runs_to_its_end_and_draws(environment: dict[str, str], tmp_path: Path) -> None:
    publish_books(tmp_path, random_books(250))
    train(1)
    result = tmp_path / "executed.ipynb"
    with serving_api(tmp_path) as url:
        finished = subprocess.run(
            [
                *(sys.executable, "-c", EXECUTE),
                *(f"--timeout={SECONDS}", f"--output={result}", str(NOTEBOOK)),
            ],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PREVISTO_URL": url},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert finished.returncode == 0, finished.stderr[-4000:]
    outputs = [output for cell in _cells(result) for output in cell["outputs"]]
    kinds = Counter(kind for output in outputs for kind in output.get("data", {}))
    assert kinds["application/vnd.plotly.v1+json"] == 3
    said = "".join("".join(o["text"]) for o in outputs if o["output_type"] == "stream")
    assert "250 books, of 250" in said
    assert [o for o in outputs if o["output_type"] == "error"] == []
