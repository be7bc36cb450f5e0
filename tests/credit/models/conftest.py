"""What tests of models begin with: companies whose records are loaded rather than sent."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest
from sqlalchemy import insert

from chalicelib.core.auth import Role
from chalicelib.core.db import unit_of_work
from chalicelib.credit.tables import Dataset, Empresa
from tests.client import Client
from tests.conftest import MakeUser


@dataclass(frozen=True)
class Company:
    """A company that has signed up, as its own user sees it."""

    tenant: str
    client: Client


MakeCompany = Callable[[], Company]


@pytest.fixture
def make_company(client_of: MakeUser) -> MakeCompany:
    """Signs companies up."""

    def make() -> Company:
        tenant = f"empresa-{uuid4().hex[:12]}"
        with unit_of_work(tenant=tenant) as session:
            email = f"{tenant}@example.com"
            session.execute(insert(Empresa).values(tenant=tenant, nome="Padaria", email=email))
            values = {"tenant": tenant, "acervo": True, "estado": "fechado"}
            session.execute(insert(Dataset).values(**values, criado_por="teste"))
        return Company(tenant, client_of(Role.EMPRESA, tenant))

    return make


@pytest.fixture
def company(make_company: MakeCompany) -> Company:
    """A company."""
    return make_company()
