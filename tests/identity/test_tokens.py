"""Access tokens: what is in them, what is refused, how soon a change takes effect."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from chalicelib.core.auth import (
    SUBJECT_TTL_SECONDS,
    Principal,
    Role,
    TokenCache,
    TokenInvalid,
    issue_access_token,
    key_id,
    verify_access_token,
)
from chalicelib.core.clock import utc_now
from chalicelib.core.settings import settings
from chalicelib.core.web import forget_principals
from tests.client import Client, assert_problem
from tests.conftest import MakeUser

NEVER = Ellipsis  # Named the same by every process that runs a part of the tests.


def forged(
    environment: dict[str, str],
    *,
    algorithm: str | None = "HS256",
    secret: str | None = None,
    **changes: Any,
) -> str:
    """A token like ours but for what is said; NEVER leaves a claim out."""
    now = utc_now()
    claims: dict[str, Any] = {
        "sub": "1",
        "iat": now,
        "exp": now + timedelta(minutes=5),
        "jti": "x",
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not NEVER}
    key = environment["JWT_SECRET"] if secret is None else secret
    return jwt.encode(claims, "" if algorithm == "none" else key, algorithm=algorithm)


def test_token_has_the_claims_it_must_and_nothing_personal(environment: dict[str, str]) -> None:
    token, lifetime = issue_access_token(7, utc_now())
    claims = jwt.decode(token, environment["JWT_SECRET"], algorithms=["HS256"])
    assert set(claims) == {"sub", "iat", "exp", "jti"}
    assert (claims["sub"], claims["exp"] - claims["iat"]) == ("7", 900)
    assert lifetime == timedelta(minutes=15)
    assert issue_access_token(7, utc_now())[0] != token


def test_token_like_ours_is_taken(environment: dict[str, str]) -> None:
    assert verify_access_token(forged(environment))[0] == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "none"},
        {"algorithm": "HS384"},
        {"algorithm": "HS512"},
        {"secret": "another-secret-" + "x" * 32},
        {"exp": NEVER},
        {"iat": NEVER},
        {"jti": NEVER},
        {"sub": NEVER},
        {"sub": "admin"},
        {"sub": 1},
        {"sub": None},
        {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
        {"exp": "soon"},
        {"exp": 10**30},
        {"iat": datetime(2199, 1, 1, tzinfo=UTC)},
        {"nbf": datetime(2199, 1, 1, tzinfo=UTC)},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_token_unlike_ours_is_refused(environment: dict[str, str], changes: Any) -> None:
    with pytest.raises(TokenInvalid):
        verify_access_token(forged(environment, **changes))


def test_changed_token_is_refused(desk: Client) -> None:
    assert desk.token
    header, payload, signature = desk.token.split(".")
    other = issue_access_token(desk.usuario_id + 1, utc_now())[0].split(".")[1]
    for token in (f"{header}.{other}.{signature}", f"{header}.{payload}.", f"{header}.{payload}"):
        assert_problem(Client(token).get("/auth/eu"), 401, "TokenInvalid")


def test_refresh_token_is_no_access_token(desk: Client, sign_in: Any) -> None:
    refresh_token = sign_in(desk.login).json["refresh_token"]
    assert_problem(Client(refresh_token).get("/auth/eu"), 401, "TokenInvalid")


# Who is remembered, and for how long.


class Directory:
    """Users by id, counting how often it is asked."""

    def __init__(self) -> None:
        self.role: Role | None = Role.OPERADOR
        self.asked = 0

    def find(self, usuario_id: int) -> Principal | None:
        self.asked += 1
        if self.role is None:
            return None
        return Principal(f"usuario:{usuario_id}", usuario_id, self.role, "casa")


def test_caller_is_looked_up_again_after_ten_seconds(environment: dict[str, str]) -> None:
    directory, now = Directory(), utc_now()
    cache, token = TokenCache(directory.find), issue_access_token(1, now)[0]
    assert cache.principal(token, now, 0.0).role is Role.OPERADOR
    directory.role = Role.LEITOR
    assert cache.principal(token, now, SUBJECT_TTL_SECONDS - 0.01).role is Role.OPERADOR
    assert cache.principal(token, now, SUBJECT_TTL_SECONDS).role is Role.LEITOR
    directory.role = None
    with pytest.raises(TokenInvalid):
        cache.principal(token, now, 2 * SUBJECT_TTL_SECONDS)
    assert (SUBJECT_TTL_SECONDS, directory.asked) == (10, 3)


def test_remembered_token_still_expires_at_once(environment: dict[str, str]) -> None:
    directory, now = Directory(), utc_now()
    cache, token = TokenCache(directory.find), issue_access_token(1, now)[0]
    cache.principal(token, now, 0.0)
    cache.principal(token, now + timedelta(minutes=14), 0.0)
    assert directory.asked == 1
    cache.principal(token, now + timedelta(minutes=15), 0.0)
    assert directory.asked == 2  # Verified anew, which this machine's clock still allows.


def test_unknown_and_deactivated_users_are_refused(admin: Client, desk: Client) -> None:
    nobody = Client.signed_in(10**9, "nobody")
    assert_problem(nobody.get("/auth/eu"), 401, "TokenInvalid")
    assert desk.get("/auth/eu").status == 200
    assert admin.patch(f"/auth/usuarios/{desk.usuario_id}", {"ativo": False}).status == 200
    forget_principals()  # Ten seconds later.
    assert_problem(desk.get("/auth/eu"), 401, "TokenInvalid")


def test_change_of_role_takes_effect_on_tokens_already_out(
    admin: Client, client_of: MakeUser
) -> None:
    reader = client_of(Role.LEITOR)
    assert reader.get("/auth/usuarios").status == 403
    assert admin.patch(f"/auth/usuarios/{reader.usuario_id}", {"papel": "admin"}).status == 200
    forget_principals()
    assert reader.get("/auth/usuarios").status == 200


BEFORE, PRESENT = "chave-de-antes-" + "x" * 32, "chave-de-agora-" + "y" * 32


def _keys(monkeypatch: pytest.MonkeyPatch, present: str, before: str = "") -> None:
    monkeypatch.setenv("JWT_SECRET", present)
    monkeypatch.setenv("JWT_SECRET_BEFORE", before)
    settings.cache_clear()


def test_a_new_key_signs_nobody_out_while_the_one_before_is_known(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _keys(monkeypatch, BEFORE)
    old, _ = issue_access_token(7, utc_now())
    _keys(monkeypatch, PRESENT, BEFORE)
    new, _ = issue_access_token(7, utc_now())
    names = [jwt.get_unverified_header(token)["kid"] for token in (old, new)]
    assert names == [key_id(BEFORE), key_id(PRESENT)]
    assert [verify_access_token(token)[0] for token in (old, new)] == [7, 7]
    _keys(monkeypatch, PRESENT)
    assert verify_access_token(new)[0] == 7
    with pytest.raises(TokenInvalid):
        verify_access_token(old)


def test_the_name_of_a_key_chooses_among_ours_and_proves_nothing(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _keys(monkeypatch, PRESENT, BEFORE)
    now = utc_now()
    claims = {"sub": "1", "iat": now, "exp": now + timedelta(minutes=5), "jti": "x"}
    for secret, name in ((PRESENT, key_id(BEFORE)), ("z" * 40, key_id(PRESENT)), (PRESENT, "x")):
        token = jwt.encode(claims, secret, algorithm="HS256", headers={"kid": name})
        with pytest.raises(TokenInvalid):
            verify_access_token(token)
    without = jwt.encode(claims, BEFORE, algorithm="HS256")  # Only the present one needs no name.
    with pytest.raises(TokenInvalid):
        verify_access_token(without)
