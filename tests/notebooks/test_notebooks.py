"""Every notebook: defines nothing and carries no results."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.imports import ROOT
from tests.notebooks.running import cells_of, source_of

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_without_results(notebook: Path) -> None:
    for cell in cells_of(notebook, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
    assert not re.search(r"/(home|root|tmp|Users|work)/|\.data\b", notebook.read_text())


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_defines_nothing(notebook: Path) -> None:
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    for cell in cells_of(notebook, "code"):
        found = [
            node for node in ast.walk(ast.parse(source_of(cell))) if isinstance(node, definitions)
        ]
        assert found == [], source_of(cell)
