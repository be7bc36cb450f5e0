"""Routes of a company's policy."""

from functools import partial

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.web import Routes, endpoint
from chalicelib.credit import service_policies
from chalicelib.credit.errors import PoliticaDesatualizada, PoliticaMudou
from chalicelib.credit.schemas_policies import PoliticaIn, PoliticaOut, SimulacaoIn, SimulacaoOut

policies = Routes(__name__)
company = partial(endpoint, policies, allow=Role.EMPRESA, companies_only=True)


@policies.route("/credito/politica", methods=["GET"])
@company(response=PoliticaOut, versioned=True, autocommit=True)
def get_politica(session: Session, principal: Principal) -> Reply:
    """The policy in use: hard rules, costs, thresholds, sensitive and changeable columns.

    Until the company edits it, a cautious default: bankruptcy and an exceeded limit deny; an
    unknown cliente, a missing limit, overdue titles, protests, more than two occurrences at Serasa
    and delays of more than 60 days are left to a person.
    """
    found, etag = service_policies.describe_policy(session, principal.tenant)
    return Reply(found, headers={"ETag": etag})


@policies.route("/credito/politica", methods=["PUT"])
@company(
    body=PoliticaIn,
    response=PoliticaOut,
    raises=(PoliticaDesatualizada, PoliticaMudou),
    versioned=True,
)
def put_politica(session: Session, principal: Principal, body: PoliticaIn, call: Call) -> Reply:
    """Replace the policy: the next version counts from now on, earlier ones are kept.

    What is left out is as in the default policy. With `If-Match` nothing is done when another
    version has come since it was read.
    """
    found, etag = service_policies.replace_policy(
        session, principal, body, call.headers.get("if-match")
    )
    return Reply(found, headers={"ETag": etag})


@policies.route("/credito/politica/versoes", methods=["GET"])
@company(query=PageQuery, response=Page[PoliticaOut], autocommit=True)
def get_politica_versoes(
    session: Session, principal: Principal, query: PageQuery, call: Call
) -> Reply:
    """List every version of the policy, newest first."""
    found, cursor, total = service_policies.list_policies(session, principal.tenant, query)
    return page_reply(Page[PoliticaOut], found, cursor, total, call)


@policies.route("/credito/politica/simular", methods=["POST"])
@company(body=SimulacaoIn, autocommit=True)
def post_politica_simular(
    session: Session, principal: Principal, body: SimulacaoIn
) -> SimulacaoOut:
    """Say what a policy would have decided on past orders, before it is put to use."""
    return service_policies.simulate(session, principal.tenant, body)
