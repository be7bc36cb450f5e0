"""Files profiled without database or store."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.core.rowfile import CSV
from chalicelib.prices.profiling.profiles import Listen, Profiled, profile_file
from chalicelib.prices.schemas_datasets import ColunaPerfil

Profile = Callable[..., Profiled]


def unheard(share: float, step: str) -> None:
    """Nobody wants to know how far it is."""


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where the Parquet of the last file is."""
    return tmp_path / "dados.parquet"


@pytest.fixture
def profile(tmp_path: Path, kept: Path) -> Profile:
    """Profiles a file's bytes."""

    def run(data: bytes, media_type: str = CSV, listen: Listen = unheard) -> Profiled:
        path = tmp_path / "arquivo"
        path.write_bytes(data)
        return profile_file(path, media_type, kept, listen)

    return run


def column(found: Profiled, name: str) -> ColunaPerfil:
    """What was found in one column."""
    return next(each for each in found.columns if each.nome == name)


def codes(found: Profiled, name: str) -> list[str]:
    """Which warnings a column has."""
    return [each.codigo for each in column(found, name).avisos]
