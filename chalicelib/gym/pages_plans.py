"""The plans on offer."""

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.visits import Visit
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest
from chalicelib.core.settings import HOUSE
from chalicelib.core.web import Routes
from chalicelib.gym import service_members, service_plans
from chalicelib.gym.errors import (
    PlanoEmUso,
    PlanoJaAtivo,
    PlanoJaInativo,
    PlanoNameTaken,
    PlanoNotFound,
)
from chalicelib.gym.pages import DESK, READERS, may_act
from chalicelib.gym.pages_members import plans
from chalicelib.gym.schemas import PlanoIn

PATH = "/console/academia/planos"

plans_page = Routes(__name__)


class PlanFields(BaseModel):
    """Which plan a form is about."""

    plano_id: int = Field(ge=1)


def show_plans(session: Session, visit: Visit, form: Form) -> Shown:
    """The plans, and the forms that change them."""
    return Shown(
        "gym/plans.html",
        form=form,
        planos=plans(session),
        can_act=may_act(visit.who),
    )


@plans_page.route(PATH, methods=["GET"])
@page(plans_page, tenant=HOUSE, allow=READERS, autocommit=True)
def get_plans(session: Session, visit: Visit, form: Form) -> Shown:
    """The plans."""
    return show_plans(session, visit, form)


@plans_page.route(PATH, methods=["POST"])
@page(
    plans_page,
    tenant=HOUSE,
    allow=DESK,
    again=show_plans,
    raises=(PlanoEmUso, PlanoJaAtivo, PlanoJaInativo, PlanoNameTaken, PlanoNotFound),
)
def post_plan(session: Session, visit: Visit, form: Form) -> Reply:
    """Add a plan, change it, take it off offer or put it back, or delete it."""
    return visit.go(PATH, _change(session, visit, form))


def _change(session: Session, visit: Visit, form: Form) -> str:
    if form.action == "criar":
        new = form.read(PlanoIn, amounts=("mensalidade",))
        service_members.create_plano(session, visit.who, new)
        return f"O plano {new.nome} está em oferta."
    plano_id = form.read(PlanFields).plano_id
    match form.action:
        case "salvar":
            new = form.read(PlanoIn, amounts=("mensalidade",))
            plano = service_plans.update_plano(session, visit.who, plano_id, new)
            return f"O plano {plano.nome} foi salvo."
        case "ofertar" | "retirar":
            is_offer = form.action == "ofertar"
            plano = service_plans.offer_plano(session, visit.who, plano_id, on_offer=is_offer)
            return f"O plano {plano.nome} {'voltou à oferta' if is_offer else 'saiu de oferta'}."
        case "apagar":
            service_plans.delete_plano(session, visit.who, plano_id)
            return "O plano foi apagado."
    raise BadRequest
