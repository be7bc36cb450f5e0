"""Keys of companies' programs: made, shown once, found by their digest, replaced, revoked.

A key is random to 256 bits, so a plain SHA-256 of it cannot be guessed from. It lives until
`expira_em` or `revogada_em`, whichever comes first; the second may lie ahead, which is the grace
of a key that is being replaced.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal, Role
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.pages import AS_INSTANT, AS_UUID, PageQuery, fetch_page
from chalicelib.credit.api_keys import PREFIX
from chalicelib.credit.errors import ChaveEncerrada, ChaveNaoFazChaves, ChaveNotFound
from chalicelib.credit.schemas_companies import ChaveIn, ChaveNovaOut, ChaveOut, RotacaoIn
from chalicelib.credit.tables_companies import ChaveApi, Empresa

SHOWN = len(PREFIX) + 8
SECRET_BYTES = 32


def find_principal(secret: str, now: datetime) -> tuple[Principal, datetime] | None:
    """Who a key stands for and until when; None for one that is unknown, ended, or of a company
    that was deactivated.
    """
    digest = _digest(secret)
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = session.execute(
            select(ChaveApi, Empresa.ativa)
            .join(Empresa, Empresa.tenant == ChaveApi.tenant)
            .where(ChaveApi.digest == digest)
        ).one_or_none()
        if found is None or not hmac.compare_digest(found.ChaveApi.digest, digest):
            return None
        chave: ChaveApi = found.ChaveApi
        ends = min(chave.expira_em, chave.revogada_em or chave.expira_em)
        if not found.ativa or ends <= now:
            return None
        _note_use(session, chave, now)
    return Principal(f"chave:{chave.id}", None, Role.EMPRESA, chave.tenant), ends


def _note_use(session: Session, chave: ChaveApi, now: datetime) -> None:
    """To the day: a write for each request would cost more than it tells."""
    if chave.usada_em is None or chave.usada_em.date() != now.date():
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        unused_today = or_(ChaveApi.usada_em.is_(None), ChaveApi.usada_em < today)
        session.execute(
            update(ChaveApi).where(ChaveApi.id == chave.id, unused_today).values(usada_em=now)
        )


def create_key(session: Session, principal: Principal, new: ChaveIn, now: datetime) -> ChaveNovaOut:
    """Make a key.

    Raises:
        ChaveNaoFazChaves: A key asks for it.
        ChaveNomeEmUso: One of this name has not been revoked.
    """
    if principal.usuario_id is None:
        raise ChaveNaoFazChaves
    return issue_key(session, principal.tenant, principal.subject, new, now)


def issue_key(
    session: Session, tenant: str, ator: str, new: ChaveIn, now: datetime
) -> ChaveNovaOut:
    """Make a key of a company.

    Raises:
        ChaveNomeEmUso: One of this name has not been revoked.
    """
    chave, secret = _new_key(tenant, ator, new.nome, new.validade_dias, now)
    session.add(chave)
    session.flush()
    _audit(session, ator, chave, "chave.criada")
    return _shown_once(chave, secret)


def list_keys(
    session: Session, query: PageQuery
) -> tuple[list[ChaveApi], str | None, tuple[int, bool]]:
    """The company's keys, newest first, those that have ended too.

    Returns:
        The keys of the page, the cursor of the next one, and the total with its exactness.
    """
    key = (ChaveApi.criada_em, ChaveApi.id)
    return fetch_page(session, select(ChaveApi), query, key, (AS_INSTANT, AS_UUID))


def revoke_key(session: Session, principal: Principal, chave_id: UUID, now: datetime) -> None:
    """End a key, within ten seconds; one that has ended stays as it is.

    Raises:
        ChaveNaoFazChaves: Another key asks for it.
        ChaveNotFound: There is none.
    """
    chave = _own_key(session, principal, chave_id)
    if chave.revogada_em is None or chave.revogada_em > now:
        chave.revogada_em = now
        _audit(session, principal.subject, chave, "chave.revogada")


def rotate_key(
    session: Session, principal: Principal, chave_id: UUID, how: RotacaoIn, now: datetime
) -> ChaveNovaOut:
    """Replace a key by one of the same name; the old one is taken for a while yet.

    Raises:
        ChaveNaoFazChaves: Another key asks for it.
        ChaveNotFound: There is none.
        ChaveEncerrada: It has ended, or is being replaced already.
    """
    old = _own_key(session, principal, chave_id)
    if old.revogada_em is not None or old.expira_em <= now:
        raise ChaveEncerrada
    old.revogada_em = now + timedelta(minutes=how.graca_minutos)
    session.flush()  # Its name is free for the new one from here on.
    new, secret = _new_key(old.tenant, principal.subject, old.nome, how.validade_dias, now)
    session.add(new)
    session.flush()
    _audit(session, principal.subject, old, "chave.substituida", por=f"chave:{new.id}")
    return _shown_once(new, secret)


def revoke_all(session: Session, tenant: str, now: datetime) -> int:
    """End every key of a company; gives how many there were."""
    ended = session.scalars(
        update(ChaveApi)
        .where(
            ChaveApi.tenant == tenant,
            or_(ChaveApi.revogada_em.is_(None), ChaveApi.revogada_em > now),
        )
        .values(revogada_em=now)
        .returning(ChaveApi.id)
    )
    return len(ended.all())


def _own_key(session: Session, principal: Principal, chave_id: UUID) -> ChaveApi:
    """The key, locked: of two who replace it at once the second sees what the first did."""
    chave = session.get(ChaveApi, chave_id, with_for_update=True)
    if chave is None:
        raise ChaveNotFound
    if principal.usuario_id is None and principal.subject != f"chave:{chave.id}":
        raise ChaveNaoFazChaves
    return chave


def _new_key(
    tenant: str, ator: str, nome: str, validade_dias: int, now: datetime
) -> tuple[ChaveApi, str]:
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    chave = ChaveApi(
        id=uuid4(),
        tenant=tenant,
        nome=nome,
        prefixo=secret[:SHOWN],
        digest=_digest(secret),
        criada_em=now,
        criada_por=ator,
        expira_em=now + timedelta(days=validade_dias),
    )
    return chave, secret


def _shown_once(chave: ChaveApi, secret: str) -> ChaveNovaOut:
    return ChaveNovaOut(**ChaveOut.model_validate(chave).model_dump(), chave=secret)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _audit(session: Session, ator: str, chave: ChaveApi, acao: str, **detalhes: str) -> None:
    audit.record(
        session, tenant=chave.tenant, ator=ator, acao=acao, objeto=f"chave:{chave.id}", **detalhes
    )
