"""What products share that let a person have a copy of what is held of them, and be erased (LGPD).

Rows are the product's own matter. Copies that are too large for an answer, and raw files that were
taken in, lie in the store and are handled here.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Text, cast, exists, or_, select, text
from sqlalchemy.orm import Session

from chalicelib.core.errors import ServiceUnavailable
from chalicelib.core.jobs import Job, JobState
from chalicelib.core.runs import JobRun
from chalicelib.core.uploads import Upload, object_store, store_must_answer

LARGEST_ANSWER_BYTES = 4 * 1024 * 1024
LINK_LIFETIME = timedelta(minutes=15)
PRIVATE = {"Cache-Control": "no-store"}
EXPORTS_KEPT = timedelta(days=1)
IS_UNFINISHED = Job.state.in_([JobState.QUEUED, JobState.RUNNING])


class ArquivoEmUso(ServiceUnavailable):
    """A file that may mention the person is being imported; it is deleted after that."""

    motivo = "Um arquivo que pode citar a pessoa está sendo lido; ele é apagado depois disso."


class ArquivoRecebido(BaseModel):
    """A raw file that was taken in, which may mention the person beside others."""

    objeto: str
    recebido_em: datetime


def export_folder(tenant: str, person: int | None = None) -> str:
    """Where copies for a person lie; for everybody's, without the person."""
    return f"{tenant}/lgpd/" if person is None else f"{tenant}/lgpd/{person}/"


def hand_over(document: str, folder: str, filename: str) -> tuple[str | None, str]:
    """A copy as it is answered, outside of any transaction.

    Args:
        document: The copy.
        folder: Where it is stored if it is too large for an answer.
        filename: What it is then saved as.

    Returns:
        None and the document; or a short-lived address to fetch it from, and an empty text.

    Raises:
        ServiceUnavailable: The store does not answer.
    """
    data = document.encode()
    if len(data) <= LARGEST_ANSWER_BYTES:
        return None, document
    store, key = object_store(), f"{folder}{uuid4()}.json"
    with store_must_answer():
        store.put(key, data, content_type="application/json")
    return store.signed_download(key, expires_in=LINK_LIFETIME, filename=filename), ""


def rows_as_json(session: Session, statement: str, values: Mapping[str, Any]) -> str:
    """The rows of a statement of one JSON column, as a JSON array made by the database."""
    found = text(f"SELECT coalesce(jsonb_agg(r.linha), '[]')::text FROM ({statement}) r (linha)")
    return str(session.execute(found, values).scalar_one())


def json_object(parts: Mapping[str, str]) -> str:
    """A JSON object of values that are JSON already."""
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in parts.items()) + "}"


def is_at_work(session: Session, queues: Collection[str]) -> bool:
    """Whether a job of one of these queues waits or runs, of the session's tenant."""
    waiting = select(Job.id).where(Job.queue.in_(queues), IS_UNFINISHED)
    return bool(session.scalar(select(exists(waiting))))


def _named_by_job(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    names_it = Job.message["objeto"].astext == cast(Upload.objeto, Text)
    return exists().where(Job.tenant == Upload.tenant, names_it, *conditions)


def files_of_jobs(
    session: Session, queues: Collection[str], until: datetime | None = None
) -> Sequence[tuple[str, datetime]]:
    """Key and age of the files that jobs of these queues were given and that are kept, and of those
    that no job has been given yet, oldest first.
    """
    statement = select(Upload.objeto, Upload.criado_em).where(
        or_(_named_by_job(Job.queue.in_(queues)), ~_named_by_job())
    )
    if until is not None:
        statement = statement.where(Upload.criado_em <= until)
    rows = session.execute(statement.order_by(Upload.criado_em, Upload.objeto))
    return [(row.objeto, row.criado_em) for row in rows]


def files_json(files: Sequence[tuple[str, datetime]]) -> str:
    """Such files, as JSON."""
    return json.dumps(
        [{"objeto": objeto, "recebido_em": received.isoformat()} for objeto, received in files]
    )


def erase_files_of_jobs(run: JobRun, queues: Collection[str], until: datetime) -> int:
    """Delete the files of jobs of these queues that were taken in until an instant.

    All of them, without looking whom they mention: an address that was changed since, a line
    that could not be read or a character written another way would hide the person. They are
    copies of what the sender has, kept to send a job again. The rows that name them go with
    their age, so that what still arrives by a signed address is found and deleted then.

    Returns:
        How many were there.

    Raises:
        ArquivoEmUso: A job that waits or runs needs one; what could be deleted has been.
        ServiceUnavailable: The store does not answer.
    """
    with run.reading() as session:
        files = [objeto for objeto, _ in files_of_jobs(session, queues, until)]
        needed = _named_by_job(Job.queue.in_(queues), IS_UNFINISHED)
        in_use = set(session.scalars(select(Upload.objeto).where(needed)))
    free = [objeto for objeto in files if objeto not in in_use]
    removed = delete_objects(run, free)
    if len(free) < len(files):
        raise ArquivoEmUso
    return removed


def delete_objects(run: JobRun, keys: Sequence[str]) -> int:
    """Delete objects; gives how many of them were there.

    Raises:
        ServiceUnavailable: The store does not answer.
    """
    removed = 0
    with store_must_answer():
        for place, key in enumerate(keys):
            run.progress(place, len(keys), "apagando arquivos")
            if object_store().stat(key) is not None:
                object_store().delete(key)
                removed += 1
    return removed


def delete_folder(run: JobRun, folder: str, until: datetime | None = None) -> int:
    """Delete the objects of a folder, or those of them that were stored until an instant.

    Raises:
        ServiceUnavailable: The store does not answer.
    """
    with store_must_answer():
        found = list(object_store().list(folder))
    keys = [each.key for each in found if until is None or each.modified <= until]
    return delete_objects(run, keys)


def remove_old_exports(folder: str, now: datetime) -> None:
    """Delete the copies in a folder whose addresses have long expired.

    Raises:
        StorageUnavailable: The store does not answer.
    """
    for found in list(object_store().list(folder)):
        if found.modified < now - EXPORTS_KEPT:
            object_store().delete(found.key)
