"""What tests of credit begin with."""

from collections.abc import Callable

import pytest

from tests.client import Client
from tests.credit.companies import Company, sign_up_company

MakeCompany = Callable[..., Company]


@pytest.fixture
def make_company(environment: dict[str, str]) -> MakeCompany:
    """Signs companies up."""
    return sign_up_company


@pytest.fixture
def company(make_company: MakeCompany) -> Company:
    """A company."""
    return make_company()


@pytest.fixture
def company_client(make_company: MakeCompany) -> Callable[..., Client]:
    """Signs a company up; gives its first user."""
    return lambda nome="Padaria Modelo": make_company(nome).client
