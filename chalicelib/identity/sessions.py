"""Signing in, renewing and signing out.

These use cases come before a tenant is known, so they work under the system role, and they
must keep what they wrote even when they refuse (a failed sign-in counts), so each opens its
own short transactions.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import and_, delete, exists, select, text, update
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal, Role, issue_access_token
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.settings import settings
from chalicelib.identity.errors import CredentialsWrong, LoginLocked, RefreshTokenInvalid
from chalicelib.identity.passwords import hash_password, needs_rehash, verify_password
from chalicelib.identity.refusals import record_refusal
from chalicelib.identity.schemas import TokenOut
from chalicelib.identity.tables import (
    LoginFailures,
    RefreshToken,
    TenantSuspenso,
    Usuario,
)

FORGIVEN_REUSE = timedelta(seconds=10)  # Two tabs of one browser may renew at once.
FAILURES_PER_ADDRESS = 5  # times those of one account from one address
FAILURES_PER_ACCOUNT = 10

IS_LET_IN = and_(Usuario.ativo, ~exists().where(TenantSuspenso.tenant == Usuario.tenant))


def find_principal(usuario_id: int) -> Principal | None:
    """The active user with this id, as a caller."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        usuario = session.scalar(select(Usuario).where(Usuario.id == usuario_id, IS_LET_IN))
        return _principal(usuario) if usuario else None


def sign_in(login: str, password: str, source_ip: str, now: datetime) -> TokenOut:
    """Exchange credentials for tokens.

    Raises:
        LoginLocked: Too many failures of this account or from this address.
        CredentialsWrong: They do not fit.
    """
    login = login.strip().lower()
    _count_attempt(login, source_ip, now)
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        usuario = session.scalar(select(Usuario).where(Usuario.login == login))
    fits = verify_password(password, usuario.senha_hash if usuario else None)
    tokens = None
    if usuario is not None and usuario.senha_hash and fits and usuario.ativo:
        upgraded = hash_password(password) if needs_rehash(usuario.senha_hash) else None
        with unit_of_work(role=DatabaseRole.SYSTEM) as session:
            if _still_stands(session, usuario):
                _forget_failures(session, login, source_ip)
                if upgraded:
                    session.execute(
                        update(Usuario).where(Usuario.id == usuario.id).values(senha_hash=upgraded)
                    )
                tokens = begin_session(session, usuario, now)
    if tokens is None:
        record_refusal("sessao.recusada", login, source_ip)
        raise CredentialsWrong
    return tokens


def begin_session(session: Session, usuario: Usuario, now: datetime) -> TokenOut:
    """Begin a sign-in of a user who has shown who they are: its first pair of tokens."""
    _audit(session, usuario.tenant, usuario.id, "sessao.iniciada")
    return _issue(session, usuario, uuid4(), now)


def _still_stands(session: Session, usuario: Usuario) -> bool:
    """The password may have been changed, or the user deactivated, while it was being compared."""
    return bool(
        session.scalar(
            select(IS_LET_IN)
            .where(Usuario.id == usuario.id, Usuario.senha_hash == usuario.senha_hash)
            .with_for_update(key_share=True)
        )
    )


def renew(refresh_token: str, now: datetime) -> TokenOut:
    """Exchange a refresh token for a new pair; the old one is spent.

    Raises:
        RefreshTokenInvalid: Unknown, expired, revoked or spent; a spent one that comes back
            later than ten seconds revokes every token grown from the same sign-in.
    """
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        _take_turns(session, RefreshToken.digest == _digest(refresh_token))
        found = session.execute(
            select(RefreshToken, Usuario, IS_LET_IN)
            .join(Usuario, Usuario.id == RefreshToken.usuario_id)
            .where(RefreshToken.digest == _digest(refresh_token))
            .with_for_update(of=RefreshToken)
        ).one_or_none()
        tokens = _rotate(session, *found, now) if found else None
    if tokens is None:
        raise RefreshTokenInvalid
    return tokens


def _rotate(
    session: Session, spent: RefreshToken, usuario: Usuario, is_let_in: bool, now: datetime
) -> TokenOut | None:
    if spent.revogado_em is not None or spent.expira_em <= now or not is_let_in:
        return None
    if spent.usado_em is not None and now - spent.usado_em > FORGIVEN_REUSE:
        _revoke(session, now, RefreshToken.family == spent.family)
        _audit(session, usuario.tenant, usuario.id, "sessao.reuso_detectado")
        return None
    spent.usado_em = spent.usado_em or now
    return _issue(session, usuario, spent.family, now)


def sign_out(refresh_token: str, now: datetime) -> None:
    """End the sign-in a refresh token belongs to; an unknown one is nobody's business."""
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        token = session.scalar(
            select(RefreshToken).where(RefreshToken.digest == _digest(refresh_token))
        )
        if token is not None and _revoke(session, now, RefreshToken.family == token.family):
            _audit(session, token.tenant, token.usuario_id, "sessao.encerrada")


