"""Who calls: roles, principals, access tokens and keys of programs (law 11).

Tokens are verified here, inside the app: an API Gateway authorizer would answer without our
body, CORS headers or audit.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import uuid4

import jwt

from chalicelib.core.errors import Unauthorized
from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.types import LARGEST_ID

ALGORITHM = "HS256"
REQUIRED_CLAIMS = ["sub", "iat", "exp", "jti"]
SUBJECT_TTL_SECONDS = 10.0
MOST_CACHED_TOKENS = 10_000


class Role(StrEnum):
    """What a user may do; `admin` may do everything within their tenant."""

    ADMIN = "admin"
    OPERADOR = "operador"
    CIENTISTA = "cientista"
    EMPRESA = "empresa"
    LEITOR = "leitor"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    Attributes:
        subject: Stable name in logs, jobs and the audit trail, such as `usuario:7`.
        usuario_id: Row of `usuarios`; None for a program, which is let in by a key of its own.
        role: What they may do.
        tenant: Whose rows they see.
    """

    subject: str
    usuario_id: int | None
    role: Role
    tenant: str

    @property
    def is_of_company(self) -> bool:
        """Whether they act for a company; else they belong to the house."""
        return self.tenant != HOUSE


FindCredential = Callable[[str, datetime], tuple[Principal, datetime] | None]
"""Finds who a credential stands for at an instant, and when it expires; None when it is no good."""


class TokenInvalid(Unauthorized):
    """This access token is invalid or has expired; renew it at POST /auth/refresh."""


def issue_access_token(usuario_id: int, now: datetime) -> tuple[str, timedelta]:
    """Sign a short-lived access token.

    Returns:
        The token and how long it lives.
    """
    lifetime = timedelta(minutes=settings().access_token_minutes)
    claims = {"sub": str(usuario_id), "iat": now, "exp": now + lifetime, "jti": uuid4().hex}
    secret = settings().jwt_secret.get_secret_value()
    headers = {"kid": key_id(secret)}
    return jwt.encode(claims, secret, algorithm=ALGORITHM, headers=headers), lifetime


def key_id(secret: str) -> str:
    """By what a token names the key that signed it; tells nothing of the key."""
    return hashlib.sha256(b"previsto key id " + secret.encode()).hexdigest()[:12]


def _signing_secret(token: str) -> str:
    """The key of ours that a token names: the present one, or the one before it while it is set.

    Tokens from before keys had names are taken by the present one.

    Raises:
        TokenInvalid: It names another.
    """
    found = settings()
    secrets = (found.jwt_secret, found.jwt_secret_before)
    keys = {key_id(key.get_secret_value()): key.get_secret_value() for key in secrets if key}
    named = jwt.get_unverified_header(token).get("kid", key_id(secrets[0].get_secret_value()))
    if named not in keys:
        raise TokenInvalid
    return keys[named]


def verify_access_token(token: str) -> tuple[int, datetime]:
    """Check signature, algorithm and claims.

    Returns:
        The id of the user and when the token expires (aware UTC).

    Raises:
        TokenInvalid: Anything about it is wrong.
    """
    try:
        claims = jwt.decode(
            token,
            _signing_secret(token),
            algorithms=[ALGORITHM],
            options={"require": REQUIRED_CLAIMS},
        )
        usuario_id = int(claims["sub"])
        if not 0 < usuario_id <= LARGEST_ID:
            raise TokenInvalid
        return usuario_id, datetime.fromtimestamp(claims["exp"], UTC)
    except (jwt.InvalidTokenError, ValueError, OverflowError, OSError):
        raise TokenInvalid from None


class KeyInvalid(Unauthorized):
    """This key is unknown, has been revoked or has expired; ask for another one."""


class TokenCache:
    """Remembers for ten seconds who a token stands for.

    A deactivated user, a changed role or a revoked key takes effect within that time; a
    credential's own expiry takes effect at once.
    """

    def __init__(
        self,
        find_principal: Callable[[int], Principal | None],
        others: Mapping[str, FindCredential] | None = None,
    ) -> None:
        """Take what finds callers.

        Args:
            find_principal: Finds the user that an access token of ours names.
            others: Prefix of a kind of credential that is no access token -> what finds who it
                stands for.
        """
        self._find_principal = find_principal
        self._others = {} if others is None else others
        self._known: dict[str, tuple[Principal, float, float]] = {}

    def principal(self, token: str, now: datetime, monotonic: float) -> Principal:
        """The caller behind a token.

        Raises:
            TokenInvalid: The token is invalid, or its user is gone or deactivated.
            KeyInvalid: It is a credential of another kind, and no good.
        """
        known = self._known.get(token)
        if known is not None:
            principal, fresh_until, expires = known
            if monotonic < fresh_until and now.timestamp() < expires:
                return principal
        found, expires_at = self._look_up(token, now)
        if len(self._known) >= MOST_CACHED_TOKENS:
            self._known.clear()
        self._known[token] = (found, monotonic + SUBJECT_TTL_SECONDS, expires_at.timestamp())
        return found

    def _look_up(self, token: str, now: datetime) -> tuple[Principal, datetime]:
        for prefix, find_credential in self._others.items():
            if token.startswith(prefix):
                if (known := find_credential(token, now)) is None:
                    raise KeyInvalid
                return known
        usuario_id, expires_at = verify_access_token(token)
        if (found := self._find_principal(usuario_id)) is None:
            raise TokenInvalid
        return found, expires_at

    def forget(self) -> None:
        """Look every subject up again."""
        self._known.clear()
