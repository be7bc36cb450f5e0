"""The front desk: find a member, record that they come and go."""

from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import FormQuery
from chalicelib.console.visits import Visit
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest
from chalicelib.core.portuguese import instant
from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.web import Routes
from chalicelib.gym import service_checkins, service_members_list, service_visits
from chalicelib.gym.errors import (
    AlunoInativo,
    AlunoNotFound,
    CheckinAberto,
    CheckinRepetido,
    SemVisitaAberta,
    VisitaNotFound,
)
from chalicelib.gym.pages import DESK
from chalicelib.gym.schemas import CheckinIn, TipoEvento
from chalicelib.gym.schemas_members import AlunoResumoOut, AlunosQuery
from chalicelib.gym.service_members import get_aluno
from chalicelib.gym.service_presence import inside_since, who_is_inside

PATH = "/console/academia"
MOST_FOUND = 8
MOST_INSIDE = 12
CHECKIN_REFUSALS = (AlunoNotFound, AlunoInativo, CheckinAberto, CheckinRepetido, SemVisitaAberta)

desk = Routes(__name__)


class DeskQuery(FormQuery):
    """Whom the desk looks for."""

    busca: str = Field("", max_length=100)


class VisitFields(BaseModel):
    """Whose visit a button is about."""

    aluno_id: int = Field(ge=1)
    entrada: datetime | None = None


def show_desk(session: Session, form: Form, query: DeskQuery, now: datetime) -> Shown:
    """The search, what it found, and who is inside."""
    found: list[AlunoResumoOut] = []
    total = (0, True)
    if words := query.busca.strip():
        wanted = AlunosQuery(busca=words, limit=MOST_FOUND)
        found, _, total = service_members_list.list_alunos(session, wanted, now)
    inside, count = who_is_inside(session, now, MOST_INSIDE)
    return Shown(
        "gym/desk.html",
        form=form,
        busca=query.busca,
        found=found,
        total=total,
        since=inside_since(session, [each.id for each in found], now) if found else {},
        inside=inside,
        count=count,
    )


@desk.route(PATH, methods=["GET"])
@page(desk, tenant=HOUSE, query=DeskQuery, allow=DESK, autocommit=True)
def get_desk(session: Session, form: Form, query: DeskQuery, now: datetime) -> Shown:
    """The front desk."""
    return show_desk(session, form, query, now)


@desk.route(PATH, methods=["POST"])
@page(
    desk,
    tenant=HOUSE,
    query=DeskQuery,
    allow=DESK,
    again=show_desk,
    raises=(*CHECKIN_REFUSALS, VisitaNotFound),
)
def post_desk(session: Session, visit: Visit, form: Form, now: datetime) -> Reply:
    """Record an entry or an exit, or take one back that was a mistake."""
    fields = form.read(VisitFields)
    aluno = get_aluno(session, fields.aluno_id)
    if form.action == "anular" and fields.entrada is not None:
        service_visits.strike_visit(session, visit.who, aluno.id, fields.entrada, now)
        return visit.go(PATH, f"A entrada de {aluno.nome} foi desfeita.")
    return visit.go(PATH, record_passage(session, aluno.id, aluno.nome, form.action, now))


def record_passage(session: Session, aluno_id: int, nome: str, action: str, now: datetime) -> str:
    """Record that a member enters or leaves now; gives what to tell.

    Raises:
        BadRequest: It is neither.
        AlunoInativo, CheckinAberto, SemVisitaAberta: They cannot.
    """
    if action not in tuple(TipoEvento):
        raise BadRequest
    tipo = TipoEvento(action)
    service_checkins.record_checkin(session, CheckinIn(aluno_id=aluno_id, tipo=tipo), now)
    when = instant(now, settings().local_timezone)[-5:]
    return f"{nome} {'entrou' if tipo is TipoEvento.ENTRADA else 'saiu'} às {when}."
