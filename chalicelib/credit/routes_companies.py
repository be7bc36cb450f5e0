"""Routes of companies: signing up, what is known of them, their keys, and what the house does."""

from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.settings import HOUSE
from chalicelib.core.types import Id
from chalicelib.core.web import PUBLIC, Routes, endpoint
from chalicelib.credit import service_companies, service_keys
from chalicelib.credit.errors import (
    ChaveEncerrada,
    ChaveNaoFazChaves,
    ChaveNomeEmUso,
    ChaveNotFound,
    CnpjEmUso,
    EmailEmUso,
    EmpresaNotFound,
)
from chalicelib.credit.schemas_companies import (
    ChaveIn,
    ChaveNovaOut,
    ChaveOut,
    CredenciaisOut,
    EmpresaEstado,
    EmpresaIn,
    EmpresaOut,
    EmpresaPatch,
    EmpresasQuery,
    MinhaEmpresaOut,
    RotacaoIn,
)
from chalicelib.identity.errors import LoginTaken
from chalicelib.identity.passwords import hash_password

companies = Routes(__name__)


company = partial(endpoint, companies, allow=Role.EMPRESA, companies_only=True)
house = partial(endpoint, companies, allow=Role.ADMIN, tenant=HOUSE, own_transactions=True)


def _hash_of_password(body: EmpresaIn) -> str | None:
    return hash_password(body.senha) if body.senha is not None else None


@companies.route("/credito/empresas", methods=["POST"])
@endpoint(
    companies,
    body=EmpresaIn,
    allow=PUBLIC,
    status=201,
    raises=(EmailEmUso, CnpjEmUso, LoginTaken),
    limit=service_companies.SIGN_UPS,
    before=_hash_of_password,
    own_transactions=True,
    answers_credentials=True,
)
def post_empresa(body: EmpresaIn, prepared: str | None, now: datetime) -> CredenciaisOut:
    """Sign a company up.

    The answer holds the access and refresh tokens of its first user and a first key for its
    programs. The key is shown this once.
    """
    return service_companies.sign_up(body, prepared, now)


@companies.route("/credito/empresa", methods=["GET"])
@company(raises=(EmpresaNotFound,), autocommit=True)
def get_empresa(session: Session, principal: Principal) -> MinhaEmpresaOut:
    """Your company, with the id of its acervo."""
    return service_companies.describe_own_company(session, principal)


@companies.route("/credito/empresa", methods=["PATCH"])
@company(body=EmpresaPatch, raises=(EmpresaNotFound, EmailEmUso, CnpjEmUso, LoginTaken))
def patch_empresa(session: Session, principal: Principal, body: EmpresaPatch) -> MinhaEmpresaOut:
    """Change your company's name, e-mail or CNPJ."""
    service_companies.change_company(session, principal, body)
    return service_companies.describe_own_company(session, principal)


@companies.route("/credito/chaves", methods=["POST"])
@company(
    body=ChaveIn,
    status=201,
    raises=(ChaveNomeEmUso, ChaveNaoFazChaves),
    answers_credentials=True,
)
def post_chave(
    session: Session, principal: Principal, body: ChaveIn, now: datetime
) -> ChaveNovaOut:
    """Make a key for a program of yours; it is shown this once."""
    return service_keys.create_key(session, principal, body, now)


@companies.route("/credito/chaves", methods=["GET"])
@company(query=PageQuery, response=Page[ChaveOut], autocommit=True)
def get_chaves(session: Session, query: PageQuery, call: Call) -> Reply:
    """List your keys, newest first, those that have ended too."""
    chaves, cursor, total = service_keys.list_keys(session, query)
    return page_reply(Page[ChaveOut], chaves, cursor, total, call)


@companies.route("/credito/chaves/{chave_id}", methods=["DELETE"])
@company(status=204, raises=(ChaveNotFound, ChaveNaoFazChaves))
def delete_chave(session: Session, principal: Principal, chave_id: UUID, now: datetime) -> None:
    """Revoke a key; it is refused within ten seconds."""
    service_keys.revoke_key(session, principal, chave_id, now)


@companies.route("/credito/chaves/{chave_id}/rotacionar", methods=["POST"])
@company(
    body=RotacaoIn,
    status=201,
    raises=(ChaveNotFound, ChaveEncerrada, ChaveNaoFazChaves, ChaveNomeEmUso),
    answers_credentials=True,
)
def post_chave_rotacionar(
    session: Session, principal: Principal, chave_id: UUID, body: RotacaoIn, now: datetime
) -> ChaveNovaOut:
    """Replace a key by a new one of its name; the old one is taken until the grace is over.

    A program may replace its own key.
    """
    return service_keys.rotate_key(session, principal, chave_id, body, now)


@companies.route("/credito/empresas", methods=["GET"])
@house(query=EmpresasQuery, response=Page[EmpresaOut])
def get_empresas(query: EmpresasQuery, call: Call) -> Reply:
    """List the companies, newest first."""
    found, cursor, total = service_companies.list_companies(query)
    return page_reply(Page[EmpresaOut], found, cursor, total, call)


@companies.route("/credito/empresas/{empresa_id}", methods=["PATCH"])
@house(body=EmpresaEstado, raises=(EmpresaNotFound,))
def patch_empresas(
    principal: Principal, empresa_id: Id, body: EmpresaEstado, now: datetime
) -> EmpresaOut:
    """Deactivate or reactivate a company.

    Its users and its programs are kept out within ten seconds; nothing of theirs is lost.
    """
    empresa = service_companies.set_active(principal, empresa_id, ativa=body.ativa, now=now)
    return EmpresaOut.model_validate(empresa)


@companies.route("/credito/empresas/{empresa_id}/credenciais", methods=["POST"])
@house(status=201, raises=(EmpresaNotFound,), answers_credentials=True)
def post_empresa_credenciais(principal: Principal, empresa_id: Id, now: datetime) -> CredenciaisOut:
    """Give a company that lost everything new credentials, shown this once.

    All it had end: keys, sign-ins and the password of its first user.
    """
    return service_companies.reissue_credentials(principal, empresa_id, now)
