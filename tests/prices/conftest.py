"""What tests of the prices begin with: somebody's project."""

from dataclasses import dataclass

import pytest

from chalicelib.core.auth import Role
from tests.client import Client
from tests.conftest import MakeUser


@dataclass(frozen=True)
class Project:
    """A project, and who its people are.

    Attributes:
        id: As the API names it.
        dono, admin, treinador, leitor: Clients of who has that role in it.
        stranger: Somebody of the same tenant that it is not shared with.
        outsider: Somebody of another tenant.
    """

    id: str
    dono: Client
    admin: Client
    treinador: Client
    leitor: Client
    stranger: Client
    outsider: Client

    @property
    def path(self) -> str:
        """Its address."""
        return f"/precos/projetos/{self.id}"


@pytest.fixture
def project(client_of: MakeUser) -> Project:
    """A project that is shared in every role."""
    dono, admin, treinador, leitor = (client_of(Role.LEITOR) for _ in range(4))
    made = dono.post("/precos/projetos", {"nome": "Casas"})
    assert made.status == 201, made.body
    path = f"/precos/projetos/{made.json['id']}"
    for papel, client in (("admin", admin), ("treinador", treinador), ("leitor", leitor)):
        assert dono.put(f"{path}/membros/{client.login}", {"papel": papel}).status == 200
    return Project(
        id=made.json["id"],
        dono=dono,
        admin=admin,
        treinador=treinador,
        leitor=leitor,
        stranger=client_of(Role.ADMIN),
        outsider=client_of(Role.ADMIN, "empresa-0123456789ab"),
    )
