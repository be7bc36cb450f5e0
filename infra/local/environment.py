"""The file that makes a laptop an installation: secrets made at the first start, kept private."""

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from chalicelib.core.settings import Settings

FILE = "local.env"
GENERATED = ("JWT_SECRET", "SIGNING_KEY", "ADMIN_PASSWORD")


class DataDirRefused(Exception):
    """The data directory cannot be used."""


def prepare(data_dir: Path, given: Settings) -> None:
    """Make the data directory and its secrets where they are missing.

    Args:
        data_dir: The directory.
        given: What the owner has said; a secret given at the first start is kept.

    Raises:
        DataDirRefused: The directory cannot be made or written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        known = read(data_dir)
        missing = [name for name in GENERATED if name not in known]
        for name in missing:
            secret: SecretStr = getattr(given, name.lower())
            known[name] = secret.get_secret_value() or _generate(name)
        if missing:
            write(data_dir, known)
    except OSError as error:
        raise DataDirRefused(
            f"The data directory {data_dir} cannot be used: {error.strerror}."
            " Choose another with DATA_DIR=..."
        ) from error


def read(data_dir: Path) -> dict[str, str]:
    """The variables of the file; none when there is no file yet."""
    path = data_dir / FILE
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name: value for name, _, value in pairs}


def write(data_dir: Path, values: dict[str, str]) -> None:
    """Replace the file, readable by its owner only."""
    path, unfinished = data_dir / FILE, data_dir / f"{FILE}.new"
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in sorted(values.items()))
    unfinished.replace(path)


def _generate(name: str) -> str:
    return secrets.token_urlsafe(9 if name == "ADMIN_PASSWORD" else 48)
