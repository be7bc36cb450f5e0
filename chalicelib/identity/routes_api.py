"""Signing in and renewing under `/api/v1`, as clients of the catalogue know it.

The same use cases, refusals and rate limits as those of `/auth`: who asks at both is counted once.
"""

from datetime import datetime

from chalicelib.core.calls import Call
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.parsing import FORM, JSON
from chalicelib.core.web import PUBLIC, Routes, endpoint
from chalicelib.identity import sessions
from chalicelib.identity.errors import CredentialsWrong, LoginLocked, RefreshTokenInvalid
from chalicelib.identity.routes import RENEWALS, SIGN_INS, post_refresh, post_token
from chalicelib.identity.schemas import LoginIn, RenewIn, TokenOut

identity_api = Routes(__name__)


@identity_api.route("/api/v1/auth/login", methods=["POST"])
@endpoint(
    identity_api,
    body=LoginIn,
    accepts=(JSON, FORM),
    allow=PUBLIC,
    raises=(CredentialsWrong, LoginLocked),
    limit=SIGN_INS,
    counted_as=post_token.__name__,
    own_transactions=True,
    answers_credentials=True,
)
def post_login(body: LoginIn, call: Call, now: datetime) -> TokenOut:
    """Sign in: `POST /auth/token` by another address, with JSON or a form."""
    return sessions.sign_in(body.username, body.password, call.source_ip, now)


@identity_api.route("/api/v1/auth/refresh", methods=["POST"])
@endpoint(
    identity_api,
    body=RenewIn,
    accepts=(JSON, FORM),
    allow=PUBLIC,
    raises=(RefreshTokenInvalid,),
    limit=RENEWALS,
    counted_as=post_refresh.__name__,
    own_transactions=True,
    answers_credentials=True,
)
def post_renewal(body: RenewIn, call: Call, now: datetime) -> TokenOut:
    """Renew the tokens: with `refresh_token` in the body, or as `Authorization: Bearer <it>`.

    A refresh token works once, see `POST /auth/refresh`.
    """
    return sessions.renew(_refresh_token(body, call), now)


def _refresh_token(body: RenewIn, call: Call) -> str:
    if body.refresh_token is not None:
        return body.refresh_token
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        advice = "send it in the body, or as the bearer token"
        raise ValidationFailed(errors=[FieldError(campo="refresh_token", erro=advice)])
    return token.strip()
