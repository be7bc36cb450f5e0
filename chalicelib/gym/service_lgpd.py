"""The rights of the LGPD: a copy of all that is held of a person, and its erasure.

Every table with a foreign key to `alunos` is found by that key, so what is added to the schema is
exported and erased without a word here.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Column, Table, delete, exists, select, text
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.db import Base, unit_of_work
from chalicelib.core.errors import ServiceUnavailable
from chalicelib.core.jobs import Job, JobState, enqueue
from chalicelib.core.storage import StorageUnavailable
from chalicelib.core.uploads import object_store
from chalicelib.gym.errors import AlunoNotFound, ImportacaoEmAndamento
from chalicelib.gym.queues import ALUNO_QUEUE, CHECKIN_QUEUE, LGPD_QUEUE
from chalicelib.gym.schemas_members import ApagarMessage
from chalicelib.gym.service_lgpd_files import LARGEST_ANSWER_BYTES, export_folder, files_of_imports
from chalicelib.gym.tables import Aluno

LINK_LIFETIME = timedelta(minutes=15)

# An answer that was kept for its Idempotency-Key: of the registration, or of whatever names the
# member by `aluno_id` or in its path.
KEPT = """
route LIKE 'POST /aluno/' || cast(:id AS bigint) || '/%'
OR CASE WHEN body LIKE '{%' THEN
    cast(body AS jsonb) @> jsonb_build_object('aluno_id', cast(:id AS bigint))
    OR route = 'POST /aluno/registro'
        AND cast(body AS jsonb) @> jsonb_build_object('id', cast(:id AS bigint))
END
"""
ANSWERS = f"""
SELECT to_jsonb(k) - 'fingerprint' FROM idempotency_keys k WHERE {KEPT} ORDER BY criado_em
"""
FORGET_ANSWERS = f"DELETE FROM idempotency_keys WHERE {KEPT}"
TRAIL = """
SELECT to_jsonb(t) FROM auditoria t WHERE objeto = 'aluno:' || cast(:id AS bigint) ORDER BY t.id
"""


def export_aluno(principal: Principal, aluno_id: int, now: datetime) -> tuple[str | None, str]:
    """All that is held of a member, as one JSON document.

    Returns:
        None and the document; or a short-lived address to fetch it from, and an empty text, where
        it is too large for an answer.

    Raises:
        AlunoNotFound: There is no such aluno.
        ServiceUnavailable: The store does not answer.
    """
    with unit_of_work(tenant=principal.tenant) as session:
        document = _document(session, aluno_id)
        audit.record_by(session, principal, "aluno.dados_exportados", f"aluno:{aluno_id}")
    data = document.encode()
    if len(data) <= LARGEST_ANSWER_BYTES:
        return None, document
    store, key = object_store(), f"{export_folder(principal.tenant, aluno_id)}{uuid4()}.json"
    try:
        store.put(key, data, content_type="application/json")
    except StorageUnavailable as error:
        raise ServiceUnavailable from error
    filename = f"dados-do-aluno-{aluno_id}-{now:%Y-%m-%d}.json"
    return store.signed_download(key, expires_in=LINK_LIFETIME, filename=filename), ""


def erase_aluno(session: Session, principal: Principal, aluno_id: int, now: datetime) -> Job:
    """Erase a member: the rows now, the files by a job.

    Raises:
        AlunoNotFound: There is no such aluno.
        ImportacaoEmAndamento: A file that may mention them is about to be imported.
    """
    if session.get(Aluno, aluno_id, with_for_update=True) is None:
        raise AlunoNotFound
    waiting = select(Job.id).where(
        Job.queue.in_([ALUNO_QUEUE.name, CHECKIN_QUEUE.name]),
        Job.state.in_([JobState.QUEUED, JobState.RUNNING]),
    )
    if session.scalar(select(exists(waiting))):
        raise ImportacaoEmAndamento
    session.execute(delete(Aluno).where(Aluno.id == aluno_id))
    session.execute(text(FORGET_ANSWERS), {"id": aluno_id})
    job = enqueue(
        session,
        LGPD_QUEUE,
        ApagarMessage(aluno_id=aluno_id, pedido_em=now),
        tenant=principal.tenant,
        owner=principal.subject,
    )
    audit.record_by(
        session, principal, "aluno.dados_apagados", f"aluno:{aluno_id}", job=str(job.id)
    )
    return job


def tables_about_alunos() -> Iterator[tuple[Table, Column[int]]]:
    """Every table whose rows belong to a member, and its column that names them."""
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            if key.column is Aluno.__table__.c.id:
                yield table, key.parent


def _document(session: Session, aluno_id: int) -> str:
    aluno = session.execute(
        text("SELECT to_jsonb(a)::text FROM alunos a WHERE id = :id"), {"id": aluno_id}
    ).scalar_one_or_none()
    if aluno is None:
        raise AlunoNotFound
    records = {
        table.name: _rows(
            session,
            f"SELECT to_jsonb(t) FROM {table.name} t WHERE t.{column.name} = cast(:id AS bigint)"
            f" ORDER BY {', '.join(f't.{c.name}' for c in table.primary_key)}",
            aluno_id,
        )
        for table, column in tables_about_alunos()
    }
    parts = {
        "aluno": aluno,
        "registros": _object(records),
        "respostas_guardadas": _rows(session, ANSWERS, aluno_id),
        "auditoria": _rows(session, TRAIL, aluno_id),
        "arquivos_recebidos": json.dumps(
            [
                {"objeto": objeto, "recebido_em": received.isoformat()}
                for objeto, received in files_of_imports(session)
            ]
        ),
    }
    return _object(parts)


def _rows(session: Session, statement: str, aluno_id: int) -> str:
    """The rows of a statement of one JSON column, as a JSON array made by the database."""
    found = text(f"SELECT coalesce(jsonb_agg(r.linha), '[]')::text FROM ({statement}) r (linha)")
    return str(session.execute(found, {"id": aluno_id}).scalar_one())


def _object(parts: dict[str, str]) -> str:
    """A JSON object of values that are JSON already."""
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in parts.items()) + "}"
