"""The rights of the LGPD, for a company to grant its clientes: a copy of all that is held of one,
and its erasure.
"""

import json
from datetime import datetime
from uuid import uuid4

from sqlalchemy.orm import Session

from chalicelib.core import audit, telemetry
from chalicelib.core.auth import Principal
from chalicelib.core.db import unit_of_work
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
from chalicelib.credit.errors import ClienteNotFound, DadosEmUso, PedidoApagado
from chalicelib.credit.lgpd_rows import ANSWERS, BODIES, ROWS, TRAIL, erase_rows, orders_of
from chalicelib.credit.queues import (
    CREDIT_ANALYSIS_QUEUE,
    CREDIT_DATASETS_QUEUE,
    CREDIT_LGPD_QUEUE,
    CREDIT_LOTS_QUEUE,
    CREDIT_ORDERS_QUEUE,
    CREDIT_TRAINING_QUEUE,
    ApagarMessage,
)
from chalicelib.credit.service_lgpd_files import TAKING_FILES

READING_DATA = (
    CREDIT_LOTS_QUEUE.name,
    CREDIT_DATASETS_QUEUE.name,
    CREDIT_ORDERS_QUEUE.name,
    CREDIT_TRAINING_QUEUE.name,
    CREDIT_ANALYSIS_QUEUE.name,
)


def export_cliente(principal: Principal, cliente: str, now: datetime) -> tuple[str | None, str]:
    """All that is held of a cliente, as one JSON document.

    Returns:
        None and the document; or a short-lived address to fetch it from, and an empty text, where
        it is too large for an answer.

    Raises:
        ClienteNotFound: Nothing is.
        ServiceUnavailable: The store does not answer.
    """
    with unit_of_work(tenant=principal.tenant) as session:
        document = _document(session, principal.tenant, cliente)
        audit.record_by(session, principal, "cliente.dados_exportados", f"copia:{uuid4()}")
    folder = export_folder(principal.tenant)
    return hand_over(document, folder, f"dados-do-cliente-{now:%Y-%m-%d}.json")


def erase_cliente(session: Session, principal: Principal, cliente: str, now: datetime) -> Job:
    """Erase a cliente: the rows now, the files by a job that is not told who it was.

    Raises:
        ClienteNotFound: Nothing is held of them.
        DadosEmUso: Something is taken in or learned from that may be about them.
    """
    if is_at_work(session, READING_DATA):
        raise DadosEmUso
    said = {**PedidoApagado().document(telemetry.request_id()), "location": None}
    erased = erase_rows(session, principal.tenant, cliente, said)
    if not any(erased.values()):
        raise ClienteNotFound
    job = enqueue(
        session,
        CREDIT_LGPD_QUEUE,
        ApagarMessage(pedido_em=now),
        tenant=principal.tenant,
        owner=principal.subject,
    )
    audit.record_by(session, principal, "cliente.dados_apagados", f"apagamento:{job.id}", **erased)
    return job


def _document(session: Session, tenant: str, cliente: str) -> str:
    orders = orders_of(session, tenant, cliente)
    who = {"tenant": tenant, "cliente": cliente, "pedidos": orders}
    records = {
        table: rows_as_json(
            session, f"SELECT to_jsonb(t) FROM {table} t WHERE {condition} ORDER BY t", who
        )
        for table, condition in ROWS.items()
    }
    if all(rows == "[]" for rows in records.values()):
        raise ClienteNotFound
    bodies = [(row.objeto, row.recebido_em) for row in session.execute(BODIES, who)]
    files = [*bodies, *files_of_jobs(session, TAKING_FILES)]
    parts = {
        "cliente": json.dumps(cliente),
        "registros": json_object(records),
        "respostas_guardadas": rows_as_json(session, ANSWERS, who),
        "auditoria": rows_as_json(session, TRAIL, who),
        "arquivos_recebidos": files_json(files),
    }
    return json_object(parts)
