"""Use cases on users."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal, Role
from chalicelib.core.db import unit_of_work
from chalicelib.core.pages import AS_ID, fetch_page
from chalicelib.core.settings import HOUSE
from chalicelib.identity.errors import (
    CompanyRole,
    LastAdmin,
    NotAUser,
    PasswordWrong,
    UsuarioNotFound,
)
from chalicelib.identity.passwords import hash_password, verify_password
from chalicelib.identity.schemas import NovoUsuario, SenhaIn, UsuarioPatch, UsuarioQuery
from chalicelib.identity.sessions import revoke_all
from chalicelib.identity.tables import TenantSuspenso, Usuario


def create_usuario(
    session: Session, tenant: str, ator: str, new: NovoUsuario, senha_hash: str | None
) -> Usuario:
    """Add a user.

    Args:
        session: The transaction.
        tenant: Whose user.
        ator: Subject of who adds them.
        new: The user; a password is not looked at.
        senha_hash: From `hash_password`, made before the transaction began; None for a user who
            cannot sign in by a password until they have set one.

    Raises:
        LoginTaken: Somebody has this login.
    """
    usuario = Usuario(
        tenant=tenant,
        login=new.login,
        nome=new.nome,
        senha_hash=senha_hash,
        papel=new.papel,
    )
    session.add(usuario)
    session.flush()
    _audit(session, ator, usuario, "usuario.criado", papel=new.papel.value)
    return usuario


def refuse_company_role(principal: Principal, papel: Role | None) -> None:
    """Keep the house's users and the companies' apart.

    Raises:
        CompanyRole: A user of the house would get the role of a company's.
    """
    if papel is Role.EMPRESA and principal.tenant == HOUSE:
        raise CompanyRole


def list_usuarios(
    session: Session, query: UsuarioQuery
) -> tuple[list[Usuario], str | None, tuple[int, bool]]:
    """The tenant's users, newest first.

    Returns:
        The users of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = select(Usuario)
    if query.papel is not None:
        statement = statement.where(Usuario.papel == query.papel)
    if query.ativo is not None:
        statement = statement.where(Usuario.ativo == query.ativo)
    return fetch_page(session, statement, query, (Usuario.id,), (AS_ID,))


def update_usuario(
    session: Session, principal: Principal, usuario_id: int, change: UsuarioPatch, now: datetime
) -> Usuario:
    """Change a user's name or role, deactivate or reactivate them.

    Raises:
        UsuarioNotFound: There is none.
        LastAdmin: Nobody would be left to administer.
    """
    # Every change of this kind locks the same rows, in one order: two admins who demote each
    # other at the same moment take turns, and the second is refused.
    admins = session.scalars(
        select(Usuario.id)
        .where(Usuario.papel == Role.ADMIN, Usuario.ativo)
        .order_by(Usuario.id)
        .with_for_update()
    ).all()
    refuse_company_role(principal, change.papel)
    usuario = get_usuario(session, usuario_id)
    values = change.model_dump(exclude_none=True)
    for name, value in values.items():
        setattr(usuario, name, value)
    loses_admin = not usuario.ativo or usuario.papel != Role.ADMIN
    if list(admins) == [usuario.id] and loses_admin:
        raise LastAdmin
    if change.ativo is False:
        revoke_all(session, usuario.id, now)
    session.flush()
    if values:
        told = change.model_dump(mode="json", exclude_none=True, exclude={"nome"})
        _audit(
            session, principal.subject, usuario, "usuario.alterado", campos=sorted(values), **told
        )
    return usuario


def change_own_password(principal: Principal, change: SenhaIn, now: datetime) -> None:
    """Set a new password and end every sign-in of the user.

    Raises:
        NotAUser: A program has no password.
        PasswordWrong: The current one does not fit.
    """
    usuario_id = own_id(principal)
    with unit_of_work(tenant=principal.tenant, autocommit=True) as session:
        current = get_usuario(session, usuario_id).senha_hash
    if current is not None and not verify_password(change.senha_atual or "", current):
        raise PasswordWrong
    _store_password(principal, usuario_id, change.senha_nova, now)


def reset_password(principal: Principal, usuario_id: int, senha_nova: str, now: datetime) -> None:
    """Set another user's password and end every sign-in of theirs.

    Raises:
        UsuarioNotFound: There is none.
    """
    _store_password(principal, usuario_id, senha_nova, now)


def _store_password(principal: Principal, usuario_id: int, senha: str, now: datetime) -> None:
    hashed = hash_password(senha)
    with unit_of_work(tenant=principal.tenant) as session:
        store_password(session, principal.subject, usuario_id, hashed, now)


def store_password(
    session: Session, ator: str, usuario_id: int, hashed: str, now: datetime
) -> None:
    """Replace a user's password by one that is hashed already, and end their sign-ins.

    Raises:
        UsuarioNotFound: There is none.
    """
    usuario = get_usuario(session, usuario_id)
    usuario.senha_hash = hashed
    revoke_all(session, usuario_id, now)
    _audit(session, ator, usuario, "usuario.senha_trocada")


def suspend_tenant(session: Session, tenant: str, now: datetime) -> None:
    """Let none of a tenant's users in any more; those who are in are out within ten seconds."""
    session.execute(
        insert(TenantSuspenso).values(tenant=tenant, desde=now).on_conflict_do_nothing()
    )


def reinstate_tenant(session: Session, tenant: str) -> None:
    """Let a tenant's users in again; their sign-ins go on."""
    session.execute(delete(TenantSuspenso).where(TenantSuspenso.tenant == tenant))


def names_of(session: Session, subjects: Collection[str]) -> dict[str, str]:
    """Subject -> what the person is called, of those who are users of the session's tenant."""
    prefix = "usuario:"
    ids = {int(each.removeprefix(prefix)) for each in subjects if each.startswith(prefix)}
    rows = session.execute(select(Usuario.id, Usuario.nome).where(Usuario.id.in_(ids)))
    return {f"{prefix}{row.id}": row.nome for row in rows}


def own_id(principal: Principal) -> int:
    """The user who calls.

    Raises:
        NotAUser: It is a program.
    """
    if principal.usuario_id is None:
        raise NotAUser
    return principal.usuario_id


def get_usuario(session: Session, usuario_id: int) -> Usuario:
    """One user of the tenant.

    Raises:
        UsuarioNotFound: There is none under this id.
    """
    usuario = session.get(Usuario, usuario_id)
    if usuario is None:
        raise UsuarioNotFound
    return usuario


def _audit(session: Session, ator: str, usuario: Usuario, acao: str, **detalhes: Any) -> None:
    audit.record(
        session,
        tenant=usuario.tenant,
        ator=ator,
        acao=acao,
        objeto=f"usuario:{usuario.id}",
        **detalhes,
    )
