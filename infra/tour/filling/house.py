"""Who works with the installation."""

import secrets
from typing import Any

from infra.tour.filling.api import Api
from infra.tour.pages import Places

USERS = (
    ("recepcao", "Recepção da manhã", "operador"),
    ("retencao", "Equipe de retenção", "operador"),
    ("dados", "Ciência de dados", "cientista"),
    ("diretoria", "Diretoria", "leitor"),
)


def fill_house(admin: Api) -> Places:
    """Give the house its users."""
    made: list[dict[str, Any]] = [
        admin.post(
            "/auth/usuarios",
            {"login": login, "nome": name, "papel": role, "senha": secrets.token_urlsafe(12)},
        )
        for login, name, role in USERS
    ]
    return {"usuario": str(made[0]["id"])}
