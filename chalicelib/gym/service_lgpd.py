"""The rights of the LGPD: a copy of all that is held of a person, and its erasure.

Every table with a foreign key to `alunos` is found by that key, so what is added to the schema is
exported and erased without a word here.
"""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Column, Table, delete, text
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.db import Base, unit_of_work
from chalicelib.core.jobs import Job, enqueue
from chalicelib.core.personal_data import (
    export_folder,
    files_json,
    files_of_jobs,
    hand_over,
    is_at_work,
    json_object,
    rows_as_json,
)
from chalicelib.gym.errors import AlunoNotFound, ImportacaoEmAndamento
from chalicelib.gym.queues import LGPD_QUEUE
from chalicelib.gym.schemas_members import ApagarMessage
from chalicelib.gym.service_lgpd_files import IMPORTS
from chalicelib.gym.tables import Aluno

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
    folder = export_folder(principal.tenant, aluno_id)
    return hand_over(document, folder, copy_name(aluno_id, now))


def copy_name(aluno_id: int, now: datetime) -> str:
    """What a copy is saved as."""
    return f"dados-do-aluno-{aluno_id}-{now:%Y-%m-%d}.json"


def erase_aluno(session: Session, principal: Principal, aluno_id: int, now: datetime) -> Job:
    """Erase a member: the rows now, the files by a job.

    Raises:
        AlunoNotFound: There is no such aluno.
        ImportacaoEmAndamento: A file that may mention them is about to be imported.
    """
    if session.get(Aluno, aluno_id, with_for_update=True) is None:
        raise AlunoNotFound
    if is_at_work(session, IMPORTS):
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
    who = {"id": aluno_id}
    aluno = session.execute(
        text("SELECT to_jsonb(a)::text FROM alunos a WHERE id = :id"), who
    ).scalar_one_or_none()
    if aluno is None:
        raise AlunoNotFound
    records = {
        table.name: rows_as_json(
            session,
            f"SELECT to_jsonb(t) FROM {table.name} t WHERE t.{column.name} = cast(:id AS bigint)"
            f" ORDER BY {', '.join(f't.{c.name}' for c in table.primary_key)}",
            who,
        )
        for table, column in tables_about_alunos()
    }
    parts = {
        "aluno": aluno,
        "registros": json_object(records),
        "respostas_guardadas": rows_as_json(session, ANSWERS, who),
        "auditoria": rows_as_json(session, TRAIL, who),
        "arquivos_recebidos": files_json(files_of_jobs(session, IMPORTS)),
    }
    return json_object(parts)
