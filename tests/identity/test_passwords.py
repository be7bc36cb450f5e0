"""What passwords are hashed with: in earnest wherever people sign in, cheaply in these tests."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.settings import Environment, settings
from chalicelib.identity.passwords import hash_password, needs_rehash, verify_password
from tests.client import Client
from tests.conftest import PASSWORD
from tests.core.test_settings import SAFE
from tests.identity.conftest import SignIn

# RFC 9106, section 4: the second recommended choice; 64 MiB, three passes, four lanes.
IN_EARNEST = "$argon2id$v=19$m=65536,t=3,p=4$"


@pytest.fixture(params=sorted(set(Environment) - {Environment.TEST}))
def in_earnest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every environment but that of tests."""
    for name, value in {**SAFE, "ENVIRONMENT": request.param}.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.usefixtures("in_earnest")
def test_hashing_costs_what_the_rfc_recommends() -> None:
    hashed = hash_password(PASSWORD)
    assert hashed.startswith(IN_EARNEST)
    assert verify_password(PASSWORD, hashed)
    assert not verify_password("wrong-password", hashed)
    assert not needs_rehash(hashed)


def test_a_hash_of_other_cost_is_made_anew_at_the_next_sign_in(
    desk: Client, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _hash_of(desk)
    assert not before.startswith(IN_EARNEST)
    assert sign_in(desk.login).status == 200
    assert _hash_of(desk) == before

    monkeypatch.setenv("ENVIRONMENT", "dev")
    settings.cache_clear()
    assert sign_in(desk.login).status == 200
    assert _hash_of(desk).startswith(IN_EARNEST)
    assert sign_in(desk.login).status == 200


def _hash_of(client: Client) -> str:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        statement = text("SELECT senha_hash FROM usuarios WHERE id = :id")
        return str(session.execute(statement, {"id": client.usuario_id}).scalar_one())
