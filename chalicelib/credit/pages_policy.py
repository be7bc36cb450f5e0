"""The page of a company's policy: edited, tried on past orders, and only then put to use."""

from functools import partial

from pydantic import Field
from sqlalchemy.orm import Session

from chalicelib.console.forms import ACTION, Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import FormQuery
from chalicelib.console.visits import Visit
from chalicelib.core.auth import Role
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest, NotFound, ValidationFailed
from chalicelib.core.pages import PageQuery
from chalicelib.core.types import ShortText, Strict
from chalicelib.core.web import Routes
from chalicelib.credit import service_policies
from chalicelib.credit.authors import authors
from chalicelib.credit.errors import PoliticaDesatualizada, PoliticaMudou
from chalicelib.credit.policy import Politica
from chalicelib.credit.policy_form import (
    CHANGEABLE,
    DIRECTIONS,
    SHARES,
    changeable_rows,
    form_of,
    policy_of,
    rules_shown,
    seal,
)
from chalicelib.credit.schemas_policies import PoliticaIn, SimulacaoIn, SimulacaoOut
from chalicelib.credit.words import OUTCOMES, SITUATIONS

PATH = "/console/credito/politica"
VERSIONS_SHOWN = 10
SEEN = "vista"  # The field that says which policy's effect was shown.
CHANGED = "Você mudou a política depois de ver o efeito. Confira-o de novo, e então salve."

policy_pages = Routes(__name__)


class VersionQuery(FormQuery):
    """Which version is opened, rather than the one in use."""

    versao: int | None = Field(None, ge=1, le=2**31 - 1)


class _Reason(Strict):
    """Why a policy is changed."""

    motivo: ShortText


company = partial(page, policy_pages, allow=Role.EMPRESA, companies_only=True)


def show_policy(session: Session, visit: Visit, form: Form) -> Shown:
    """The policy in use, or what was typed of the next one, with the effect if it was seen."""
    tried = _seen(form)
    return _policy(session, visit, form, _effect(session, visit, tried) if tried else None, tried)


def _seen(form: Form) -> Politica | None:
    """What was typed, where it is the policy whose effect was shown."""
    if not form[SEEN]:
        return None
    try:
        typed = policy_of(form)
    except ValidationFailed:
        return None
    return typed if form[SEEN] == seal(typed) else None


def _effect(session: Session, visit: Visit, policy: Politica) -> SimulacaoOut:
    return service_policies.simulate(session, visit.who.tenant, SimulacaoIn(politica=policy))


def _policy(
    session: Session,
    visit: Visit,
    form: Form,
    effect: SimulacaoOut | None,
    tried: Politica | None = None,
    opened: int | None = None,
) -> Shown:
    tenant = visit.who.tenant
    current, etag = service_policies.describe_policy(session, tenant)
    versions, _, total = service_policies.list_policies(
        session, tenant, PageQuery(limit=VERSIONS_SHOWN)
    )
    filled = form if form.action else form_of(current.politica)
    filled.values.setdefault("lida", etag)
    return Shown(
        "credit/policy.html",
        current=current,
        versions=versions,
        versions_total=total,
        rules=rules_shown(),
        shares=SHARES,
        changeable=changeable_rows(filled),
        changeable_columns=CHANGEABLE,
        directions=DIRECTIONS,
        opened=opened,
        people=authors(session, [each.criada_por for each in versions]),
        form=filled,
        effect=effect,
        seal=seal(tried) if tried is not None else "",
        situations=SITUATIONS,
        outcomes=OUTCOMES,
    )


@policy_pages.route(PATH, methods=["GET"])
@company(query=VersionQuery, autocommit=True)
def get_policy(session: Session, visit: Visit, form: Form, query: VersionQuery) -> Shown:
    """The policy in use, ready to be edited; or an earlier one, to be put to use again."""
    if query.versao is None:
        return show_policy(session, visit, form)
    earlier = service_policies.policy_of_version(session, visit.who.tenant, query.versao)
    if earlier is None:
        raise NotFound
    found = form_of(earlier)
    found.values[ACTION] = "abrir"
    return _policy(session, visit, found, None, opened=query.versao)


@policy_pages.route(PATH, methods=["POST"])
@company(again=show_policy, raises=(PoliticaDesatualizada, PoliticaMudou))
def post_policy(session: Session, visit: Visit, form: Form) -> Shown | Reply:
    """Show what a policy would have decided; put it to use once that has been seen."""
    if form.action not in ("simular", "salvar"):
        raise BadRequest
    policy = policy_of(form)
    if form.action == "salvar" and form[SEEN] == seal(policy):
        new = PoliticaIn(politica=policy, motivo=form.read(_Reason).motivo)
        found, _ = service_policies.replace_policy(session, visit.who, new, form["lida"] or None)
        said = f"A versão {found.versao} da política está em uso."
        return visit.go(PATH, " ".join((said, *found.avisos)))
    if form.action == "salvar":
        form.told = CHANGED
    return _policy(session, visit, form, _effect(session, visit, policy), policy)
