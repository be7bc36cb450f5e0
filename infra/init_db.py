"""Make database, roles and schema; may be run again at any time.

    python -m infra.init_db

Connects as `DATABASE_ADMIN_URL` (`DATABASE_URL` when it is not set), whose user must be allowed
to create roles and, where it does not exist yet, the database.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Engine, make_url, text
from sqlalchemy.exc import DBAPIError

from chalicelib.core.db import DatabaseRole
from chalicelib.core.pg import make_engine
from chalicelib.core.settings import settings

OWNER = "previsto_owner"
MIGRATIONS = Path(__file__).parent / "migrations"

ROLES = (OWNER, *(role.value for role in DatabaseRole))


def init_db(url: str, login: str | None = None) -> None:
    """Bring a server from any state to the newest schema.

    Args:
        url: Address of the database, as a user who may create roles.
        login: User the program itself connects as, when it is another one.
    """
    address = make_url(url)
    ensure_database(address)
    ensure_roles(address, login)
    migrate(url)


def migrate(url: str, revision: str = "head") -> None:
    """Move the schema to a revision, newest by default."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = make_url(url)
    config.attributes["owner"] = OWNER
    if revision == "head" or revision.startswith("+"):
        command.upgrade(config, revision)
    else:
        command.downgrade(config, revision)


def ensure_database(address: URL) -> None:
    """Make the database where it is missing."""
    try:
        with autocommit(address).connect():
            return
    except DBAPIError as error:
        if not _says(error, "3D000"):
            raise
    with autocommit(address.set(database="postgres")).connect() as connection:
        connection.execute(text(f"CREATE DATABASE \"{address.database}\" ENCODING 'UTF8'"))


def ensure_roles(address: URL, login: str | None) -> None:
    """Make the roles that are missing, and let the program work as its own."""
    with autocommit(address).connect() as connection:
        for role in ROLES:
            try:
                connection.execute(text(f"CREATE ROLE {role} NOLOGIN NOBYPASSRLS"))
            except DBAPIError as error:
                # Roles belong to the server, not the database: another run may have made it.
                if not _says(error, "42710") and not _says(error, "23505"):
                    raise
        # The program may work as its two roles; only who migrates may act as the owner.
        grants = [(OWNER, address.username)]
        grants += [(role.value, login or address.username) for role in DatabaseRole]
        for role, member in grants:
            connection.execute(text(f'GRANT {role} TO "{member}"'))
        connection.execute(text(f"GRANT CREATE, USAGE ON SCHEMA public TO {OWNER}"))


def autocommit(address: URL) -> Engine:
    """Connections on which each statement is a transaction of its own."""
    return make_engine(address, pool_size=0).execution_options(isolation_level="AUTOCOMMIT")


def _says(error: DBAPIError, sqlstate: str) -> bool:
    report = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return isinstance(report, dict) and report.get("C") == sqlstate


def main() -> None:
    """Read the settings and do it."""
    found = settings()
    login = make_url(found.database_url).username
    init_db(found.database_admin_url or found.database_url, login)
    print("Database, roles and schema are ready.")


if __name__ == "__main__":
    main()
