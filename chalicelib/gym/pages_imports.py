"""Files of members and of visits: sent, followed, and what was refused in them."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.job_actions import REFUSALS as JOB_REFUSALS
from chalicelib.console.job_actions import JobWords, act_on_job, is_under_way
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import FormQuery
from chalicelib.console.visits import Visit
from chalicelib.core import imports, job_control, uploads
from chalicelib.core.auth import Principal
from chalicelib.core.calls import Reply
from chalicelib.core.job_control import JobNotFound, JobQuery
from chalicelib.core.jobs import Job, enqueue
from chalicelib.core.pages import PageQuery
from chalicelib.core.parsing import JSON, RawBody
from chalicelib.core.queues import Queue
from chalicelib.core.rowfile import CSV, NDJSON
from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.uploads import (
    EmptyFile,
    FileTypeUnsupported,
    ObjectMissing,
    UploadIn,
    UploadTooLarge,
)
from chalicelib.core.web import Routes
from chalicelib.gym.pages import DESK
from chalicelib.gym.queues import ALUNO_QUEUE, CHECKIN_QUEUE
from chalicelib.gym.schemas import ImportMessage

PATH = "/console/academia/importar"
NAMES = {ALUNO_QUEUE.name: "Importação de alunos", CHECKIN_QUEUE.name: "Importação de visitas"}
WORDS = JobWords(
    cancelled="A importação foi cancelada.",
    stopping="A importação vai parar no próximo ponto seguro.",
    queued="A importação continua de onde parou.",
)
SHOWN_JOBS = 5
SHOWN_REJECTIONS = 50

imports_page = Routes(__name__)


class Kind(StrEnum):
    """What a file holds."""

    ALUNOS = "alunos"
    VISITAS = "visitas"

    @property
    def queue(self) -> Queue[ImportMessage]:
        """Who imports it."""
        return ALUNO_QUEUE if self is Kind.ALUNOS else CHECKIN_QUEUE


class ImportQuery(FormQuery):
    """Which import to follow."""

    tarefa: UUID | None = None


class ImportFields(BaseModel):
    """What the file holds."""

    tipo: Kind


class JobFields(BaseModel):
    """Which import a button is about."""

    tarefa: UUID


def show_imports(session: Session, visit: Visit, form: Form, query: ImportQuery) -> Shown:
    """The form for a file, the import that is followed, and the last ones."""
    return Shown(
        "gym/imports.html",
        form=form,
        names=NAMES,
        recent=_recent(session, visit.who),
        most_mb=settings().upload_max_mb,
        **_followed(session, visit.who, query.tarefa),
    )


def _recent(session: Session, principal: Principal) -> list[Job]:
    found: list[Job] = []
    for queue in NAMES:
        wanted = JobQuery(queue=queue, limit=SHOWN_JOBS)
        found += job_control.list_jobs(session, principal, wanted)[0]
    return sorted(found, key=lambda job: job.created_at, reverse=True)[:SHOWN_JOBS]


def _followed(session: Session, principal: Principal, job_id: UUID | None) -> dict[str, Any]:
    if job_id is None:
        return {"job": None, "is_over": True, "rejections": [], "refused": 0}
    job = job_control.get_job(session, principal, job_id)
    wanted = PageQuery(limit=SHOWN_REJECTIONS)
    rejections, _, (refused, _) = imports.list_rejections(session, job.id, wanted)
    return {
        "job": job,
        "is_over": not is_under_way(job),
        "rejections": rejections,
        "refused": refused,
    }


@imports_page.route(PATH, methods=["GET"])
@page(
    imports_page,
    tenant=HOUSE,
    query=ImportQuery,
    allow=DESK,
    raises=(JobNotFound,),
    autocommit=True,
)
def get_imports(session: Session, visit: Visit, form: Form, query: ImportQuery) -> Shown:
    """Send a file, and follow what becomes of it."""
    return show_imports(session, visit, form, query)


def _received(principal: Principal, form: Form, now: datetime) -> str | None:
    """The key of the file that the form brings or names; None where it is about something else.

    Raises:
        EmptyFile, ObjectMissing, FileTypeUnsupported: See `uploads.receive_file`.
    """
    if form.action != "importar":
        return None
    if form["objeto"]:
        named = RawBody(JSON, json.dumps({"objeto": form["objeto"]}).encode())
        return uploads.receive_file(principal, named, now)
    data = form.file.data if form.file else b""
    # What browsers call a CSV depends on which programs are installed beside them.
    media_type = NDJSON if data.lstrip()[:1] == b"{" else CSV
    return uploads.receive_file(principal, RawBody(media_type, data), now)


@imports_page.route(PATH, methods=["POST"])
@page(
    imports_page,
    tenant=HOUSE,
    query=ImportQuery,
    allow=DESK,
    again=show_imports,
    before=_received,
    raises=(EmptyFile, FileTypeUnsupported, ObjectMissing, UploadTooLarge, *JOB_REFUSALS),
)
def post_import(
    session: Session, visit: Visit, form: Form, now: datetime, prepared: str | None
) -> Reply:
    """Give leave to send a large file, import one, or stop or repeat an import."""
    if form.action == "autorizar":
        return Reply(uploads.create_upload(session, visit.who, form.read(UploadIn), now))
    if prepared is not None:
        message = ImportMessage(objeto=prepared)
        job = enqueue(
            session,
            form.read(ImportFields).tipo.queue,
            message,
            tenant=visit.who.tenant,
            owner=visit.who.subject,
        )
        return visit.go(f"{PATH}?tarefa={job.id}", "O arquivo chegou e está sendo importado.")
    job_id = form.read(JobFields).tarefa
    told = act_on_job(session, visit, job_id, form.action, WORDS)
    return visit.go(f"{PATH}?tarefa={job_id}", told)
