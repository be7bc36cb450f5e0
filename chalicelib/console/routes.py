"""Pages of the console itself: signing in and out, Início, its files."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from chalicelib.console import static_files
from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import KEPT, SIGN_IN, page
from chalicelib.console.sections import is_pressing, sections_for, urgency
from chalicelib.console.visits import Visit
from chalicelib.core.calls import Call, Reply
from chalicelib.core.db import unit_of_work
from chalicelib.core.web import EVERYONE, PUBLIC, Routes
from chalicelib.identity import service, sessions
from chalicelib.identity.routes import SIGN_INS
from chalicelib.identity.schemas import TokenIn

console = Routes(__name__)


class SignInQuery(BaseModel):
    """What led to the form for signing in."""

    model_config = ConfigDict(extra="ignore")

    volta: str = Field("/", max_length=2000)
    fim: str | None = Field(None, max_length=1)

    @property
    def back(self) -> str:
        """Where to lead after signing in: a page of ours, never another site's."""
        return self.volta if is_own_path(self.volta) else "/"


def is_own_path(path: str) -> bool:
    """Whether an address is one of this host's: browsers read `//x` and `/\\x` as another's."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


def show_sign_in(form: Form, query: SignInQuery) -> Shown:
    """The form for signing in."""
    back = form["volta"] or query.back
    kept = {name: value for name, value in form.values.items() if name.startswith(KEPT)}
    has_ended = query.fim is not None and not form.told
    return Shown("console/sign_in.html", form=form, back=back, kept=kept, has_ended=has_ended)


@console.route(SIGN_IN, methods=["GET"])
@page(console, allow=PUBLIC, query=SignInQuery, identifies_caller=True, own_transactions=True)
def get_sign_in(visit: Visit, form: Form, query: SignInQuery) -> Shown | Reply:
    """Ask who it is, unless that is known."""
    return visit.go(query.back) if visit.principal else show_sign_in(form, query)


@console.route(SIGN_IN, methods=["POST"])
@page(
    console,
    allow=PUBLIC,
    query=SignInQuery,
    again=show_sign_in,
    identifies_caller=True,
    own_transactions=True,
    limit=SIGN_INS,
    counted_as="post_token",
)
def post_sign_in(
    visit: Visit, form: Form, query: SignInQuery, call: Call, now: datetime
) -> Shown | Reply:
    """Begin a session, and go on where the person wanted to go."""
    body = form.read(TokenIn)
    tokens = sessions.sign_in(body.username, body.password, call.source_ip, now)
    visit.begin(tokens)
    with unit_of_work(tenant=visit.who.tenant, autocommit=True) as session:
        visit.call_them(service.get_usuario(session, service.own_id(visit.who)).nome)
    back = form["volta"] if is_own_path(form["volta"]) else query.back
    kept = {n.removeprefix(KEPT): v for n, v in form.values.items() if n.startswith(KEPT)}
    return Shown("console/resume.html", back=back, kept=kept) if kept else visit.go(back)


@console.route("/sair", methods=["POST"])
@page(console, allow=PUBLIC, identifies_caller=True, own_transactions=True)
def post_sign_out(visit: Visit, now: datetime) -> Reply:
    """End the session, everywhere it goes on."""
    if visit.sign_in is not None:
        sessions.sign_out(visit.sign_in.refresh_token, now)
        visit.end()
    return visit.go(SIGN_IN, "Você saiu.")


@console.route("/", methods=["GET"])
@page(console, allow=EVERYONE)  # A worklist that nobody has asked for yet is made.
def get_home(session: Session, visit: Visit, now: datetime) -> Shown:
    """What needs attention today, in each product one may see."""
    parts = [
        (section, sorted(section.attention(session, visit.who, now), key=urgency))
        for section in sections_for(visit.who)
        if section.attention
    ]
    pressing = sum(is_pressing(each) for _, found in parts for each in found)
    return Shown("console/home.html", parts=parts, pressing=pressing)


@console.route("/console/static/{arquivo}", methods=["GET"])
@page(console, allow=PUBLIC, own_transactions=True, unlimited=True)
def get_static(arquivo: str, call: Call) -> Reply:
    """One of our styles and scripts."""
    return static_files.serve(arquivo, call)
