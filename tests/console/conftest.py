"""What tests of pages begin with."""

from collections.abc import Callable

import pytest

from chalicelib.core.auth import Role
from chalicelib.core.settings import HOUSE
from tests.conftest import PASSWORD, MakeUser
from tests.console.browsing import Browser
from tests.credit.companies import Company, sign_up_company

Visitor = Callable[..., Browser]


@pytest.fixture
def browser_of(client_of: MakeUser) -> Visitor:
    """Makes a person who has signed in through the form."""

    def make(role: Role, tenant: str = HOUSE) -> Browser:
        browser = Browser()
        assert browser.sign_in(client_of(role, tenant).login, PASSWORD).status == 303
        return browser

    return make


@pytest.fixture
def desk(browser_of: Visitor) -> Browser:
    """Somebody at the front desk."""
    return browser_of(Role.OPERADOR)


@pytest.fixture
def company(environment: dict[str, str], password_hash: str) -> Company:
    """A company that has signed up."""
    return sign_up_company(senha_hash=password_hash)


@pytest.fixture
def portal(company: Company) -> Browser:
    """A person of the company, signed in."""
    found = Browser()
    assert found.sign_in(company.client.login, PASSWORD).status == 303
    return found
