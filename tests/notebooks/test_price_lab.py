"""The price lab's notebook: it needs an address and a user, and finds what it says."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from chalicelib.core.auth import Role
from tests.architecture.imports import ROOT
from tests.conftest import PASSWORD, MakeUser
from tests.infra.serving import serving_api
from tests.infra.working import started_workers
from tests.notebooks.running import EXECUTE, SECONDS, found_by, outputs_of

NOTEBOOK = ROOT / "notebooks" / "price_lab.ipynb"


def test_notebook_needs_nothing_of_the_project() -> None:
    assert not re.search(r"(chalicelib|infra)\.|sys\.path", NOTEBOOK.read_text())


@pytest.mark.slow
def test_notebook_trains_asks_and_watches_over_http(
    environment: dict[str, str], client_of: MakeUser, tmp_path: Path
) -> None:
    user = client_of(Role.LEITOR)
    result = tmp_path / "executed.ipynb"
    workers = started_workers(tmp_path)
    with serving_api(tmp_path, STORAGE_URL=(tmp_path / "data" / "objects").as_uri()) as url:
        next(workers)()
        finished = subprocess.run(
            [
                *(sys.executable, "-c", EXECUTE),
                *(f"--timeout={SECONDS}", f"--output={result}", str(NOTEBOOK)),
            ],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "PREVISTO_URL": url,
                "PREVISTO_LOGIN": user.login,
                "PREVISTO_PASSWORD": PASSWORD,
            },
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        next(workers, None)
    assert finished.returncode == 0, finished.stderr[-4000:]
    outputs = outputs_of(result)
    kinds = Counter(kind for output in outputs for kind in output.get("data", {}))
    assert kinds["application/vnd.plotly.v1+json"] == 2
    assert [each for each in outputs if each["output_type"] == "error"] == []
    found = found_by(result)
    assert found["r2"] > 0.85
    assert (found["previsoes"], found["observados"], found["recusado"]) == (101, 100, 422)
    assert found["cobertura"] > 0.75
    assert 150_000 < found["casa"] < 250_000
