"""Routes of identity."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.pages import Page
from chalicelib.core.parsing import FORM, JSON
from chalicelib.core.types import Id
from chalicelib.core.web import EVERYONE, PUBLIC, Routes, authenticate_with, endpoint
from chalicelib.identity import service, sessions
from chalicelib.identity.errors import (
    CompanyRole,
    CredentialsWrong,
    LastAdmin,
    LoginLocked,
    LoginTaken,
    NotAUser,
    PasswordWrong,
    RefreshTokenInvalid,
    UsuarioNotFound,
)
from chalicelib.identity.passwords import hash_password
from chalicelib.identity.schemas import (
    RefreshIn,
    SenhaIn,
    SenhaReset,
    TokenIn,
    TokenOut,
    UsuarioIn,
    UsuarioOut,
    UsuarioPatch,
    UsuarioQuery,
)

identity = Routes(__name__)
authenticate_with(sessions.find_principal)

SIGN_INS = "30/minute"  # Each hashes a password for 50 ms; a whole desk may share an address.
RENEWALS = "120/minute"


@identity.route("/auth/token", methods=["POST"])
@endpoint(
    identity,
    body=TokenIn,
    accepts=(JSON, FORM),
    allow=PUBLIC,
    raises=(CredentialsWrong, LoginLocked),
    limit=SIGN_INS,
    own_transactions=True,
    answers_credentials=True,
)
def post_token(body: TokenIn, call: Call, now: datetime) -> TokenOut:
    """Sign in.

    Takes OAuth2's password grant as a form, or the same fields as JSON. An account or an
    address with too many failures has to wait.
    """
    return sessions.sign_in(body.username, body.password, call.source_ip, now)


@identity.route("/auth/refresh", methods=["POST"])
@endpoint(
    identity,
    body=RefreshIn,
    accepts=(JSON, FORM),
    allow=PUBLIC,
    raises=(RefreshTokenInvalid,),
    limit=RENEWALS,
    own_transactions=True,
    answers_credentials=True,
)
def post_refresh(body: RefreshIn, now: datetime) -> TokenOut:
    """Renew the tokens.

    A refresh token works once. One that comes back later is taken as stolen and ends the
    whole sign-in.
    """
    return sessions.renew(body.refresh_token, now)


@identity.route("/auth/logout", methods=["POST"])
@endpoint(
    identity, body=RefreshIn, accepts=(JSON, FORM), allow=PUBLIC, status=204, own_transactions=True
)
def post_logout(body: RefreshIn, now: datetime) -> None:
    """Sign out: the refresh token and all that grew from the same sign-in end."""
    sessions.sign_out(body.refresh_token, now)


@identity.route("/auth/eu", methods=["GET"])
@endpoint(identity, allow=EVERYONE, raises=(NotAUser, UsuarioNotFound), autocommit=True)
def get_me(session: Session, principal: Principal) -> UsuarioOut:
    """Who the token stands for."""
    usuario = service.get_usuario(session, service.own_id(principal))
    return UsuarioOut.model_validate(usuario)


@identity.route("/auth/usuarios", methods=["GET"])
@endpoint(
    identity, query=UsuarioQuery, allow=Role.ADMIN, response=Page[UsuarioOut], autocommit=True
)
def get_usuarios(session: Session, query: UsuarioQuery, call: Call) -> Reply:
    """List the users, newest first."""
    usuarios, cursor, total = service.list_usuarios(session, query)
    return page_reply(Page[UsuarioOut], usuarios, cursor, total, call)


def _admissible_hash(principal: Principal, body: UsuarioIn) -> str:
    service.refuse_company_role(principal, body.papel)
    return hash_password(body.senha)


@identity.route("/auth/usuarios", methods=["POST"])
@endpoint(
    identity,
    body=UsuarioIn,
    allow=Role.ADMIN,
    status=201,
    raises=(LoginTaken, CompanyRole),
    before=_admissible_hash,
)
def post_usuario(
    session: Session, principal: Principal, body: UsuarioIn, prepared: str
) -> UsuarioOut:
    """Add a user."""
    new = service.create_usuario(session, principal.tenant, principal.subject, body, prepared)
    return UsuarioOut.model_validate(new)


@identity.route("/auth/usuarios/{usuario_id}", methods=["PATCH"])
@endpoint(
    identity, body=UsuarioPatch, allow=Role.ADMIN, raises=(UsuarioNotFound, LastAdmin, CompanyRole)
)
def patch_usuario(
    session: Session, principal: Principal, usuario_id: Id, body: UsuarioPatch, now: datetime
) -> UsuarioOut:
    """Change a user's name or role, deactivate or reactivate them.

    Takes effect on access tokens already out within ten seconds.
    """
    usuario = service.update_usuario(session, principal, usuario_id, body, now)
    return UsuarioOut.model_validate(usuario)


@identity.route("/auth/usuarios/{usuario_id}/senha", methods=["PUT"])
@endpoint(
    identity,
    body=SenhaReset,
    allow=Role.ADMIN,
    status=204,
    raises=(UsuarioNotFound,),
    own_transactions=True,
)
def put_usuario_senha(
    principal: Principal, usuario_id: Id, body: SenhaReset, now: datetime
) -> None:
    """Set another user's password; their sign-ins end."""
    service.reset_password(principal, usuario_id, body.senha_nova, now)


@identity.route("/auth/senha", methods=["PUT"])
@endpoint(
    identity,
    body=SenhaIn,
    allow=EVERYONE,
    status=204,
    raises=(NotAUser, PasswordWrong),
    limit=SIGN_INS,
    own_transactions=True,
)
def put_senha(principal: Principal, body: SenhaIn, now: datetime) -> None:
    """Change one's own password, or set the first one; every sign-in of the user ends."""
    service.change_own_password(principal, body, now)
