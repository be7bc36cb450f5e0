"""Companies: they sign up, change what is known of them, and are let in or not by the house.

Signing up comes before there is a tenant, and what the house does concerns everybody's rows: these
use cases open their own transactions.
"""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal, Role
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.pages import AS_ID, fetch_page
from chalicelib.credit import service_keys
from chalicelib.credit.errors import EmpresaNotFound
from chalicelib.credit.schemas_companies import (
    ChaveIn,
    CredenciaisOut,
    EmpresaIn,
    EmpresaOut,
    EmpresaPatch,
    EmpresasQuery,
    MinhaEmpresaOut,
)
from chalicelib.credit.schemas_datasets import EstadoDataset
from chalicelib.credit.tables import Dataset
from chalicelib.credit.tables_companies import Empresa
from chalicelib.identity import service as users
from chalicelib.identity import sessions
from chalicelib.identity.schemas import NovoUsuario
from chalicelib.identity.tables import Usuario

SIGN_UPS = "20/hour"  # Each makes a tenant, and hashes a password for 50 ms.
FIRST_KEY = "primeira"
TENANT_DIGITS = 12


def sign_up(new: EmpresaIn, senha_hash: str | None, now: datetime) -> CredenciaisOut:
    """Make a company with its tenant, standing collection, first user and first key.

    Args:
        new: The company; its password is not looked at.
        senha_hash: From `hash_password`, made before; None where there is no password.
        now: When.

    Raises:
        EmailEmUso: A company has signed up with this e-mail.
        CnpjEmUso: A company has signed up with this CNPJ.
        LoginTaken: Somebody signs in under this e-mail already.
    """
    tenant = f"empresa-{uuid4().hex[:TENANT_DIGITS]}"
    with unit_of_work(tenant=tenant) as session:
        empresa = Empresa(
            tenant=tenant, nome=new.nome, email=new.email, cnpj=new.cnpj, criada_em=now, ativa=True
        )
        session.add(empresa)
        session.flush()
        first = NovoUsuario(login=new.email, nome=new.nome, papel=Role.EMPRESA)
        ator = f"empresa:{empresa.id}"
        usuario = users.create_usuario(session, tenant, ator, first, senha_hash)
        closed = EstadoDataset.FECHADO
        session.add(Dataset(tenant=tenant, acervo=True, estado=closed, criado_por=ator))
        _audit(session, ator, empresa, "empresa.cadastrada")
        return _new_credentials(session, empresa, usuario, ator, now)


def own_company(session: Session, principal: Principal) -> Empresa:
    """The caller's company.

    Raises:
        EmpresaNotFound: Their tenant is none's.
    """
    empresa = session.scalar(select(Empresa).where(Empresa.tenant == principal.tenant))
    if empresa is None:
        raise EmpresaNotFound
    return empresa


def describe_own_company(session: Session, principal: Principal) -> MinhaEmpresaOut:
    """The caller's company, with the id of its standing collection.

    Raises:
        EmpresaNotFound: Their tenant is none's.
    """
    empresa = own_company(session, principal)
    acervo = select(Dataset.id).where(Dataset.tenant == principal.tenant, Dataset.acervo)
    said = EmpresaOut.model_validate(empresa).model_dump()
    return MinhaEmpresaOut(**said, acervo_id=session.scalars(acervo).one())


def change_company(session: Session, principal: Principal, change: EmpresaPatch) -> Empresa:
    """Change name, e-mail or CNPJ; who signs in under the old e-mail does so under the new one.

    Raises:
        EmpresaNotFound: The caller's tenant is none's.
        EmailEmUso, CnpjEmUso: Another company has it.
        LoginTaken: Somebody signs in under this e-mail already.
    """
    empresa = own_company(session, principal)
    values = change.model_dump(exclude_none=True)
    if "email" in values:
        usuario = session.scalar(select(Usuario).where(Usuario.login == empresa.email))
        if usuario is not None:
            usuario.login = values["email"]
    for name, value in values.items():
        setattr(empresa, name, value)
    session.flush()
    if values:
        _audit(session, principal.subject, empresa, "empresa.alterada", campos=sorted(values))
    return empresa


def list_companies(
    query: EmpresasQuery,
) -> tuple[list[Empresa], str | None, tuple[int, bool]]:
    """Every company, newest first.

    Returns:
        The companies of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = select(Empresa)
    if query.ativa is not None:
        statement = statement.where(Empresa.ativa == query.ativa)
    if query.q is not None:
        fields = (Empresa.nome, Empresa.email, Empresa.cnpj)
        statement = statement.where(
            or_(*(field.icontains(query.q, autoescape=True) for field in fields))
        )
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        return fetch_page(session, statement, query, (Empresa.id,), (AS_ID,))


def set_active(principal: Principal, empresa_id: int, *, ativa: bool, now: datetime) -> Empresa:
    """Let a company in, or keep its users and programs out within ten seconds.

    Raises:
        EmpresaNotFound: There is none.
    """
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        empresa = _locked(session, empresa_id)
        if empresa.ativa != ativa:
            empresa.ativa = ativa
            if ativa:
                users.reinstate_tenant(session, empresa.tenant)
            else:
                users.suspend_tenant(session, empresa.tenant, now)
            _audit(
                session,
                principal.subject,
                empresa,
                "empresa.reativada" if ativa else "empresa.desativada",
            )
        return empresa


def reissue_credentials(principal: Principal, empresa_id: int, now: datetime) -> CredenciaisOut:
    """Give a company that lost everything new credentials; all that it had end.

    Its first user is without a password again: whoever found the old one has nothing of it.

    Raises:
        EmpresaNotFound: There is none.
    """
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        empresa = _locked(session, empresa_id)
        usuario = session.scalars(
            select(Usuario)
            .where(Usuario.tenant == empresa.tenant, Usuario.papel == Role.EMPRESA)
            .order_by(Usuario.id)
            .limit(1)
        ).one()
        usuario.senha_hash, usuario.ativo = None, True
        sessions.revoke_all(session, usuario.id, now)
        ended = service_keys.revoke_all(session, empresa.tenant, now)
        _audit(
            session,
            principal.subject,
            empresa,
            "empresa.credenciais_reemitidas",
            chaves_encerradas=ended,
        )
        return _new_credentials(session, empresa, usuario, principal.subject, now)


def _new_credentials(
    session: Session, empresa: Empresa, usuario: Usuario, ator: str, now: datetime
) -> CredenciaisOut:
    key = ChaveIn(nome=FIRST_KEY)
    return CredenciaisOut(
        empresa=EmpresaOut.model_validate(empresa),
        tokens=sessions.begin_session(session, usuario, now),
        chave=service_keys.issue_key(session, empresa.tenant, ator, key, now),
    )


def _locked(session: Session, empresa_id: int) -> Empresa:
    empresa = session.get(Empresa, empresa_id, with_for_update=True)
    if empresa is None:
        raise EmpresaNotFound
    return empresa


def _audit(session: Session, ator: str, empresa: Empresa, acao: str, **detalhes: object) -> None:
    audit.record(
        session,
        tenant=empresa.tenant,
        ator=ator,
        acao=acao,
        objeto=f"empresa:{empresa.id}",
        **detalhes,
    )
