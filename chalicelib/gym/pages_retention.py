"""The retention team's pages: whom to contact today, what was said, what came of it all."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from chalicelib.console import charts
from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest
from chalicelib.core.pages import CursorInvalid
from chalicelib.core.settings import HOUSE
from chalicelib.core.types import Id
from chalicelib.core.web import Routes
from chalicelib.gym import (
    service_analyses,
    service_contacts,
    service_retention_effect,
)
from chalicelib.gym.errors import AlunoNotFound, JogadaUnknown
from chalicelib.gym.pages import CAPACITY, DESK, READERS, may_act
from chalicelib.gym.pages_contacts import CONTACT_ACTIONS, CONTACT_REFUSALS, contact_people
from chalicelib.gym.pages_scores import ask_for_scores, scoring
from chalicelib.gym.schemas_models import CurvaOut
from chalicelib.gym.schemas_retention import ContatosQuery, EfeitoQuery
from chalicelib.gym.service_members import names_of
from chalicelib.gym.service_worklist_rows import describe_worklist

PATH = "/console/academia/retencao"
EFFECT = "/console/academia/efeito"
MOST_REASONS = 3
SHOWN_DAYS = (30, 90, 180, 365)

Share = tuple[float, float, float]
"""A share and the ends of its interval."""
Row = tuple[str, CurvaOut, list[Share | None]]
"""A group of members: its name, its curve, and the shares at the days that are shown."""

retention_pages = Routes(__name__)


class View(StrEnum):
    """Which list of the team's work."""

    HOJE = "hoje"
    ABERTOS = "abertos"
    ATRASADOS = "atrasados"
    FEITOS = "feitos"


class WorkQuery(PartQuery):
    """Which list, and how much of it."""

    ver: View = View.HOJE
    capacidade: int = Field(CAPACITY, ge=1, le=200)
    de: Id | None = Field(None, description="Whose contacts.")


def show_work(session: Session, visit: Visit, form: Form, query: WorkQuery, now: datetime) -> Shown:
    """The day's list, or one of the contacts'."""
    can_act = may_act(visit.who)
    told: dict[str, Any] = {
        "form": form,
        "ver": query.ver,
        "can_act": can_act,
        "late": _late(session, now),
    }
    if query.ver is View.HOJE:
        fila = describe_worklist(session, visit.who, query.capacidade, now)
        told |= {**contact_people(session, visit, []), **scoring(session, now)}
        return Shown("gym/worklist.html", fila=fila, most_reasons=MOST_REASONS, **told)
    wanted = ContatosQuery(
        responsavel_id=query.de,
        aberto=query.ver is not View.FEITOS,
        atrasado=True if query.ver is View.ATRASADOS else None,
        limit=query.limit,
        cursor=query.cursor,
    )
    found, cursor, total = service_contacts.list_contatos(session, wanted, now)
    names = names_of(session, [each.aluno_id for each in found])
    told |= contact_people(session, visit, found)
    return Shown(
        "gym/contacts.html",
        found=found,
        cursor=cursor,
        total=total,
        names=names,
        de=query.de,
        **told,
    )


def _late(session: Session, now: datetime) -> int:
    wanted = ContatosQuery(atrasado=True, limit=1)
    return service_contacts.list_contatos(session, wanted, now)[2][0]


@retention_pages.route(PATH, methods=["GET"])
@page(
    retention_pages, tenant=HOUSE, query=WorkQuery, allow=READERS, raises=(CursorInvalid,)
)  # Whoever works on the day's list makes it by looking.
def get_work(session: Session, visit: Visit, form: Form, query: WorkQuery, now: datetime) -> Shown:
    """Whom to contact today, and the contacts."""
    return show_work(session, visit, form, query, now)


class WorkFields(BaseModel):
    """Whom a form of the list is about."""

    aluno_id: int = Field(ge=1)


@retention_pages.route(PATH, methods=["POST"])
@page(
    retention_pages,
    tenant=HOUSE,
    query=WorkQuery,
    allow=DESK,
    again=show_work,
    raises=(AlunoNotFound, JogadaUnknown, *CONTACT_REFUSALS),
)
def post_work(session: Session, visit: Visit, form: Form, query: WorkQuery, now: datetime) -> Reply:
    """Record what came of a contact; or have everybody scored anew."""
    back = f"{PATH}?ver={query.ver}{f'&de={query.de}' if query.de else ''}"
    if form.action == "calcular":
        return visit.go(back, ask_for_scores(session, visit))
    act = CONTACT_ACTIONS.get(form.action)
    if act is None:
        raise BadRequest
    aluno_id = form.read(WorkFields).aluno_id
    told = act(session, visit, aluno_id, form, now)
    name = names_of(session, [aluno_id])[aluno_id]
    return visit.go(back, f"{name}: {told[0].lower()}{told[1:]}")


@retention_pages.route(EFFECT, methods=["GET"])
@page(retention_pages, tenant=HOUSE, allow=READERS, autocommit=True)
def get_effect(session: Session, now: datetime) -> Shown:
    """Whether contacts keep members, and how long members stay."""
    found = service_analyses.retention(session)
    curves = found.retencao.curvas if found.retencao else []
    rows = [(_name(curve), curve, _at_days(curve)) for curve in curves if curve.pontos]
    by_plan = [row for row in rows if row[1].coorte is None]
    figure = _figure(by_plan)
    return Shown(
        "gym/effect.html",
        efeito=service_retention_effect.effect(session, EfeitoQuery(), now),
        coortes=found,
        days=SHOWN_DAYS,
        by_plan=by_plan,
        by_month=[row for row in rows if row[1].coorte is not None],
        figure=figure,
        tables=charts.figure_tables(figure),
    )


def _name(curve: CurvaOut) -> str:
    parts = []
    if curve.coorte is not None:
        year, month = curve.coorte.split("-")[:2]
        parts.append(f"{charts.MONTHS[int(month) - 1]} {year}")
    if curve.plano is not None:
        parts.append(curve.plano)
    return " · ".join(parts) or "Todos"


def _at_days(curve: CurvaOut) -> list[Share | None]:
    """Retention with its interval at the days that are shown; None where nobody has come so far."""
    found: list[Share | None] = []
    for day in SHOWN_DAYS:
        known = [point for point in curve.pontos if point.dia <= day]
        reached = known and curve.pontos[-1].dia >= day
        point = known[-1] if known else None
        found.append((point.retencao, point.low, point.high) if point and reached else None)
    return found


def _figure(rows: Sequence[Row]) -> dict[str, Any]:
    """Curves of retention as Plotly reads them."""
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "line": {"shape": "hv"},
                "name": name,
                "x": [point.dia for point in curve.pontos],
                "y": [point.retencao for point in curve.pontos],
            }
            for name, curve, _ in rows
        ],
        "layout": {
            "xaxis": {"title": {"text": "Dias desde a matrícula"}},
            "yaxis": {"title": {"text": "Ainda são alunos"}, "tickformat": ".0%", "range": [0, 1]},
        },
    }