def revoke_all(session: Session, usuario_id: int, now: datetime) -> None:
    """End every sign-in of a user."""
    _revoke(session, now, RefreshToken.usuario_id == usuario_id)


def _revoke(session: Session, now: datetime, which: Any) -> bool:
    """End these tokens; False when all had ended before."""
    _take_turns(session, which)
    ended = session.scalars(
        update(RefreshToken)
        .where(which, RefreshToken.revogado_em.is_(None))
        .values(revogado_em=now)
        .returning(RefreshToken.id)
    )
    return bool(ended.all())


def _take_turns(session: Session, which: Any) -> None:
    """Wait for whoever is renewing or revoking tokens of the same user.

    A revocation that ran beside a renewal would not see the token that is just being made,
    and that one would live on.
    """
    owner = select(RefreshToken.usuario_id).where(which)
    session.execute(select(Usuario.id).where(Usuario.id.in_(owner)).with_for_update(key_share=True))


def _issue(session: Session, usuario: Usuario, family: UUID, now: datetime) -> TokenOut:
    refresh_token = secrets.token_urlsafe(32)
    session.add(
        RefreshToken(
            tenant=usuario.tenant,
            usuario_id=usuario.id,
            family=family,
            digest=_digest(refresh_token),
            expira_em=now + timedelta(days=settings().refresh_token_days),
        )
    )
    access_token, lifetime = issue_access_token(usuario.id, now)
    return TokenOut(
        access_token=access_token,
        expires_in=int(lifetime.total_seconds()),
        refresh_token=refresh_token,
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _principal(usuario: Usuario) -> Principal:
    return Principal(f"usuario:{usuario.id}", usuario.id, Role(usuario.papel), usuario.tenant)


def _audit(session: Session, tenant: str, usuario_id: int, acao: str) -> None:
    subject = f"usuario:{usuario_id}"
    audit.record(session, tenant=tenant, ator=subject, acao=acao, objeto=subject)


def _limits(login: str, source_ip: str) -> dict[str, int]:
    once = settings().login_max_failures
    return {
        # The address comes first: it holds no blanks, so no login can be written as this key.
        f"endereco:{source_ip} conta:{login}": once,
        f"endereco:{source_ip}": once * FAILURES_PER_ADDRESS,
        f"conta:{login}": once * FAILURES_PER_ACCOUNT,
    }


# The attempt is counted before the password is looked at, in one statement: guesses sent in
# parallel cannot all pass while the count still stands below the limit.
COUNT_ATTEMPT = """
INSERT INTO tentativas_login AS t (chave, falhas, desde)
SELECT unnest(cast(:chaves AS text[])), 1, :now
ON CONFLICT (chave) DO UPDATE SET
    falhas = CASE WHEN t.desde <= :window THEN 1 ELSE t.falhas + 1 END,
    desde = CASE WHEN t.desde <= :window THEN :now ELSE t.desde END
RETURNING chave, falhas, desde
"""


def _count_attempt(login: str, source_ip: str, now: datetime) -> None:
    limits = _limits(login, source_ip)
    lock = timedelta(minutes=settings().login_lock_minutes)
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        counted = session.execute(
            text(COUNT_ATTEMPT),
            {"chaves": sorted(limits), "now": now, "window": now - lock},
        ).all()
    waits = [desde + lock - now for chave, falhas, desde in counted if falhas > limits[chave]]
    if waits:
        # Told once, when it begins: whoever is locked out must not fill the trail.
        if any(falhas == limits[chave] + 1 for chave, falhas, _ in counted):
            record_refusal("sessao.bloqueada", login, source_ip)
        seconds = max(1, int(max(waits).total_seconds()))
        raise LoginLocked(headers={"Retry-After": str(seconds)})


# The address keeps its other failures: whoever has one account must not be able to clear it. The
# rows are locked in the order in which attempts are counted, else the two would deadlock.
FORGET_ATTEMPT = """
UPDATE tentativas_login t
SET falhas = CASE WHEN t.chave = :address THEN greatest(t.falhas - 1, 0) ELSE 0 END
FROM (
    SELECT chave FROM tentativas_login WHERE chave = ANY(:chaves)
    ORDER BY chave COLLATE "C" FOR UPDATE
) locked
WHERE t.chave = locked.chave
"""


def _forget_failures(session: Session, login: str, source_ip: str) -> None:
    session.execute(
        text(FORGET_ATTEMPT),
        {"chaves": sorted(_limits(login, source_ip)), "address": f"endereco:{source_ip}"},
    )


def remove_expired(now: datetime) -> None:
    """Delete refresh tokens and counts of failures that no longer decide anything."""
    lock = timedelta(minutes=settings().login_lock_minutes)
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(delete(RefreshToken).where(RefreshToken.expira_em <= now))
        session.execute(delete(LoginFailures).where(LoginFailures.desde <= now - lock))
