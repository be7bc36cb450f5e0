"""Who may touch what: grants and row-level security (law 12), for migrations to call."""

from collections.abc import Iterable

from alembic import op

APP = "previsto_app"
SYSTEM = "previsto_system"
OWN_TENANT = "tenant = nullif(current_setting('previsto.tenant', true), '')"


def grant_access() -> None:
    """Let both roles work on every table there is and will be; they own none of them."""
    for objects, rights in (
        ("TABLES", "SELECT, INSERT, UPDATE, DELETE"),
        ("SEQUENCES", "USAGE"),
    ):
        op.execute(f"GRANT {rights} ON ALL {objects} IN SCHEMA public TO {APP}, {SYSTEM}")
        op.execute(
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {rights} ON {objects}"
            f" TO {APP}, {SYSTEM}"
        )
    op.execute(f"REVOKE ALL ON alembic_version FROM {APP}, {SYSTEM}")
    op.execute(f"GRANT SELECT ON alembic_version TO {APP}, {SYSTEM}")


def isolate_tenants(tables: Iterable[str]) -> None:
    """Show the app only the rows of the tenant its transaction names, the owner included.

    A transaction that names none sees none.
    """
    for table in tables:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_tenant ON {table} TO {APP}"
            f" USING ({OWN_TENANT}) WITH CHECK ({OWN_TENANT})"
        )
        op.execute(
            f"CREATE POLICY every_tenant ON {table} TO {SYSTEM} USING (true) WITH CHECK (true)"
        )
