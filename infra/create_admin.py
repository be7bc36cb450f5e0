"""Make the first admin, anywhere.

    python -m infra.create_admin [login]

The password is read from `ADMIN_PASSWORD`, else asked for. Run for a login that exists, it does
nothing and says so.
"""

import getpass
import os
import sys

from pydantic import ValidationError
from sqlalchemy import select

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import SYSTEM
from chalicelib.core.settings import HOUSE
from chalicelib.identity import service
from chalicelib.identity.errors import LoginTaken
from chalicelib.identity.passwords import hash_password, verify_password
from chalicelib.identity.schemas import UsuarioIn
from chalicelib.identity.tables import Usuario

NAME = "Administração"


def create_admin(login: str, password: str) -> bool:
    """Add an admin of the house.

    Returns:
        False when there was a user of this login already; then nothing has changed.
    """
    new = UsuarioIn(login=login, nome=NAME, senha=password, papel=Role.ADMIN)
    hashed = hash_password(new.senha)
    try:
        with unit_of_work(tenant=HOUSE) as session:
            service.create_usuario(session, HOUSE, SYSTEM, new, hashed)
    except LoginTaken:
        return False
    return True


def ensure_admin(login: str, password: str, *, replace: bool) -> None:
    """Make the admin where there is none.

    For the laptop, whose owner may say in `ADMIN_PASSWORD` what the password shall be, as short
    as they like.

    Args:
        login: Their login.
        password: Their password.
        replace: Give the one there is this password, and end their sign-ins.
    """
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        usuario = session.scalar(select(Usuario).where(Usuario.login == login))
    if usuario is not None and (not replace or verify_password(password, usuario.senha_hash)):
        return
    hashed = hash_password(password)
    with unit_of_work(tenant=HOUSE) as session:
        if usuario is None:
            new = UsuarioIn.model_construct(
                login=login, nome=NAME, senha=password, papel=Role.ADMIN
            )
            service.create_usuario(session, HOUSE, SYSTEM, new, hashed)
        else:
            service.store_password(session, SYSTEM, usuario.id, hashed, utc_now())


def main() -> int:
    """Read the password and do it; the exit status is 1 when the input will not do."""
    login = sys.argv[1] if len(sys.argv) > 1 else "admin"
    # Not a setting: where strangers can reach the program, settings must not hold it.
    password = os.environ.get("ADMIN_PASSWORD") or getpass.getpass("Password: ")
    os.environ.pop("ADMIN_PASSWORD", None)
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
