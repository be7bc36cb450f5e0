"""Visits put right: a member's, page by page, and the exits that no entry is known of."""

from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest
from chalicelib.core.pages import CursorInvalid
from chalicelib.core.settings import HOUSE
from chalicelib.core.types import Id, Instant
from chalicelib.core.web import Routes
from chalicelib.gym import service_checkins, service_history, service_visits
from chalicelib.gym.errors import AlunoNotFound, VisitaImpossivel, VisitaNotFound
from chalicelib.gym.pages import DESK, EXITS, READERS, may_act
from chalicelib.gym.pages_desk import CHECKIN_REFUSALS
from chalicelib.gym.pages_members import PATH
from chalicelib.gym.schemas import CheckinIn, FrequenciaOut, FrequenciaQuery, TipoEvento
from chalicelib.gym.service_members import get_aluno, names_of

VISITS = f"{PATH}/{{aluno_id}}/visitas"

visits_pages = Routes(__name__)


class VisitFields(BaseModel):
    """Which visit of a member a button is about."""

    entrada: Instant = Field()


class ExitFields(VisitFields):
    """When a visit ended."""

    saida: Instant = Field()


class EntryFields(ExitFields):
    """The entry that an exit belongs to."""

    aluno_id: int = Field(ge=1)


def show_visits(
    session: Session, visit: Visit, aluno_id: int, form: Form, query: PartQuery, now: datetime
) -> Shown:
    """A page of a member's visits, latest first."""
    aluno = get_aluno(session, aluno_id)
    wanted = FrequenciaQuery(limit=query.limit, cursor=query.cursor)
    found = service_history.history(session, aluno_id, wanted, now)
    return Shown(
        "gym/visits.html",
        aluno=aluno,
        found=FrequenciaOut.model_validate_json(found.json(None)),
        cursor=found.cursor or None,
        form=form,
        can_act=may_act(visit.who),
    )


@visits_pages.route(VISITS, methods=["GET"])
@page(
    visits_pages,
    tenant=HOUSE,
    query=PartQuery,
    allow=READERS,
    raises=(AlunoNotFound, CursorInvalid),
    autocommit=True,
)
def get_visits(
    session: Session, visit: Visit, aluno_id: Id, form: Form, query: PartQuery, now: datetime
) -> Shown:
    """A page of a member's visits, latest first."""
    return show_visits(session, visit, aluno_id, form, query, now)


@visits_pages.route(VISITS, methods=["POST"])
@page(
    visits_pages,
    tenant=HOUSE,
    query=PartQuery,
    allow=DESK,
    again=show_visits,
    raises=(AlunoNotFound, VisitaImpossivel, VisitaNotFound),
)
def post_visits(session: Session, visit: Visit, aluno_id: Id, form: Form, now: datetime) -> Reply:
    """Correct when a visit ended, or strike one that never was."""
    told = _put_right(session, visit, aluno_id, form, now)
    return visit.go(VISITS.format(aluno_id=aluno_id), told)


def _put_right(session: Session, visit: Visit, aluno_id: int, form: Form, now: datetime) -> str:
    if form.action == "corrigir":
        fields = form.read(ExitFields, instants=("saida",))
        service_visits.correct_exit(
            session, visit.who, aluno_id, fields.entrada, saida=fields.saida, now=now
        )
        return "A saída foi corrigida."
    entrada = form.read(VisitFields).entrada
    if form.action == "sem-saida":
        service_visits.correct_exit(session, visit.who, aluno_id, entrada, saida=None, now=now)
        return "A visita ficou sem saída conhecida."
    if form.action == "anular":
        service_visits.strike_visit(session, visit.who, aluno_id, entrada, now)
        return "A visita foi anulada."
    raise BadRequest


def show_exits(session: Session, visit: Visit, form: Form, query: PartQuery) -> Shown:
    """Exits that came without an entry, latest first."""
    found, cursor, total = service_visits.list_exits_without_entry(session, query)
    return Shown(
        "gym/exits.html",
        found=found,
        cursor=cursor,
        total=total,
        names=names_of(session, [each.aluno_id for each in found]),
        form=form,
        can_act=may_act(visit.who),
    )


@visits_pages.route(EXITS, methods=["GET"])
@page(
    visits_pages,
    tenant=HOUSE,
    query=PartQuery,
    allow=READERS,
    raises=(CursorInvalid,),
    autocommit=True,
)
def get_exits(session: Session, visit: Visit, form: Form, query: PartQuery) -> Shown:
    """Exits that came without an entry, latest first."""
    return show_exits(session, visit, form, query)


@visits_pages.route(EXITS, methods=["POST"])
@page(
    visits_pages,
    tenant=HOUSE,
    query=PartQuery,
    allow=DESK,
    again=show_exits,
    raises=CHECKIN_REFUSALS,
)
def post_exits(session: Session, visit: Visit, form: Form, now: datetime) -> Reply:
    """Record the entry that was forgotten; the exit finds it."""
    fields = form.read(EntryFields, instants=("entrada",))
    event = CheckinIn(aluno_id=fields.aluno_id, tipo=TipoEvento.ENTRADA, entrada=fields.entrada)
    made = service_checkins.record_checkin(session, event, now)
    if made.saida == fields.saida:
        return visit.go(EXITS, "A entrada foi registrada, e a visita está completa.")
    said = "A entrada foi registrada, mas a saída não é dela: confira as horas."
    return visit.go(EXITS, said, kind="erro")
