from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from chalicelib.core.pg import FastConnection, make_engine
from infra.local.postgres import temporary_postgres
from tests.core.pg.sessions import Aluno, Base, raw


@pytest.fixture(scope="package")
def url() -> Iterator[str]:
    with temporary_postgres() as server:
        yield server.url


@pytest.fixture(scope="package")
def engine(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def alunos(engine: Engine) -> Iterator[type[Aluno]]:
    """The mapped class over an empty table."""
    yield Aluno
    with engine.begin() as connection:
        connection.execute(text("truncate pg_alunos restart identity"))


@pytest.fixture
def fast(url: str) -> Iterator[FastConnection]:
    """A session in transaction mode, without SQLAlchemy."""
    connection = raw(url)
    yield connection
    connection.close()
