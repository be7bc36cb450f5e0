"""A small app of the tests' own: each view shows one thing that `@endpoint` does."""

from typing import Any
from uuid import UUID

from chalice.app import Chalice
from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.errors import Conflict, Problem
from chalicelib.core.jobs import enqueue
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.parsing import FORM, JSON, RawBody
from chalicelib.core.queues import Queue
from chalicelib.core.types import Id, ShortText, Strict
from chalicelib.core.web import EVERYONE, PUBLIC, Routes, endpoint

EMAIL = "ana@example.com"
SECRET = "the password of the database is swordfish"


class Note(Strict):
    """What the sample's views take."""

    texto: ShortText
    vezes: int = Field(1, ge=1, le=100)


class Asked(PageQuery):
    """A list's query."""

    tag: list[str] = Field(default_factory=list)
    nome: str | None = None


class NoteTaken(Conflict):
    """There is such a note already."""


class Tiny(BaseModel):
    """A message of the sample's queue."""

    number: int = 0


SAMPLE_QUEUE = Queue("sample_queue", Tiny, max_attempts=3)

sample = Routes(__name__)
app = Chalice(app_name="sample", configure_logs=False)


def _record(session: Session, principal: Principal, texto: str) -> None:
    audit.record(
        session, tenant=principal.tenant, ator=principal.subject, acao="nota.feita", objeto=texto
    )


@sample.route("/notes", methods=["POST"])
@endpoint(sample, body=Note, status=201, allow=Role.OPERADOR, raises=(NoteTaken,))
def post_note(session: Session, principal: Principal, body: Note, call: Call) -> Note:
    """Write a note, ask for work on it, then refuse it if it says so."""
    _record(session, principal, body.texto)
    enqueue(session, SAMPLE_QUEUE, Tiny(), tenant=principal.tenant, owner=principal.subject)
    if body.texto == "refused":
        raise NoteTaken
    if body.texto == "broken":
        raise RuntimeError(SECRET)
    if body.texto == "sql":
        session.execute(text("SELECT no_such_column || :email"), {"email": EMAIL})
    if body.texto == "no number":
        session.execute(text("SELECT cast(cast(:email AS text) AS int)"), {"email": EMAIL})
    if body.texto == "twice":
        for _ in range(2):
            session.execute(
                text("INSERT INTO models (tenant, model, last_version) VALUES (:t, :email, 1)"),
                {"t": principal.tenant, "email": EMAIL},
            )
    if body.texto == "no note":
        Note.model_validate({"texto": {"email": EMAIL}})
    return body


@sample.route("/notes", methods=["GET"])
@endpoint(sample, query=Asked, allow=EVERYONE, response=Page[dict[str, Any]])
def get_notes(query: Asked, call: Call) -> Reply:
    """Answer what was asked, on a list that never ends."""
    asked = query.model_dump(include={"tag", "nome", "limit"})
    return page_reply(Page[dict[str, Any]], [asked], "more", (1, True), call)


@sample.route("/notes/{note_id}/parts/{part_id}", methods=["GET"])
@endpoint(sample, allow=PUBLIC, own_transactions=True)
def get_part(note_id: Id, part_id: UUID) -> dict[str, str]:
    """Take two typed path parameters."""
    raise Problem(f"{note_id + 0} {part_id.version}")


@sample.route("/forms", methods=["POST"])
@endpoint(sample, body=Note, accepts=(JSON, FORM), allow=PUBLIC, own_transactions=True)
def post_form(body: Note) -> Note:
    """Take a form as well as JSON."""
    return body


@sample.route("/guarded", methods=["POST"])
@endpoint(
    sample,
    allow=EVERYONE,
    limit="2/minute",
    own_transactions=True,
    status=204,
)
def post_guarded() -> None:
    """Have a stricter limit than others."""


@sample.route("/kept", methods=["GET"])
@endpoint(sample, allow=EVERYONE, own_transactions=True)
def get_kept() -> Reply:
    """Let the caller's browser keep the answer."""
    return Reply("{}", headers={"Cache-Control": "private, max-age=60"})


@sample.route("/free", methods=["GET"])
@endpoint(sample, allow=PUBLIC, unlimited=True, own_transactions=True)
def get_free() -> dict[str, str]:
    """Answer as often as one likes."""
    return {}


@sample.route("/files", methods=["POST"])
@endpoint(sample, accepts=("text/csv",), allow=PUBLIC, status=204, own_transactions=True)
def post_file(raw: RawBody) -> None:
    """Take a file."""
    assert raw.media_type == "text/csv"


@sample.route("/moved", methods=["GET"])
@endpoint(sample, allow=PUBLIC, own_transactions=True, status=202)
def get_moved(call: Call) -> Reply:
    """Point elsewhere."""
    return Reply(headers={"Location": call.link("/notes/1")})


@sample.route("/wrong", methods=["GET"])
@endpoint(sample, allow=EVERYONE)
def get_wrong_answer(session: Session, principal: Principal) -> Reply:
    """Write, then answer what the model refuses: the transaction is not committed yet."""
    _record(session, principal, "never seen")
    session.flush()
    return Reply(Page[Note].model_validate({"items": []}))


@sample.route("/database", methods=["GET"])
@endpoint(sample, allow=PUBLIC)
def get_database(session: Session) -> Reply:
    """Ask the database."""
    return Reply(str(session.scalar(text("SELECT 1"))))


@sample.route("/tenant", methods=["GET"])
@endpoint(sample, allow=PUBLIC)
def get_tenant(session: Session) -> Reply:
    """Which tenant the transaction names."""
    return Reply(repr(session.scalar(text("SELECT current_setting('previsto.tenant', true)"))))


@sample.route("/broken", methods=["GET"])
@endpoint(sample, allow=PUBLIC, own_transactions=True)
def get_broken() -> None:
    """Fail as nobody foresaw."""
    raise ValueError(SECRET)


app.register_blueprint(sample)
