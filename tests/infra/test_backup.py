"""A database of two tenants, dumped and restored on a real PostgreSQL."""

import stat
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL, make_url, text

from chalicelib.core.pg import make_engine
from infra.backup import BackupFailed, NotEmpty, dump, restore, without_password
from infra.init_db import autocommit, init_db
from tests.infra.test_migrations import REAL_SERVER, _require, fingerprint

ROWS = """
INSERT INTO auditoria (tenant, em, ator, acao, objeto, detalhes, request_id)
SELECT CASE WHEN n % 2 = 0 THEN 'padaria' ELSE 'casa' END, '2026-03-02Z', 'x', 'y.z', 't:' || n,
    '{}', '-' FROM generate_series(1, 40) n
"""


@pytest.fixture
def pair() -> Iterator[tuple[URL, URL]]:
    """A database with rows of two tenants, and the name of one that is not there yet."""
    _require(REAL_SERVER)
    name = f"previsto_copia_{uuid4().hex[:8]}"
    one, other = (REAL_SERVER.set(database=f"{name}_{n}") for n in (1, 2))
    init_db(one.render_as_string(hide_password=False))
    with autocommit(one).connect() as connection:
        connection.execute(text(ROWS))
        connection.execute(text("INSERT INTO planos (nome, mensalidade) VALUES ('P', 99.90)"))
    yield one, other
    with autocommit(REAL_SERVER).connect() as connection:
        for database in (one, other):
            connection.execute(text(f"DROP DATABASE IF EXISTS {database.database} WITH (FORCE)"))


def _seen(database: URL, tenant: str) -> int:
    """How many rows of the trail the program sees as a tenant."""
    with make_engine(database, role="previsto_app", pool_size=0).connect() as connection:
        connection.execute(text(f"SELECT set_config('previsto.tenant', '{tenant}', true)"))
        return int(connection.execute(text("SELECT count(*) FROM auditoria")).scalar_one())


def test_what_was_dumped_is_restored_with_rights_and_tenants_apart(
    pair: tuple[URL, URL], tmp_path: Path
) -> None:
    one, other = pair
    dump(one, tmp_path / "all.dump")
    assert stat.S_IMODE((tmp_path / "all.dump").stat().st_mode) == 0o600
    restore(other, tmp_path / "all.dump")
    addresses = [each.render_as_string(hide_password=False) for each in pair]
    assert fingerprint(addresses[1]) == fingerprint(addresses[0])
    assert (_seen(other, "casa"), _seen(other, "padaria"), _seen(other, "")) == (20, 20, 0)
    with autocommit(other).connect() as connection:  # Its sequences go on where they were.
        statement = "INSERT INTO planos (nome, mensalidade) VALUES ('Q', 1) RETURNING id"
        assert connection.execute(text(statement)).scalar_one() == 2
    init_db(addresses[1])
    with pytest.raises(NotEmpty):
        restore(other, tmp_path / "all.dump")


def test_who_does_not_see_every_row_gets_no_dump(pair: tuple[URL, URL], tmp_path: Path) -> None:
    one, _ = pair
    login = f"leitora_{uuid4().hex[:8]}"
    with autocommit(REAL_SERVER).connect() as connection:
        connection.execute(text(f"CREATE ROLE {login} LOGIN PASSWORD 'x' IN ROLE previsto_owner"))
    try:
        with pytest.raises(BackupFailed):
            dump(one.set(username=login, password="x"), tmp_path / "some.dump")
        assert list(tmp_path.iterdir()) == []
    finally:
        with autocommit(REAL_SERVER).connect() as connection:
            connection.execute(text(f"DROP ROLE {login}"))


def test_addresses_keep_their_passwords_off_the_command_line() -> None:
    address = without_password(make_url("postgresql://a:segredo@h:1/d?sslmode=require"))
    told = address.render_as_string(hide_password=False)
    assert told == "postgresql://a@h:1/d?sslmode=require"
