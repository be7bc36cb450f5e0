"""What no longer decides anything is deleted."""

from datetime import timedelta

from sqlalchemy import func, select

from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.identity.sessions import remove_expired
from chalicelib.identity.tables import LoginFailures, RefreshToken
from tests.client import Client
from tests.conftest import PASSWORD


def _counts() -> tuple[int, int]:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        tokens = session.scalar(select(func.count()).select_from(RefreshToken))
        failures = session.scalar(select(func.count()).select_from(LoginFailures))
    return tokens or 0, failures or 0


def test_expired_tokens_and_old_failures_go_and_the_rest_stays(
    admin: Client, anonymous: Client
) -> None:
    signed_in = {"username": admin.login, "password": PASSWORD}
    assert anonymous.post("/auth/token", signed_in).status == 200
    anonymous.post("/auth/token", {"username": "ninguem", "password": "errada-mesmo"})
    remove_expired(utc_now())
    tokens, failures = _counts()
    assert tokens == 1
    assert failures > 0
    remove_expired(utc_now() + timedelta(days=91))
    assert _counts() == (0, 0)
