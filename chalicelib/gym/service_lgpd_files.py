"""Files that mention members: raw files of imports, and copies made for the person."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Text, cast, exists, or_, select
from sqlalchemy.orm import Session

from chalicelib.core.errors import ServiceUnavailable
from chalicelib.core.jobs import Job, JobState
from chalicelib.core.runs import JobRun
from chalicelib.core.storage import StorageUnavailable
from chalicelib.core.uploads import Upload, object_store
from chalicelib.gym.queues import ALUNO_QUEUE, CHECKIN_QUEUE
from chalicelib.gym.schemas_members import ApagarMessage, ApagarReport

log = logging.getLogger("previsto.lgpd")

LARGEST_ANSWER_BYTES = 4 * 1024 * 1024
EXPORTS_KEPT = timedelta(days=1)


class ArquivoEmUso(ServiceUnavailable):
    """A file that may mention the person is being imported; it is deleted after that."""


def export_folder(tenant: str, aluno_id: int | None = None) -> str:
    """Where copies for a person lie; for everybody's, without the id."""
    return f"{tenant}/lgpd/" if aluno_id is None else f"{tenant}/lgpd/{aluno_id}/"


def _named_by_job(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    names_it = Job.message["objeto"].astext == cast(Upload.objeto, Text)
    return exists().where(Job.tenant == Upload.tenant, names_it, *conditions)


IS_IMPORT = Job.queue.in_([ALUNO_QUEUE.name, CHECKIN_QUEUE.name])
IS_UNFINISHED = Job.state.in_([JobState.QUEUED, JobState.RUNNING])


def files_of_imports(
    session: Session, until: datetime | None = None
) -> Sequence[tuple[str, datetime]]:
    """Key and age of the raw files of the gym's imports that are kept, and of those that no job
    has been given yet, oldest first.
    """
    statement = select(Upload.objeto, Upload.criado_em).where(
        or_(_named_by_job(IS_IMPORT), ~_named_by_job())
    )
    if until is not None:
        statement = statement.where(Upload.criado_em <= until)
    rows = session.execute(statement.order_by(Upload.criado_em, Upload.objeto))
    return [(row.objeto, row.criado_em) for row in rows]


def erase_files(run: JobRun, message: ApagarMessage) -> ApagarReport:
    """Delete the raw files taken in before a member was erased, and the copies made for them.

    All of them, without looking whom they mention: an address that was changed since, a line
    that could not be read or a character written another way would hide the person. They are
    copies of what the sender has, kept to send a job again. The rows that name them go with
    their age, so that what still arrives by a signed address is found and deleted then.

    Raises:
        ArquivoEmUso: One is being imported; what could be deleted has been.
        ServiceUnavailable: The store does not answer.
    """
    with run.reading() as session:
        files = [objeto for objeto, _ in files_of_imports(session, message.pedido_em)]
        in_use = set(
            session.scalars(select(Upload.objeto).where(_named_by_job(IS_IMPORT, IS_UNFINISHED)))
        )
    free = [objeto for objeto in files if objeto not in in_use]
    try:
        removed = _delete(run, free)
        folder = export_folder(run.tenant, message.aluno_id)
        exports = _delete(run, [found.key for found in object_store().list(folder)])
    except StorageUnavailable as error:
        raise ServiceUnavailable from error
    if len(free) < len(files):
        raise ArquivoEmUso
    return ApagarReport(arquivos_removidos=removed, exportacoes_removidas=exports)


def _delete(run: JobRun, keys: Sequence[str]) -> int:
    removed = 0
    for place, key in enumerate(keys):
        run.progress(place, len(keys), "apagando arquivos")
        if object_store().stat(key) is not None:
            object_store().delete(key)
            removed += 1
    return removed


def remove_old_exports(tenant: str, now: datetime) -> None:
    """Delete the copies for persons whose addresses have long expired.

    A store that is away is left for tomorrow.
    """
    store = object_store()
    try:
        for found in list(store.list(export_folder(tenant))):
            if found.modified < now - EXPORTS_KEPT:
                store.delete(found.key)
    except StorageUnavailable:
        log.warning("copies for persons not removed, the store is away")
