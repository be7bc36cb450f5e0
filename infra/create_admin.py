"""Make the first admin, anywhere.

    python -m infra.create_admin [login]

The password is read from `ADMIN_PASSWORD`, else asked for. Run for a login that exists, it does
nothing and says so.
"""

import getpass
import sys

from pydantic import ValidationError
from sqlalchemy import select, update

from chalicelib.core.auth import Role
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import SYSTEM
from chalicelib.core.settings import HOUSE, settings
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


def ensure_admin(login: str, password: str) -> None:
    """Make the admin, or give the one there is this password, as short as it may be.

    For the laptop, whose owner said in `ADMIN_PASSWORD` what it shall be.
    """
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        usuario = session.scalar(select(Usuario).where(Usuario.login == login))
    if usuario is not None and verify_password(password, usuario.senha_hash):
        return
    hashed = hash_password(password)
    with unit_of_work(tenant=HOUSE) as session:
        if usuario is not None:
            session.execute(
                update(Usuario).where(Usuario.id == usuario.id).values(senha_hash=hashed)
            )
            return
        new = UsuarioIn.model_construct(login=login, nome=NAME, senha=password, papel=Role.ADMIN)
        service.create_usuario(session, HOUSE, SYSTEM, new, hashed)


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
