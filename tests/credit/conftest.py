"""What tests of credit begin with: companies, and their records."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert

from chalicelib.core.auth import Role
from chalicelib.core.db import unit_of_work
from chalicelib.credit.tables import Dataset, Empresa
from infra.local.seed_credit import load_company
from infra.local.simulation.company import SimulatedCompany, simulate_company
from tests.client import Client
from tests.conftest import MakeUser

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Company:
    """A company that has signed up, as its own user sees it."""

    tenant: str
    client: Client
    acervo: UUID

    def load(self, company: SimulatedCompany) -> UUID:
        """Give it records, as a dataset that was sent and closed."""
        with unit_of_work(tenant=self.tenant) as session:
            return load_company(session, self.tenant, company, now=UNTIL)


MakeCompany = Callable[[], Company]


@pytest.fixture
def make_company(client_of: MakeUser) -> MakeCompany:
    """Makes a company with its user and its empty acervo."""

    def make() -> Company:
        tenant, acervo = f"empresa-{uuid4().hex[:12]}", uuid4()
        with unit_of_work(tenant=tenant) as session:
            email = f"{tenant}@example.com"
            session.execute(insert(Empresa).values(tenant=tenant, nome="Padaria", email=email))
            values = {"id": acervo, "tenant": tenant, "acervo": True, "estado": "fechado"}
            session.execute(insert(Dataset).values(**values, criado_por="teste"))
        return Company(tenant, client_of(Role.EMPRESA, tenant), acervo)

    return make


@pytest.fixture
def company(make_company: MakeCompany) -> Company:
    """One company."""
    return make_company()


def small_company(**changes: Any) -> SimulatedCompany:
    """Records enough for a model, and few enough for a test."""
    return simulate_company(**{"clientes": 150, "pedidos": 1200, "until": UNTIL, **changes})
