"""The roles, and the groups of them that tables of access name."""

from chalicelib.core.auth import Role

ADMIN, OPERADOR, CIENTISTA, EMPRESA, LEITOR = (
    Role.ADMIN,
    Role.OPERADOR,
    Role.CIENTISTA,
    Role.EMPRESA,
    Role.LEITOR,
)
PUBLIC: set[Role] = set()
EVERYONE = set(Role)
READERS = {ADMIN, OPERADOR, CIENTISTA, LEITOR}
