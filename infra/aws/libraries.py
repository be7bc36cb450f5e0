"""The libraries of the API's package: fetched for Lambda, trimmed, compiled, and kept until a pin
changes, while the program itself is packed anew each time.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from infra.aws.pythons import ROOT, Python

TASK_ROOT = "/var/task"  # Where Lambda unpacks the zip; tracebacks name files there.
# Amazon Linux 2023 has glibc 2.34; pip takes each name for itself.
PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(34, 4, -1)),
    *("manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"),
)
AWS_SERVICES = {
    "s3",
    "sqs",
    "sts",
    "sso",
    "sso-oidc",
}  # What is called, and what finds credentials.
ONNXRUNTIME_PROGRAMS = ("datasets", "quantization", "tools", "transformers")
EARLIEST = (1980, 1, 1, 0, 0, 0)  # The first instant that a zip can write.


@dataclass(frozen=True)
class Libraries:
    """All that `requirements.txt` names, and nothing else.

    Attributes:
        content: As they are imported, compiled.
        archive: The same as a zip, to begin the package's with.
    """

    content: Path
    archive: Path


def libraries(folder: Path, python: Python) -> Libraries:
    """The libraries in a folder, made anew if a pin, the interpreter or this program changed.

    Args:
        folder: Where they lie.
        python: Of a version that Lambda has.

    Raises:
        subprocess.CalledProcessError: One cannot be had as a wheel; pip has said why.
    """
    requirements = ROOT / "requirements.txt"
    found = Libraries(folder / "content", folder / "libraries.zip")
    made_of = hashlib.sha256(
        f"{python.version}\n{requirements.read_text()}\n{Path(__file__).read_text()}".encode()
    ).hexdigest()
    stamp = folder / "made-of"
    if stamp.exists() and stamp.read_text() == made_of:
        return found
    shutil.rmtree(folder, ignore_errors=True)
    _fetch(python, requirements, found.content)
    _leave_out_unused(found.content)
    compile_all(python, found.content)
    with zipfile.ZipFile(found.archive, "w", zipfile.ZIP_DEFLATED) as packed:
        add_files(packed, found.content)
    stamp.write_text(made_of)
    return found


def _fetch(python: Python, requirements: Path, content: Path) -> None:
    minor = ".".join(python.version.split(".")[:2])
    # What they need in turn is pinned beside them, so pip adds nothing.
    options = ["--no-deps", "--only-binary=:all:", "--no-compile", "--implementation=cp"]
    options += [f"--python-version={minor}", f"--abi=cp{minor.replace('.', '')}"]
    options += [f"--platform={name}" for name in PLATFORMS]
    quietly = ["--quiet", "--disable-pip-version-check"]
    target = ["--target", str(content), "--requirement", str(requirements)]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *quietly, *options, *target],
        check=True,
    )


def _leave_out_unused(content: Path) -> None:
    """Remove what no code of ours reaches: a quarter of the package, once compiled.

    Libraries ship their tests, botocore the descriptions of every service there is, and
    onnxruntime the programs that make and shrink models.
    """
    unused = [*content.rglob("tests"), content / "bin"]
    described = (content / "botocore" / "data").iterdir()
    unused += [path for path in described if path.is_dir() and path.name not in AWS_SERVICES]
    unused += [content / "onnxruntime" / name for name in ONNXRUNTIME_PROGRAMS]
    for folder in unused:
        shutil.rmtree(folder, ignore_errors=True)


def compile_all(python: Python, content: Path) -> None:
    """Compile everything: Lambda cannot keep what it compiles, so each cold start would do it all.

    The compiled files are used unchecked, because the times of the sources they would be checked
    against do not survive the zip.
    """
    options = ["-q", "-j0", "--invalidation-mode", "unchecked-hash", "-p", TASK_ROOT]
    # Sets of constants are written in the order of their hashes.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    subprocess.run(
        [python.path, "-m", "compileall", *options, "-s", content, content],
        env=environment,
        check=True,
    )


def add_files(packed: zipfile.ZipFile, content: Path) -> None:
    """Add all files of a folder in a fixed order, without their times."""
    for path in sorted(path for path in content.rglob("*") if path.is_file()):
        entry = zipfile.ZipInfo(path.relative_to(content).as_posix(), EARLIEST)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16  # Lambda's user is not the owner.
        packed.writestr(entry, path.read_bytes())
