"""Build what Lambda runs: one zip of the app and its libraries, and the template of all there is.

    python -m infra.aws.package [dev|staging|prod]

`chalice package` packs the program, and merges its template of API and schedules with ours
(`template.py`) of everything else. The libraries, which change rarely, are kept beside
(`libraries.py`), so they are not named to it. What it leaves undone follows here: the code is
compiled, and the zip is written in a fixed order and without times, so that the same sources give
the same bytes.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.aws.libraries import add_files, compile_all, libraries
from infra.aws.pythons import ROOT, NoLambdaPython, Python, lambda_python, make_environment, pinned
from infra.aws.stages import STAGES, Stage, UnknownStage, stage_named
from infra.aws.template import template, without_chalice_role

BUILD = ROOT / "build" / "lambda"
SOURCES = ("app.py", "requirements.txt", "chalicelib", ".chalice/config.json")
LARGEST_BYTES = 250 * 1024 * 1024  # Lambda's own limit, unpacked.
MERGED = "template.json"


class PackageTooLarge(Exception):
    """The package is larger than Lambda unpacks (250 MB). requirements.txt carries too much."""


@dataclass(frozen=True)
class Package:
    """What was built.

    Attributes:
        archive: The zip.
        template: The SAM template, which names the zip beside it.
        python: What it was built with; Lambda's runtime of that version runs it.
    """

    archive: Path
    template: Path
    python: Python


def package(stage: Stage = STAGES["dev"], folder: Path = BUILD) -> Package:
    """Build the package, unless the one that is there was made of the same sources.

    The zip is the same for every stage.

    Raises:
        NoLambdaPython: Lambda has none of the interpreters that are here.
        PackageTooLarge: Lambda would refuse it.
        subprocess.CalledProcessError: A library cannot be had; pip or Chalice has said why.
    """
    python = lambda_python()
    built = Package(folder / "package" / "deployment.zip", folder / "package" / "sam.json", python)
    with alone(folder):
        stamp = folder / "made-of"
        ours = template(stage)
        made_of = _digest(python, ours)
        if not (stamp.exists() and stamp.read_text() == made_of and built.archive.exists()):
            stamp.unlink(missing_ok=True)
            _build(folder, built, stage, ours)
            stamp.write_text(made_of)
    return built


def unpacked(built: Package, folder: Path = BUILD) -> Path:
    """The package as Lambda unpacks it; kept, for whoever runs it here, until it is built anew."""
    with alone(folder):
        found, stamp = folder / "unpacked", folder / "unpacked-from"
        made_of = (folder / "made-of").read_text()
        if not (stamp.exists() and stamp.read_text() == made_of):
            stamp.unlink(missing_ok=True)
            shutil.rmtree(found, ignore_errors=True)
            with zipfile.ZipFile(built.archive) as archive:
                archive.extractall(found)
            stamp.write_text(made_of)
    return found


@contextmanager
def alone(folder: Path = BUILD) -> Iterator[None]:
    """Let one program at a time build here."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _digest(python: Python, ours: dict[str, Any]) -> str:
    """Of everything the package is made of, this program included."""
    found = hashlib.sha256(f"{python.version}\n{pinned('chalice')}\n".encode())
    found.update(json.dumps(ours).encode())
    own = [path.relative_to(ROOT).as_posix() for path in Path(__file__).parent.glob("*.py")]
    for name in sorted([*_source_files(), *own]):
        content = (ROOT / name).read_bytes()
        found.update(f"{name} {len(content)}\n".encode() + content)
    return found.hexdigest()


def _source_files() -> Iterator[str]:
    """Names of the files that go into the package, from the project's folder on."""
    for name in SOURCES:
        path = ROOT / name
        for file in path.rglob("*") if path.is_dir() else [path]:
            if file.is_file() and file.suffix != ".pyc":
                yield file.relative_to(ROOT).as_posix()


def _build(folder: Path, built: Package, stage: Stage, ours: dict[str, Any]) -> None:
    carried = libraries(folder / "libraries", built.python)
    # Chalice imports the app, and asks a whole botocore of its own.
    program = make_environment(
        folder / "environment", built.python, pinned("chalice"), carried.content
    )
    source, content = folder / "source", folder / "content"
    for old in (source, content, built.archive.parent):
        shutil.rmtree(old, ignore_errors=True)
    for name in _source_files():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    (source / "requirements.txt").write_text("")
    (source / MERGED).write_text(json.dumps(ours))
    _run_chalice(program, source, built.archive.parent, stage)
    merged = json.loads(built.template.read_text())
    built.template.write_text(json.dumps(without_chalice_role(merged), indent=1))
    with zipfile.ZipFile(built.archive) as archive:
        archive.extractall(content)
    compile_all(built.python, content)
    _require_fitting(content, carried.content)
    shutil.copyfile(carried.archive, built.archive)
    with zipfile.ZipFile(built.archive, "a", zipfile.ZIP_DEFLATED) as packed:
        add_files(packed, content)
    for done in (source, content):
        shutil.rmtree(done)


def _run_chalice(program: Path, source: Path, target: Path, stage: Stage) -> None:
    environment = {
        "AWS_DEFAULT_REGION": "us-east-1",  # Asked for, though the template is for any region.
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",  # Chalice imports the app, and packs all it finds.
    }
    chalice = program.with_name("chalice")
    options = ["--stage", stage.name, "--merge-template", str(source / MERGED)]
    subprocess.run(
        [chalice, "--project-dir", source, "package", *options, target],
        env=environment,
        check=True,
    )


def _require_fitting(*folders: Path) -> None:
    found = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in found)
    if size > LARGEST_BYTES:
        raise PackageTooLarge(f"{PackageTooLarge.__doc__} It takes {size:,} bytes.")


def main() -> int:
    """Build, and say what was built; returns the exit status."""
    try:
        built = package(stage_named(sys.argv[1] if len(sys.argv) > 1 else "dev"))
    except (NoLambdaPython, PackageTooLarge, UnknownStage) as error:
        print(error, file=sys.stderr)
        return 1
    with zipfile.ZipFile(built.archive) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    packed = built.archive.stat().st_size
    sizes = f"{packed / 1e6:.0f} MB, {unpacked / 1e6:.0f} MB unpacked"
    print(f"{built.archive.relative_to(ROOT)}: {sizes}")
    print(f"{built.template.relative_to(ROOT)}: for Python {built.python.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
