"""Synthetic members: made up, for trying the model."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core.auth import Role
from chalicelib.core.calls import Reply
from chalicelib.core.pages import CursorInvalid
from chalicelib.core.portuguese import counted
from chalicelib.core.settings import HOUSE
from chalicelib.core.web import Routes
from chalicelib.gym import service_members_list, service_synthetic
from chalicelib.gym.errors import PlanoUnknown
from chalicelib.gym.pages_scores import ask_for_scores, scoring
from chalicelib.gym.schemas_members import AlunosQuery, Sinteticos, SinteticosIn

PATH = "/console/academia/sinteticos"
PROFILES = (
    ("assiduo", "Assíduo: vem sempre"),
    ("em_queda", "Em queda: vem cada vez menos"),
    ("irregular", "Irregular"),
    ("novo", "Novo"),
    ("sumido", "Sumido: parou de vir"),
)

synthetic_page = Routes(__name__)


def show_synthetic(session: Session, form: Form, query: PartQuery, now: datetime) -> Shown:
    """The form, and the synthetic members there are."""
    wanted = AlunosQuery(sinteticos=Sinteticos.SOMENTE, limit=query.limit, cursor=query.cursor)
    found, cursor, total = service_members_list.list_alunos(session, wanted, now)
    return Shown(
        "gym/synthetic.html",
        form=form,
        profiles=PROFILES,
        found=found,
        cursor=cursor,
        total=total,
        **scoring(session, now),
    )


@synthetic_page.route(PATH, methods=["GET"])
@page(
    synthetic_page,
    tenant=HOUSE,
    query=PartQuery,
    allow=Role.CIENTISTA,
    raises=(CursorInvalid,),
    autocommit=True,
)
def get_synthetic(session: Session, form: Form, query: PartQuery, now: datetime) -> Shown:
    """Synthetic members."""
    return show_synthetic(session, form, query, now)


@synthetic_page.route(PATH, methods=["POST"])
@page(
    synthetic_page,
    tenant=HOUSE,
    query=PartQuery,
    allow=Role.CIENTISTA,
    again=show_synthetic,
    raises=(PlanoUnknown,),
)
def post_synthetic(session: Session, visit: Visit, form: Form, now: datetime) -> Reply:
    """Make some, remove all, or have everybody scored."""
    if form.action == "remover":
        removed = service_synthetic.remove_synthetic(session, visit.who)
        said = counted(removed, "aluno sintético foi removido", "alunos sintéticos foram removidos")
        return visit.go(PATH, f"{said}.")
    if form.action == "calcular":
        return visit.go(PATH, ask_for_scores(session, visit))
    made = service_synthetic.create_synthetic(session, visit.who, form.read(SinteticosIn), now)
    said = counted(len(made), "sintético foi criado", "sintéticos foram criados")
    return visit.go(PATH, f"{said}.")
