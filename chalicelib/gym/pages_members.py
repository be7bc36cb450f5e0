"""The list of members, and registering one."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import FormQuery
from chalicelib.console.visits import Visit
from chalicelib.core.calls import Reply
from chalicelib.core.pages import CursorInvalid, PageQuery
from chalicelib.core.portuguese import brl
from chalicelib.core.settings import HOUSE
from chalicelib.core.web import Routes
from chalicelib.gym import service_members, service_members_list
from chalicelib.gym.errors import EmailTaken, PlanoForaDeOferta, PlanoUnknown
from chalicelib.gym.pages import DESK, READERS
from chalicelib.gym.schemas import AlunoIn, Faixa
from chalicelib.gym.schemas_members import AlunosQuery, Ordem
from chalicelib.gym.tables import Plano

PATH = "/console/academia/alunos"
MOST_PLANS = 100
ORDERS = (
    (Ordem.NOME, "Nome"),
    (Ordem.PROBABILIDADE_DESC, "Maior risco"),
    (Ordem.ULTIMA_VISITA, "Há mais tempo sem vir"),
    (Ordem.ULTIMA_VISITA_DESC, "Vieram por último"),
    (Ordem.MATRICULADO_EM_DESC, "Matrículas mais novas"),
)
BANDS = ((Faixa.ALTO, "Alto"), (Faixa.MEDIO, "Médio"), (Faixa.BAIXO, "Baixo"))

members_pages = Routes(__name__)


class ListQuery(AlunosQuery, FormQuery):
    """The list's filters as a form sends them: what is not chosen comes empty."""


def plans(session: Session) -> list[Plano]:
    """The plans there are, newest first."""
    return service_members.list_planos(session, PageQuery(limit=MOST_PLANS))[0]


def plan_text(plano: Plano) -> str:
    """A plan with its price."""
    return f"{plano.nome} ({brl(plano.mensalidade)} por mês)"


@members_pages.route(PATH, methods=["GET"])
@page(
    members_pages,
    tenant=HOUSE,
    query=ListQuery,
    allow=READERS,
    raises=(CursorInvalid,),
    autocommit=True,
)
def get_members(session: Session, query: ListQuery, now: datetime) -> Shown:
    """The members, searched and filtered."""
    found, cursor, total = service_members_list.list_alunos(session, query, now)
    return Shown(
        "gym/members.html",
        found=found,
        cursor=cursor,
        total=total,
        plan_options=[(plano.id, plano.nome) for plano in plans(session)],
        orders=ORDERS,
        bands=BANDS,
        query=query,
        form=Form(
            {
                "busca": query.busca or "",
                "plano_id": str(query.plano_id or ""),
                "ativo": "" if query.ativo is None else str(query.ativo).lower(),
                "faixa": query.faixa or "",
                "ordem": query.ordem,
            }
        ),
    )


def show_registration(session: Session, form: Form) -> Shown:
    """The form for a new member."""
    offered = [plano for plano in plans(session) if plano.ativo]
    return Shown(
        "gym/registration.html", form=form, plan_options=[(p.id, plan_text(p)) for p in offered]
    )


@members_pages.route(f"{PATH}/novo", methods=["GET"])
@page(members_pages, tenant=HOUSE, allow=DESK, autocommit=True)
def get_registration(session: Session, form: Form) -> Shown:
    """The form for a new member."""
    return show_registration(session, form)


@members_pages.route(f"{PATH}/novo", methods=["POST"])
@page(
    members_pages,
    tenant=HOUSE,
    allow=DESK,
    again=show_registration,
    raises=(EmailTaken, PlanoUnknown, PlanoForaDeOferta),
)
def post_registration(session: Session, visit: Visit, form: Form, now: datetime) -> Reply:
    """Register a member, and lead to them."""
    aluno = service_members.register_aluno(session, visit.who, form.read(AlunoIn), now)
    return visit.go(f"{PATH}/{aluno.id}", f"A matrícula de {aluno.nome} está feita. Boas-vindas!")
