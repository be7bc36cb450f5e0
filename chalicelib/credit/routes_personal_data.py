"""Routes of what the LGPD gives a company's clientes a right to."""

from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from chalicelib.core import job_control
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply
from chalicelib.core.job_control import JobOut
from chalicelib.core.personal_data import PRIVATE
from chalicelib.core.web import Routes, endpoint
from chalicelib.credit import service_lgpd
from chalicelib.credit.errors import ClienteNotFound, DadosEmUso
from chalicelib.credit.schemas_lgpd import DadosOut, TitularIn

credit_personal_data = Routes(__name__)
company = partial(endpoint, credit_personal_data, allow=Role.EMPRESA, companies_only=True)


@credit_personal_data.route("/credito/clientes/dados", methods=["POST"])
@company(
    body=TitularIn,
    response=DadosOut,
    raises=(ClienteNotFound,),
    own_transactions=True,
)
def post_dados(principal: Principal, body: TitularIn, now: datetime) -> Reply:
    """All that is held of a cliente (LGPD, art. 18, II), decisions and what they were made of too.

    A document of more than 4 MB is answered with 303 and an address to fetch it from, which
    lives for a quarter of an hour.
    """
    address, document = service_lgpd.export_cliente(principal, body.cliente, now)
    if address is not None:
        return Reply(status=303, headers={**PRIVATE, "Location": address})
    return Reply(document, headers=PRIVATE)


@credit_personal_data.route("/credito/clientes/apagar", methods=["POST"])
@company(
    body=TitularIn,
    status=202,
    response=JobOut,
    raises=(ClienteNotFound, DadosEmUso),
)
def post_apagar(
    session: Session, principal: Principal, body: TitularIn, call: Call, now: datetime
) -> Reply:
    """Erase a cliente (LGPD, art. 18, VI), for good: rows at once, files by the job answered.

    Their items in every dataset, their orders and all that was decided on these go; so do the
    stored bodies of all lots, which the company has itself. What has been counted stays counted,
    and the trail keeps that orders were decided, by number. The law lets a company keep what it
    needs for the protection of credit, to fulfil a duty or for a process: that is for it to say
    before it asks, and `POST /credito/clientes/dados` gives it a copy.
    """
    job = service_lgpd.erase_cliente(session, principal, body.cliente, now)
    return job_control.accepted(job, call)
