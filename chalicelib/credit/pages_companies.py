"""Pages of a company's access: signing up, its keys."""

from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core.auth import Role
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest, FieldError, ValidationFailed
from chalicelib.core.pages import CursorInvalid
from chalicelib.core.types import Strict
from chalicelib.core.web import PUBLIC, Routes
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
from chalicelib.credit.schemas_companies import ChaveIn, ChaveNovaOut, EmpresaIn, RotacaoIn
from chalicelib.identity.errors import LoginTaken
from chalicelib.identity.passwords import hash_password

SIGN_UP = "/cadastro"
KEYS = "/console/credito/credenciais"

company_pages = Routes(__name__)
company = partial(page, company_pages, allow=Role.EMPRESA, companies_only=True)


class KeyForm(Strict):
    """Which key is meant."""

    chave_id: UUID


def show_sign_up(form: Form) -> Shown:
    """The form for signing a company up."""
    return Shown("credit/sign_up.html", form=form)


@company_pages.route(SIGN_UP, methods=["GET"])
@page(company_pages, allow=PUBLIC, identifies_caller=True, own_transactions=True)
def get_sign_up(visit: Visit, form: Form) -> Shown | Reply:
    """The form for signing a company up; who is in already is led home."""
    return visit.go("/") if visit.principal else show_sign_up(form)


@company_pages.route(SIGN_UP, methods=["POST"])
@page(
    company_pages,
    allow=PUBLIC,
    again=show_sign_up,
    raises=(EmailEmUso, CnpjEmUso, LoginTaken),
    limit=service_companies.SIGN_UPS,
    counted_as="post_empresa",
    own_transactions=True,
)
def post_sign_up(visit: Visit, form: Form, now: datetime) -> Shown:
    """Sign a company up, let its first user in, and show the first key once."""
    new = form.read(EmpresaIn)
    if new.senha is None:
        missing = FieldError(campo="senha", erro="Preencha este campo.")
        raise ValidationFailed(errors=[missing])
    made = service_companies.sign_up(new, hash_password(new.senha), now)
    visit.begin(made.tokens)
    visit.call_them(made.empresa.nome)
    return Shown("credit/welcome.html", empresa=made.empresa, chave=made.chave)


def show_keys(session: Session, visit: Visit, query: PartQuery, form: Form) -> Shown:
    """The company and its keys."""
    return _keys(session, visit, query, form, None)


def _keys(
    session: Session, visit: Visit, query: PartQuery, form: Form, made: ChaveNovaOut | None
) -> Shown:
    found, cursor, total = service_keys.list_keys(session, query)
    return Shown(
        "credit/keys.html",
        empresa=service_companies.describe_own_company(session, visit.who),
        found=found,
        cursor=cursor,
        total=total,
        form=form,
        made=made,
    )


@company_pages.route(KEYS, methods=["GET"])
@company(query=PartQuery, raises=(CursorInvalid, EmpresaNotFound), autocommit=True)
def get_keys(session: Session, visit: Visit, query: PartQuery, form: Form) -> Shown:
    """The company and its keys."""
    return show_keys(session, visit, query, form)


@company_pages.route(KEYS, methods=["POST"])
@company(
    query=PartQuery,
    again=show_keys,
    raises=(ChaveNomeEmUso, ChaveNaoFazChaves, ChaveNotFound, ChaveEncerrada, EmpresaNotFound),
)
def post_keys(
    session: Session, visit: Visit, query: PartQuery, form: Form, now: datetime
) -> Shown | Reply:
    """Make a key, replace one, or revoke one. A new one is shown here and never again."""
    if form.action == "criar":
        made = service_keys.create_key(session, visit.who, form.read(ChaveIn), now)
        return _keys(session, visit, query, Form(), made)
    chosen = form.read(KeyForm).chave_id
    if form.action == "substituir":
        made = service_keys.rotate_key(session, visit.who, chosen, form.read(RotacaoIn), now)
        return _keys(session, visit, query, Form(), made)
    if form.action == "revogar":
        service_keys.revoke_key(session, visit.who, chosen, now)
        return visit.go(KEYS, "A chave foi revogada. Em dez segundos ninguém mais entra com ela.")
    raise BadRequest
