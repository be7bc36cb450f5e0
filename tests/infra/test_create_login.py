"""The program's own user, made by one who is no superuser, as on a managed server."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError

from chalicelib.core.pg import make_engine
from infra.create_login import LoginRefused, create_login
from infra.init_db import autocommit, init_db
from tests.infra.test_migrations import REAL_SERVER, _require


@pytest.fixture
def master() -> Iterator[URL]:
    """A user who may make roles and databases, and nothing else; the roles they made go, too."""
    _require(REAL_SERVER)
    name, password = f"mestre_{uuid4().hex[:8]}", "a'b%c@d"
    with autocommit(REAL_SERVER).connect() as connection:
        quoted = password.replace("'", "''")
        connection.exec_driver_sql(
            f"CREATE ROLE {name} LOGIN CREATEROLE CREATEDB PASSWORD '{quoted}'".replace("%", "%%")
        )
    yield REAL_SERVER.set(username=name, password=password, database=f"base_{name}")
    with autocommit(REAL_SERVER).connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS base_{name} WITH (FORCE)")
        for role in (f"previsto_{name}", name):
            connection.exec_driver_sql(f"DROP ROLE IF EXISTS {role}")


def test_a_managed_server_is_prepared_by_its_master(master: URL) -> None:
    login = master.set(username=f"previsto_{master.username}", password="um'dois:%três")
    assert create_login(master, login) is True
    init_db(master.render_as_string(hide_password=False), login.username)
    with make_engine(login, role="previsto_app", pool_size=0).connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alunos")).scalar_one() == 0
        assert connection.execute(text("SELECT current_user")).scalar_one() == "previsto_app"
    with make_engine(login, pool_size=0).connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text("DROP TABLE alunos"))


def test_run_again_it_changes_the_password(master: URL) -> None:
    login = master.set(username=f"previsto_{master.username}", password="primeira")
    create_login(master, login)
    changed = login.set(password="segunda")
    assert create_login(master, changed) is False
    with make_engine(changed, pool_size=0).connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == login.username


@pytest.mark.parametrize("password", [None, ""])
def test_a_user_without_a_password_is_refused(password: str | None) -> None:
    login = REAL_SERVER.set(username="previsto", password=password)
    with pytest.raises(LoginRefused):
        create_login(REAL_SERVER, login)
