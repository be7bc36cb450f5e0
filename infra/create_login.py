"""Make the database user that the program connects as; may be run again at any time.

    python -m infra.create_login

Connects as `DATABASE_ADMIN_URL` and takes name and password from `DATABASE_URL`. A user that is
there gets this password: so it is changed, too. `infra.init_db` gives the rights.
"""

import sys

from sqlalchemy import URL, make_url, text

from chalicelib.core.settings import settings
from infra.init_db import autocommit, ensure_database


class LoginRefused(Exception):
    """DATABASE_URL and DATABASE_ADMIN_URL must name two users, the first with a password."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def create_login(admin: URL, login: URL) -> bool:
    """Make the user, or give it the password.

    Returns:
        False when there was one already.

    Raises:
        LoginRefused: The addresses do not say whom to make.
    """
    if not login.username or not login.password or login.username == admin.username:
        raise LoginRefused
    ensure_database(admin)
    with autocommit(admin).connect() as connection:
        known = connection.execute(
            text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": login.username}
        ).scalar()
        # PostgreSQL takes no parameters here, but quotes them itself.
        statement = connection.execute(
            text(
                "SELECT format('%s ROLE %I LOGIN PASSWORD %L',"
                " CAST(:verb AS text), CAST(:name AS text), CAST(:password AS text))"
            ),
            {
                "verb": "ALTER" if known else "CREATE",
                "name": login.username,
                "password": str(login.password),
            },
        ).scalar_one()
        connection.exec_driver_sql(statement)
    return not known


def main() -> int:
    """Read the settings and do it; the exit status is 1 when they will not do."""
    found = settings()
    try:
        admin = make_url(found.database_admin_url or found.database_url)
        made = create_login(admin, make_url(found.database_url))
    except LoginRefused as error:
        print(error, file=sys.stderr)
        return 1
    print("The program's user is made." if made else "The program's user has this password.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
