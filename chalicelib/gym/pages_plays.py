"""The club's own rules, and its plays for whom they and the model name."""

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.visits import Visit
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest
from chalicelib.core.pages import PageQuery
from chalicelib.core.settings import HOUSE
from chalicelib.core.web import Routes
from chalicelib.gym import service_plays
from chalicelib.gym.errors import (
    JogadaNameTaken,
    JogadaNotFound,
    RegraEmUso,
    RegraNameTaken,
    RegraNotFound,
    RegraUnknown,
)
from chalicelib.gym.features import COLUMNS
from chalicelib.gym.pages import DESK, READERS, may_act
from chalicelib.gym.schemas_retention import JogadaIn, RegraIn

PATH = "/console/academia/jogadas"
MOST = 100
KINDS = (("dias_ausente", "Dias sem vir"), ("ritmo_proprio", "Parte do próprio ritmo"))
FACTORS = tuple((column.name, column.label or column.name) for column in COLUMNS)

plays_page = Routes(__name__)


class PlayFields(BaseModel):
    """Which play or rule a form is about."""

    id: int = Field(ge=1)


class Ticks(BaseModel):
    """The boxes of a form; one that is not ticked is not sent."""

    ativo: bool = False
    prioritaria: bool = False


def show_plays(session: Session, visit: Visit, form: Form) -> Shown:
    """The plays and the rules, and the forms that change them."""
    query = PageQuery(limit=MOST)
    return Shown(
        "gym/plays.html",
        form=form,
        jogadas=service_plays.list_jogadas(session, query)[0],
        regras=service_plays.list_regras(session, query)[0],
        kinds=KINDS,
        factors=FACTORS,
        can_act=may_act(visit.who),
    )


@plays_page.route(PATH, methods=["GET"])
@page(plays_page, tenant=HOUSE, allow=READERS, autocommit=True)
def get_plays(session: Session, visit: Visit, form: Form) -> Shown:
    """The plays and the rules."""
    return show_plays(session, visit, form)


@plays_page.route(PATH, methods=["POST"])
@page(
    plays_page,
    tenant=HOUSE,
    allow=DESK,
    again=show_plays,
    raises=(
        JogadaNameTaken,
        JogadaNotFound,
        RegraEmUso,
        RegraNameTaken,
        RegraNotFound,
        RegraUnknown,
    ),
)
def post_play(session: Session, visit: Visit, form: Form) -> Reply:
    """Add, change or delete a play or a rule."""
    return visit.go(PATH, _change(session, visit, form))


def _change(session: Session, visit: Visit, form: Form) -> str:
    ticks = form.read(Ticks)
    match form.action:
        case "jogada":
            play = form.read(JogadaIn, ativo=ticks.ativo)
            if form["id"]:
                service_plays.replace_jogada(session, visit.who, form.read(PlayFields).id, play)
            else:
                service_plays.create_jogada(session, visit.who, play)
            return f"A jogada {play.nome} foi salva."
        case "regra":
            rule = form.read(
                RegraIn, amounts=("limite",), ativo=ticks.ativo, prioritaria=ticks.prioritaria
            )
            if form["id"]:
                service_plays.replace_regra(session, visit.who, form.read(PlayFields).id, rule)
            else:
                service_plays.create_regra(session, visit.who, rule)
            return f"A regra {rule.nome} foi salva."
        case "apagar-jogada":
            service_plays.delete_jogada(session, visit.who, form.read(PlayFields).id)
            return "A jogada foi apagada."
        case "apagar-regra":
            service_plays.delete_regra(session, visit.who, form.read(PlayFields).id)
            return "A regra foi apagada."
    raise BadRequest
