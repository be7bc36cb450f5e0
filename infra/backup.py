"""Store a whole database in a file, and make one of it again.

    python -m infra.backup dump previsto.dump
    python -m infra.backup restore previsto.dump

Both connect as `DATABASE_ADMIN_URL`. To dump it takes a superuser or a user with BYPASSRLS: for
anybody else row-level security is on, and PostgreSQL refuses a dump that would leave out rows. On
Aurora, whose master is neither, snapshots take this place. To restore, the database is made and
must be empty. Objects are not in it: the bucket keeps versions of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import URL, make_url, text

from chalicelib.core.settings import settings
from infra.init_db import autocommit, ensure_database, ensure_roles


class BackupFailed(Exception):
    """PostgreSQL's program did not succeed; it has said why."""


class NotEmpty(Exception):
    """There are tables in this database already. Restore into another one, then rename it."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def dump(database: URL, file: Path) -> None:
    """Write all of a database into a file that only its owner reads.

    Raises:
        BackupFailed: Some of it could not be read; then there is no file.
    """
    unfinished = file.with_name(f"{file.name}.unfinished")
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        _run("pg_dump", database, "--format=custom", f"--file={unfinished}")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def restore(database: URL, file: Path, login: str | None = None) -> None:
    """Make a database of a file, with the roles that its rights are given to.

    All of it or nothing.

    Args:
        database: Where to; made when it is missing.
        file: What `dump` wrote.
        login: User the program connects as.

    Raises:
        NotEmpty: There is something already.
        BackupFailed: The file could not be restored.
    """
    ensure_database(database)
    with autocommit(database).connect() as connection:
        if connection.execute(text("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")).first():
            raise NotEmpty
    ensure_roles(database, login)
    _run("pg_restore", database, "--single-transaction", "--exit-on-error", str(file))


def _run(program: str, database: URL, *options: str) -> None:
    """Run a program of PostgreSQL; the password goes by the environment, not the command line."""
    environment = {**os.environ, "PGPASSWORD": str(database.password or "")}
    address = without_password(database).render_as_string(hide_password=False)
    told = ["--dbname", address, *options]
    if subprocess.run([program, *told], env=environment, check=False).returncode:
        raise BackupFailed(program)


def without_password(address: URL) -> URL:
    """The address as anybody may see it; `URL.set` keeps what it is told to set to None."""
    return URL.create(
        "postgresql",
        username=address.username,
        host=address.host,
        port=address.port,
        database=address.database,
        query=address.query,
    )


def main() -> int:
    """Do what is asked; returns the exit status."""
    if len(sys.argv) != 3 or sys.argv[1] not in ("dump", "restore"):
        print("Usage: python -m infra.backup dump|restore FILE", file=sys.stderr)
        return 2
    found = settings()
    database, file = make_url(found.database_admin_url or found.database_url), Path(sys.argv[2])
    try:
        if sys.argv[1] == "dump":
            dump(database, file)
        else:
            restore(database, file, make_url(found.database_url).username)
    except (BackupFailed, NotEmpty) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"{file}: {'written' if sys.argv[1] == 'dump' else 'restored'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
