"""Notebooks in tests: what is in them, and what comes of running them as they are committed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def cells_of(path: Path, kind: str) -> list[dict[str, Any]]:
    """A notebook's cells of one kind."""
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def source_of(cell: dict[str, Any]) -> str:
    """What is written in a cell."""
    return "".join(cell["source"])


def outputs_of(path: Path) -> list[dict[str, Any]]:
    """All that the cells of a notebook gave out."""
    return [output for cell in cells_of(path, "code") for output in cell["outputs"]]


def execute(notebook: Path, home: Path) -> Path:
    """Run all of a notebook, by a kernel of its own, beside another installation.

    Args:
        notebook: It is left as it is.
        home: An empty folder.

    Returns:
        The notebook with its results.
    """
    result = home / "executed.ipynb"
    finished = subprocess.run(
        [
            sys.executable,
            "-c",
            EXECUTE,
            f"--timeout={SECONDS}",
            f"--output={result}",
            str(notebook),
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


def found_by(path: Path) -> dict[str, Any]:
    """What a notebook's last cell says of what it has found."""
    (cell,) = [c for c in cells_of(path, "code") if "resultado" in c["metadata"].get("tags", ())]
    found: dict[str, Any] = cell["outputs"][0]["data"]["application/json"]
    return found
