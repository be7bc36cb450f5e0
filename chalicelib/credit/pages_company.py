"""The page of a company's own data, and of what the LGPD gives its clientes a right to."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.job_actions import followed_job, is_under_way, newest_job
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.visits import Visit
from chalicelib.core.auth import Role
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest, FieldError, ValidationFailed
from chalicelib.core.parsing import JSON
from chalicelib.core.personal_data import PRIVATE
from chalicelib.core.web import Routes
from chalicelib.credit import service_companies, service_lgpd
from chalicelib.credit.cnpj import punctuated
from chalicelib.credit.errors import (
    ClienteNotFound,
    CnpjEmUso,
    DadosEmUso,
    EmailEmUso,
    EmpresaNotFound,
)
from chalicelib.credit.queues import CREDIT_LGPD_QUEUE
from chalicelib.credit.schemas_companies import EmpresaPatch
from chalicelib.credit.schemas_lgpd import TitularIn
from chalicelib.identity.errors import LoginTaken

PATH = "/console/credito/empresa"
COPY = f"{PATH}/copia"

own_company_pages = Routes(__name__)
company = partial(page, own_company_pages, allow=Role.EMPRESA, companies_only=True)


class Erasing(BaseModel):
    """That somebody is to be erased for good."""

    model_config = ConfigDict(extra="ignore")

    entendo: Literal["sim"]


@contextmanager
def _told_beside_the_field() -> Iterator[None]:
    """A code that nobody has is a mistake in the form, not an address that leads nowhere."""
    try:
        yield
    except ClienteNotFound as problem:
        wrong = FieldError(campo="cliente", erro=problem.motivo)
        raise ValidationFailed(errors=[wrong]) from problem


def show_company(session: Session, visit: Visit, form: Form) -> Shown:
    """The company's own data, and the forms about a cliente's."""
    empresa = service_companies.describe_own_company(session, visit.who)
    newest = newest_job(session, visit.who, CREDIT_LGPD_QUEUE.name)
    erasing = followed_job(session, visit.who, newest.id if newest else None)
    details = form if form.action == "empresa" else form.of(empresa)
    if details is not form and empresa.cnpj:
        details.values["cnpj"] = punctuated(empresa.cnpj)
    return Shown(
        "credit/company.html",
        empresa=empresa,
        details=details,
        erasing=erasing,
        is_live=is_under_way(erasing),
        form=form,
    )


@own_company_pages.route(PATH, methods=["GET"])
@company(raises=(EmpresaNotFound,), autocommit=True)
def get_company(session: Session, visit: Visit, form: Form) -> Shown:
    """The company's own data, and the forms about a cliente's."""
    return show_company(session, visit, form)


@own_company_pages.route(PATH, methods=["POST"])
@company(
    again=show_company,
    raises=(EmpresaNotFound, EmailEmUso, CnpjEmUso, LoginTaken, DadosEmUso),
)
def post_company(session: Session, visit: Visit, form: Form, now: datetime) -> Reply:
    """Change what is known of the company, or erase a cliente."""
    if form.action == "empresa":
        service_companies.change_company(session, visit.who, form.read(EmpresaPatch))
        return visit.go(PATH, "Os dados da empresa foram salvos.")
    if form.action == "apagar":
        form.read(Erasing)
        who = form.read(TitularIn).cliente
        with _told_beside_the_field():
            service_lgpd.erase_cliente(session, visit.who, who, now)
        return visit.go(PATH, "O cliente foi apagado, e os arquivos também o são.")
    raise BadRequest


@own_company_pages.route(COPY, methods=["POST"])
@company(again=show_company, own_transactions=True)
def post_copy(visit: Visit, form: Form, now: datetime) -> Shown | Reply:
    """All that is held of a cliente, as a file; where it is large, where to fetch it from."""
    who = form.read(TitularIn).cliente
    with _told_beside_the_field():
        address, document = service_lgpd.export_cliente(visit.who, who, now)
    if address is not None:
        # A form may not lead to another origin, and the store may be one.
        return Shown("credit/company_copy.html", address=address)
    named = f'attachment; filename="dados-do-cliente-{now:%Y-%m-%d}.json"'
    return Reply(document, headers={**PRIVATE, "Content-Disposition": named}, media_type=JSON)
