"""What tests of identity begin with."""

from collections.abc import Callable

import pytest

from chalicelib.core.auth import Role
from tests.client import Answer, Client
from tests.conftest import PASSWORD, MakeUser

SignIn = Callable[..., Answer]


@pytest.fixture
def sign_in(anonymous: Client) -> SignIn:
    """POST /auth/token."""

    def post(login: str, password: str = PASSWORD) -> Answer:
        return anonymous.post("/auth/token", {"username": login, "password": password})

    return post


@pytest.fixture
def desk(client_of: MakeUser) -> Client:
    """Somebody who can sign in with the tests' password."""
    return client_of(Role.OPERADOR)
