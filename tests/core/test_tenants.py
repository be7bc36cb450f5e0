"""Law 12: the server keeps tenants apart, whatever a query forgets."""

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, ProgrammingError

from chalicelib.core import audit
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.settings import HOUSE
from infra.init_db import OWNER

TENANTS = (HOUSE, "padaria")


@pytest.fixture
def owner(used_database: tuple[str, Engine]) -> Engine:
    """The server's superuser in the tests' database."""
    return used_database[1]


@pytest.fixture
def entries(environment: dict[str, str]) -> None:
    """One row of each tenant."""
    for tenant in TENANTS:
        with unit_of_work(tenant=tenant) as session:
            audit.record(session, tenant=tenant, ator="x", acao="y", objeto=tenant)


def _query(engine: Engine, statement: str) -> set[str]:
    with engine.connect() as connection:
        return set(connection.execute(text(statement)).scalars())


def test_every_table_with_a_tenant_has_forced_row_security(owner: Engine) -> None:
    with_tenant = _query(
        owner,
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name = 'tenant'",
    )
    forced = _query(
        owner, "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
    )
    assert {"jobs", "usuarios", "auditoria", "uploads", "model_versions"} <= with_tenant
    assert with_tenant == forced


def test_every_isolated_table_has_the_same_two_rules(owner: Engine) -> None:
    rules = _query(
        owner,
        "SELECT DISTINCT concat_ws(' ', policyname, roles, cmd, permissive, qual = with_check)"
        " FROM pg_policies",
    )
    assert rules == {
        "own_tenant {previsto_app} ALL PERMISSIVE t",
        "every_tenant {previsto_system} ALL PERMISSIVE t",
        f"trigger_of_the_trail {{{OWNER}}} ALL PERMISSIVE t",
    }
    uneven = "SELECT tablename FROM pg_policies GROUP BY tablename HAVING count(*) <> 2"
    assert _query(owner, uneven) == {"auditoria_cabecas"}
    # Which only the trigger may write, and it works as the owner.
    of_owner = f"SELECT tablename FROM pg_policies WHERE '{OWNER}' = ANY (roles)"
    assert _query(owner, of_owner) == {"auditoria_cabecas"}


def test_roles_own_nothing_and_may_do_nothing_special(owner: Engine) -> None:
    owned = "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) LIKE 'previsto%'"
    owners = (
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace"
    )
    special = (
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'previsto%' AND"
        " (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolcanlogin)"
    )
    assert _query(owner, owned)
    assert _query(owner, owners) == {OWNER}
    assert _query(owner, special) == set()
    members = "SELECT 1 FROM pg_auth_members WHERE roleid::regrole::text = 'previsto_system'"
    assert _query(owner, f"{members} AND member::regrole::text = 'previsto_app'") == set()


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("tenant", [None, "", "nobody", "casa%", "' OR true --"])
def test_without_a_tenant_of_its_own_nothing_is_seen(tenant: str | None) -> None:
    with unit_of_work(tenant=tenant) as session:
        assert session.execute(text("SELECT objeto FROM auditoria")).all() == []


@pytest.mark.usefixtures("entries")
def test_forgotten_filter_shows_ones_own_rows_only() -> None:
    for tenant in TENANTS:
        with unit_of_work(tenant=tenant) as session:
            seen = session.execute(text("SELECT objeto FROM auditoria")).scalars().all()
        assert seen == [tenant]


@pytest.mark.usefixtures("entries")
def test_tenant_does_not_outlive_its_transaction() -> None:
    # One connection serves all of these in turn.
    for autocommit in (False, True):
        with unit_of_work(tenant=HOUSE, autocommit=autocommit) as session:
            assert session.execute(text("SELECT count(*) FROM auditoria")).scalar() == 1
        with unit_of_work(autocommit=autocommit) as session:
            assert session.execute(text("SELECT count(*) FROM auditoria")).scalar() == 0


@pytest.mark.usefixtures("entries")
def test_system_role_sees_all() -> None:
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        assert session.execute(text("SELECT count(*) FROM auditoria")).scalar() == 2


@pytest.mark.usefixtures("environment")
def test_row_of_another_tenant_cannot_be_written() -> None:
    upload = (
        "INSERT INTO uploads (id, tenant, owner, objeto, tamanho_bytes, content_type, expira_em)"
        " VALUES (gen_random_uuid(), :tenant, 'x', :tenant || '/x', 1, 'text/csv', now())"
    )
    for tenant in TENANTS:
        with unit_of_work(tenant=tenant) as session:
            session.execute(text(upload), {"tenant": tenant})
    for statement in (
        upload.replace("/x'", "/y'"),
        "UPDATE uploads SET tenant = :tenant",
    ):
        for namer in (HOUSE, None):
            if namer is None and statement.startswith("UPDATE"):
                continue
            with (
                pytest.raises(ProgrammingError, match="row-level security"),
                unit_of_work(tenant=namer) as session,
            ):
                session.execute(text(statement), {"tenant": "padaria"})
    with unit_of_work(tenant=HOUSE) as session:
        changed = "UPDATE uploads SET owner = 'thief' RETURNING tenant"
        assert session.execute(text(changed)).scalars().all() == [HOUSE]
        assert session.execute(text("DELETE FROM uploads RETURNING tenant")).scalars().all() == [
            HOUSE
        ]
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        left = session.execute(text("SELECT tenant, owner FROM uploads")).all()
    assert [tuple(row) for row in left] == [("padaria", "x")]


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE auditoria DISABLE ROW LEVEL SECURITY",
        "DROP POLICY own_tenant ON auditoria",
        "CREATE POLICY mine ON auditoria USING (true)",
        "CREATE TABLE mine (id int)",
        "DELETE FROM alembic_version",
    ],
)
def test_app_cannot_lift_its_own_limits(statement: str) -> None:
    with pytest.raises(DBAPIError, match="42501"), unit_of_work(tenant=HOUSE) as session:
        session.execute(text(statement))
