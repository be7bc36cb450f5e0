"""Companies for tests, here and elsewhere."""

from dataclasses import dataclass
from uuid import uuid4

from chalicelib.core.auth import Principal
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.credit import service_companies
from chalicelib.credit.schemas_companies import CredenciaisOut, EmpresaIn
from chalicelib.credit.tables_companies import Empresa
from chalicelib.identity.sessions import find_principal
from tests.client import Client


@dataclass(frozen=True)
class Company:
    """A company that has signed up.

    Attributes:
        id: Row of `empresas`.
        tenant: Whose rows it sees.
        client: Its first user, signed in.
        program: A program of it, with its first key.
        credentials: What signing up answered.
    """

    id: int
    tenant: str
    client: Client
    program: Client
    credentials: CredenciaisOut

    @property
    def principal(self) -> Principal:
        """Its first user, as services take them."""
        found = find_principal(self.client.usuario_id)
        assert found is not None
        return found


def sign_up_company(
    nome: str = "Padaria Modelo", email: str = "", senha_hash: str | None = None
) -> Company:
    """Sign a company up; its first user has no password unless a hash of one is given."""
    email = email or f"{uuid4().hex[:12]}@example.com"
    found = service_companies.sign_up(EmpresaIn(nome=nome, email=email), senha_hash, utc_now())
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        tenant = session.get_one(Empresa, found.empresa.id).tenant
    first = Client(found.tokens.access_token)
    return Company(
        id=found.empresa.id,
        tenant=tenant,
        client=Client(found.tokens.access_token, first.get("/auth/eu").json["id"], email),
        program=Client(found.chave.chave),
        credentials=found,
    )
