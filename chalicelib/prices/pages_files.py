"""Pages of files of cases: sent, answered by the queue, fetched."""

from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.job_actions import is_under_way
from chalicelib.console.layout import Shown
from chalicelib.console.queries import PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core import uploads
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest
from chalicelib.core.pages import CursorInvalid, PageQuery
from chalicelib.core.settings import settings
from chalicelib.core.uploads import (
    EmptyFile,
    FileTypeUnsupported,
    ObjectMissing,
    UploadIn,
    UploadTooLarge,
)
from chalicelib.core.web import Routes
from chalicelib.identity import service
from chalicelib.prices import service_files, service_models
from chalicelib.prices.errors_models import LoteNaoPronto, LoteNotFound
from chalicelib.prices.media import MEDIA_TYPES
from chalicelib.prices.membership import Papel, projeto_of
from chalicelib.prices.pages import PATH, PROJECT, UNSEEN, anybody, project_page
from chalicelib.prices.pages_datasets import received
from chalicelib.prices.pages_predictions import OFFERED_VERSIONS, UNANSWERED, VersionQuery
from chalicelib.prices.schemas_predictions import LoteIn

FILES = PROJECT + "/arquivos"

file_pages = Routes(__name__)
everybody = partial(anybody, file_pages)


def show_files(
    session: Session, visit: Visit, projeto_id: UUID, query: PartQuery, form: Form
) -> Shown:
    """Files of cases: what was answered, what is under way, and the form for another."""
    found, cursor, total = service_files.list_files(session, visit.who, projeto_id, query)
    jobs = service_files.unfinished_files(session, visit.who, projeto_id)
    listed, _, _ = service_models.list_versions(
        session, visit.who, projeto_id, PageQuery(limit=OFFERED_VERSIONS)
    )
    return project_page(
        session,
        visit,
        projeto_id,
        "files.html",
        "/prever",
        found=found,
        cursor=cursor,
        total=total,
        jobs=jobs,
        is_live=any(is_under_way(job) for job in jobs),
        people=service.names_of(session, [each.usuario for each in found]),
        offered=[each for each in listed if each.arquivada_em is None],
        most_mb=settings().upload_max_mb,
        form=form,
    )


@file_pages.route(FILES, methods=["GET"])
@everybody(query=PartQuery, raises=(*UNSEEN, CursorInvalid), autocommit=True)
def get_files_page(
    session: Session, visit: Visit, projeto_id: UUID, query: PartQuery, form: Form
) -> Shown:
    """Files of cases: what was answered, what is under way, and the form for another."""
    return show_files(session, visit, projeto_id, query, form)


def _take(visit: Visit, form: Form, now: datetime) -> str | None:
    """The key of the file that was sent; None where the form is about leave."""
    if form.action != "prever":
        return None
    return uploads.receive(visit.who, received(form), now, accepted=MEDIA_TYPES).key


@file_pages.route(FILES, methods=["POST"])
@everybody(
    query=PartQuery,
    again=show_files,
    before=_take,
    raises=(*UNANSWERED, EmptyFile, FileTypeUnsupported, ObjectMissing, UploadTooLarge),
)
def post_files_page(
    session: Session,
    visit: Visit,
    projeto_id: UUID,
    form: Form,
    prepared: str | None,
    now: datetime,
) -> Reply:
    """Give leave to send a large file, or have one answered."""
    if form.action == "autorizar":
        projeto_of(session, visit.who, projeto_id, Papel.LEITOR)
        return Reply(uploads.create_upload(session, visit.who, form.read(UploadIn), now))
    if prepared is None:
        raise BadRequest
    body = LoteIn(objeto=prepared, versao=form.read(VersionQuery).versao)
    service_files.ask_for_file(session, visit.who, projeto_id, body)
    return visit.go(f"{PATH}/{projeto_id}/arquivos", "O arquivo chegou e está sendo respondido.")


@file_pages.route(f"{FILES}/{{job_id}}", methods=["GET"])
@everybody(raises=(*UNSEEN, LoteNaoPronto, LoteNotFound), autocommit=True)
def get_file_download(
    session: Session, visit: Visit, projeto_id: UUID, job_id: UUID, now: datetime
) -> Reply:
    """Lead to the answers to a file."""
    found = service_files.see_file(session, visit.who, projeto_id, job_id, now)
    return Reply(status=303, headers={"Location": found.url})
