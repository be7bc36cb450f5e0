"""Orders in lots: taken at once, and decided one by one by the queue.

Each order is decided in a transaction of its own, which also writes the line that says so: a run
that is killed, or told twice, goes on behind the lines that are there, and no order is decided
twice. Whatever keeps an order from being decided is written in the same place.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.clock import utc_now
from chalicelib.core.errors import FieldError, InternalError, Problem, ValidationFailed
from chalicelib.core.jobs import enqueue
from chalicelib.core.parsing import JSON, RawBody
from chalicelib.core.portuguese_faults import faults_of
from chalicelib.core.rowfile import CSV, BadRow
from chalicelib.core.runs import JobRun
from chalicelib.core.storage import ObjectNotFound
from chalicelib.core.uploads import (
    keep_body,
    object_store,
    store_must_answer,
    upload_media_type,
)
from chalicelib.credit.assessments import ReasonsDoNotAddUp
from chalicelib.credit.errors import (
    LotePedidosSemCorpo,
    PedidoRepetido,
)
from chalicelib.credit.intake import NewOrder, read_order, read_whole
from chalicelib.credit.items import ItemRefused, reading_at
from chalicelib.credit.order_files import lines_of, lots_of_orders, reading_bytes
from chalicelib.credit.queues import CREDIT_ORDERS_QUEUE, PedidosMessage
from chalicelib.credit.samples import parted
from chalicelib.credit.schemas_order_lots import (
    LotePedidosIn,
    LotePedidosReport,
)
from chalicelib.credit.schemas_orders import PedidoIn
from chalicelib.credit.service_order_lots_view import count_lines, find_lot
from chalicelib.credit.service_orders import Sender, decide_order
from chalicelib.credit.tables_decisions import ItemDeLote, LoteDePedidos

log = logging.getLogger("previsto.credit")


@dataclass(frozen=True)
class FileRow:
    """An order as a file's row has it, rather than as JSON of the API."""

    found: Mapping[str, Any] | BadRow


STEP = "decidindo pedidos"
# What a fault in computing on one order raises: it is that order's, and the others go on. A lost
# lease and services that do not answer are the run's, and end it.
FAULTS = (ReasonsDoNotAddUp, ArithmeticError, LookupError, TypeError, ValueError)

DONE = text("SELECT linha FROM credito_itens_pedidos WHERE tenant = :tenant AND lote_id = :lote")


def keep_lot(principal: Principal, body: LotePedidosIn, now: datetime) -> str:
    """Store the body of a lot, ahead of the transaction that will name it; gives its key.

    Raises:
        ServiceUnavailable: The store does not answer.
    """
    return keep_body(principal, RawBody(JSON, body.model_dump_json().encode()), now)


def keep_file(principal: Principal, data: bytes, now: datetime) -> list[tuple[str, int]]:
    """Store a file of orders as lots, ahead of the transaction that will name them.

    Returns:
        Key and number of orders of each, in their order.

    Raises:
        HeaderInvalid, LoteIlegivel, LoteVazio: It is no file of orders.
        ServiceUnavailable: The store does not answer.
    """
    return [
        (keep_body(principal, raw, now), raw.data.count(b"\n") - (raw.media_type == CSV))
        for raw in lots_of_orders(data)
    ]


def receive_lot(
    session: Session, principal: Principal, objeto: str, itens: int, now: datetime
) -> LoteDePedidos:
    """Take a lot, and have its orders decided."""
    lote = LoteDePedidos(
        tenant=principal.tenant,
        objeto=objeto,
        itens=itens,
        recebido_em=now,
        recebido_por=principal.subject,
    )
    session.add(lote)
    session.flush()
    job = enqueue(
        session,
        CREDIT_ORDERS_QUEUE,
        PedidosMessage(lote=lote.id, objeto=objeto),
        tenant=principal.tenant,
        owner=principal.subject,
    )
    lote.job_id = job.id
    audit.record(
        session,
        tenant=principal.tenant,
        ator=principal.subject,
        acao="lote_pedidos.recebido",
        objeto=f"lote_pedidos:{lote.id}",
        itens=itens,
    )
    return lote


