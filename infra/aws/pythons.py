"""Interpreters of the versions that Lambda runs, and virtual environments made with them."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Not 3.11: Lambda runs it on glibc 2.26, and today's numpy and ONNX Runtime ask for 2.27 or more.
VERSIONS = ("3.13", "3.12")
PROBE_SECONDS = 20

# A version manager's shim answers to the name of a version that it then refuses to run, and a
# distribution may leave out what makes environments. So each is asked.
_PROBE = "import sys, ensurepip, venv; print(sys.executable); print(sys.version.split()[0])"


class NoLambdaPython(Exception):
    """No Python 3.13 or 3.12 was found, and Lambda runs nothing older that today's numpy fits.

    Install one, such as by `pyenv install 3.13` or `apt-get install python3.13-venv`.
    """

    def __init__(self) -> None:
        super().__init__(" ".join((self.__doc__ or "").split()))


@dataclass(frozen=True)
class Python:
    """An interpreter.

    Attributes:
        path: The program.
        version: In full, such as `3.13.1`.
    """

    path: Path
    version: str


def lambda_python() -> Python:
    """The newest interpreter here that Lambda has, too.

    Raises:
        NoLambdaPython: There is none.
    """
    for version in VERSIONS:
        for candidate in _candidates(version):
            found = _probe(candidate)
            if found is not None and found.version.startswith(f"{version}."):
                return found
    raise NoLambdaPython


def _candidates(version: str) -> Iterator[Path]:
    name = f"python{version}"
    yield Path(sys.base_prefix) / "bin" / name
    if on_path := shutil.which(name):
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/{name}"), reverse=True)


def _probe(candidate: Path) -> Python | None:
    try:
        answer = subprocess.run(
            [candidate, "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    path, version = answer.stdout.split("\n")[:2]
    return Python(Path(path), version)


def pinned(*names: str) -> str:
    """These libraries as `infra/requirements.txt` or `tools.txt` pins them, a line each."""
    files = [ROOT / "infra" / name for name in ("requirements.txt", "tools.txt")]
    lines = [line for file in files for line in file.read_text().splitlines()]
    pins = {line.partition("==")[0]: line for line in lines if "==" in line}
    return "\n".join(pins[name] for name in names)


def make_environment(
    folder: Path, python: Python, requirements: str, beside: Path | None = None
) -> Path:
    """A virtual environment that holds exactly this; made anew when anything of it changed.

    Args:
        folder: Where it lies.
        python: What it is made with.
        requirements: Content of a requirements file.
        beside: A folder of libraries that it finds, too, behind its own.

    Returns:
        Its interpreter.
    """
    program = folder / "bin" / "python"
    stamp = folder / "made-of"
    made_of = hashlib.sha256(f"{python}\n{requirements}\n{beside}".encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == made_of:
        return program
    shutil.rmtree(folder, ignore_errors=True)
    # This project's own pip installs into it; to give it one takes as long as all the rest.
    subprocess.run([python.path, "-m", "venv", "--without-pip", folder], check=True)
    listed = folder / "requirements.txt"
    listed.write_text(requirements)
    pip = [sys.executable, "-m", "pip", "--python", str(program), "--disable-pip-version-check"]
    # What is imported is compiled then, a small part of all there is.
    options = ["--quiet", "--no-compile", "--requirement", str(listed)]
    subprocess.run([*pip, "install", *options], check=True)
    if beside is not None:
        (packages,) = folder.glob("lib/python*/site-packages")
        (packages / "beside.pth").write_text(f"{beside}\n")
    stamp.write_text(made_of)
    return program
