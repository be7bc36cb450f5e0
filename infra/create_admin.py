"""Make the first admin, anywhere.

    python -m infra.create_admin [login]

The password is read from `ADMIN_PASSWORD`, else asked for. Run for a login that exists, it does
nothing and says so.
"""

import getpass
import sys

from pydantic import ValidationError

from chalicelib.core.auth import Role
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE, settings
from chalicelib.identity import service
from chalicelib.identity.errors import LoginTaken
from chalicelib.identity.passwords import hash_password
from chalicelib.identity.schemas import UsuarioIn


def create_admin(login: str, password: str) -> bool:
    """Add an admin of the house.

    Returns:
        False when there was a user of this login already; then nothing has changed.
    """
    new = UsuarioIn(login=login, nome="Administração", senha=password, papel=Role.ADMIN)
    hashed = hash_password(new.senha)
    try:
        with unit_of_work(tenant=HOUSE) as session:
            service.create_usuario(session, HOUSE, "sistema", new, hashed)
    except LoginTaken:
        return False
    return True


def main() -> int:
    """Read the password and do it; the exit status is 1 when the input will not do."""
    login = sys.argv[1] if len(sys.argv) > 1 else "admin"
    password = settings().admin_password.get_secret_value() or getpass.getpass("Password: ")
    try:
        made = create_admin(login, password)
    except ValidationError as error:
        for fault in error.errors():
            print(f"{fault['loc'][0]}: {fault['msg']}", file=sys.stderr)
        return 1
    print(f"Admin {login!r} made." if made else f"There is a user {login!r} already.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