def decide_lot(run: JobRun, message: PedidosMessage) -> LotePedidosReport:
    """Decide on the orders of a lot that are not decided yet.

    Raises:
        LotePedidosNotFound: There is no such lot.
        LotePedidosSemCorpo: Its body is gone.
        ServiceUnavailable: Something an order needs does not answer; the job goes on later.
    """
    with run.reading() as session:
        lote = find_lot(session, message.lote)
        scope = {"tenant": run.tenant, "lote": lote.id}
        done = set(session.execute(DONE, scope).scalars())
        media_type = upload_media_type(session, lote.objeto)
    orders = _orders(lote.objeto, media_type)
    sender = Sender(run.tenant, run.owner, lote.id)
    for line, sent in enumerate(orders, start=1):
        run.progress(line - 1, len(orders), STEP)
        if line not in done:
            _decide_line(run, sender, line, sent)
    with run.reading() as session:
        counts = count_lines(session, [lote.id])[lote.id]
    return LotePedidosReport(
        itens=len(orders),
        aprovados=counts.aprovados,
        em_revisao=counts.em_revisao,
        negados=counts.negados,
        problemas=counts.problemas,
    )


def _orders(objeto: str, media_type: str) -> list[Any]:
    """Orders as JSON has them, or as rows of a file."""
    try:
        with store_must_answer():
            data = object_store().read(objeto)
    except ObjectNotFound:
        raise LotePedidosSemCorpo from None
    if media_type == JSON:
        return LotePedidosIn.model_validate_json(data).pedidos
    return [FileRow(row) for _, row in lines_of(reading_bytes(data), media_type)]


def _decide_line(run: JobRun, sender: Sender, line: int, sent: Any) -> None:
    """Decide on one order and write its line; or write why it cannot be decided."""
    now = utc_now()
    row = ItemDeLote(
        lote_id=sender.lote_id, linha=line, tenant=sender.tenant, numero=_number_of(sent)
    )
    try:
        order = _read(sent, now)
        with run.transaction() as session:
            row.pedido_id = decide_order(session, sender, order, now).pedido_id
            session.add(row)
        return
    except (ValidationFailed, PedidoRepetido) as problem:
        refusal: Problem = problem
    except FAULTS:
        log.exception("order of a lot not decided", extra={"lot": sender.lote_id, "line": line})
        refusal = InternalError()
    row.pedido_id, row.problema = None, _document(refusal, run.request_id)
    with run.transaction() as session:
        session.add(row)


def _read(sent: Any, now: datetime) -> NewOrder:
    if isinstance(sent, FileRow):
        return _read_row(sent.found, now)
    try:
        found = PedidoIn.model_validate_json(json.dumps(sent))
    except ValidationError as error:
        raise ValidationFailed(errors=faults_of(error)) from None
    return read_order(found, now)


def _read_row(found: Mapping[str, Any] | BadRow, now: datetime) -> NewOrder:
    """An order of a file's row, read as the rows of lots are."""
    if isinstance(found, BadRow):
        raise ValidationFailed(errors=[FieldError(campo="linha", erro=found.reason)])
    try:
        fields, inline = parted(found)
        return read_whole(fields, inline, reading_at(now))[0]
    except ItemRefused as refusal:
        errors = [FieldError(campo=f.campo or "linha", erro=f.motivo) for f in refusal.faults]
        raise ValidationFailed(errors=errors) from None


def _number_of(sent: Any) -> str | None:
    """The order's number, for people to find it by, as far as it has one."""
    found = sent.found if isinstance(sent, FileRow) else sent
    number = found.get("numero") if isinstance(found, Mapping) else None
    return number[:100] if isinstance(number, str) else None


def _document(problem: Problem, request_id: str) -> dict[str, Any]:
    """Why an order was not decided, for people: in Portuguese."""
    document = {**problem.document(request_id), "detail": problem.motivo}
    return {**document, "location": problem.headers.get("Location")}
