"""Orders in lots: taken at once, and decided one by one by the queue.

Each order is decided in a transaction of its own, which also writes the line that says so: a run
that is killed, or told twice, goes on behind the lines that are there, and no order is decided
twice. Whatever keeps an order from being decided is written in the same place.
"""

import json
import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.calls import Call
from chalicelib.core.clock import utc_now
from chalicelib.core.errors import FieldError, InternalError, Problem, ValidationFailed
from chalicelib.core.jobs import enqueue
from chalicelib.core.pages import AS_ID, PageQuery, decode_cursor, encode_cursor
from chalicelib.core.parsing import JSON, RawBody, parse_json
from chalicelib.core.runs import JobRun
from chalicelib.core.storage import ObjectNotFound
from chalicelib.core.uploads import keep_body, object_store, store_must_answer
from chalicelib.credit.assessments import ReasonsDoNotAddUp
from chalicelib.credit.errors import (
    LotePedidosNotFound,
    LotePedidosSemCorpo,
    PedidoRepetido,
)
from chalicelib.credit.intake import NewOrder, read_order
from chalicelib.credit.queues import CREDIT_ORDERS_QUEUE, PedidosMessage
from chalicelib.credit.schemas_order_lots import (
    ItemDeLoteOut,
    LotePedidosIn,
    LotePedidosOut,
    LotePedidosReport,
)
from chalicelib.credit.schemas_orders import PedidoIn
from chalicelib.credit.service_orders import Sender, decide_order
from chalicelib.credit.tables_decisions import ItemDeLote, LoteDePedidos

log = logging.getLogger("previsto.credit")

STEP = "decidindo pedidos"
# What a fault in computing on one order raises: it is that order's, and the others go on. A lost
# lease and services that do not answer are the run's, and end it.
FAULTS = (ReasonsDoNotAddUp, ArithmeticError, LookupError, TypeError, ValueError)

COUNTS = text("""
SELECT count(*) FILTER (WHERE d.situacao = 'aprovado') AS aprovados,
    count(*) FILTER (WHERE d.situacao = 'revisao') AS em_revisao,
    count(*) FILTER (WHERE d.situacao = 'negado') AS negados,
    count(*) FILTER (WHERE i.problema IS NOT NULL) AS problemas,
    count(*) AS feitos
FROM credito_itens_pedidos i LEFT JOIN credito_decisoes d ON d.pedido_id = i.pedido_id
WHERE i.tenant = :tenant AND i.lote_id = :lote
""")
LINES = text("""
SELECT i.linha, i.numero, i.pedido_id, i.problema, d.decisao, d.situacao
FROM credito_itens_pedidos i LEFT JOIN credito_decisoes d ON d.pedido_id = i.pedido_id
WHERE i.tenant = :tenant AND i.lote_id = :lote AND i.linha > :after
ORDER BY i.linha LIMIT :rows
""")
DONE = text("SELECT linha FROM credito_itens_pedidos WHERE tenant = :tenant AND lote_id = :lote")


def keep_lot(principal: Principal, body: LotePedidosIn, now: datetime) -> str:
    """Store the body of a lot, ahead of the transaction that will name it; gives its key.

    Raises:
        ServiceUnavailable: The store does not answer.
    """
    return keep_body(principal, RawBody(JSON, body.model_dump_json().encode()), now)


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
    orders = _orders(lote.objeto)
    sender = Sender(run.tenant, run.owner, lote.id)
    for line, sent in enumerate(orders, start=1):
        run.progress(line - 1, len(orders), STEP)
        if line not in done:
            _decide_line(run, sender, line, sent)
    with run.reading() as session:
        counts = session.execute(COUNTS, scope).one()
    return LotePedidosReport(
        itens=len(orders),
        aprovados=counts.aprovados,
        em_revisao=counts.em_revisao,
        negados=counts.negados,
        problemas=counts.problemas,
    )


def _orders(objeto: str) -> list[Any]:
    try:
        with store_must_answer():
            data = object_store().read(objeto)
    except ObjectNotFound:
        raise LotePedidosSemCorpo from None
    return LotePedidosIn.model_validate_json(data).pedidos


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
    errors: list[FieldError] = []
    found = parse_json(PedidoIn, json.dumps(sent).encode(), errors)
    if found is None:
        raise ValidationFailed(errors=errors)
    return read_order(found, now)


def _number_of(sent: Any) -> str | None:
    """The order's number, for people to find it by, as far as it has one."""
    number = sent.get("numero") if isinstance(sent, dict) else None
    return number[:100] if isinstance(number, str) else None


def _document(problem: Problem, request_id: str) -> dict[str, Any]:
    return {**problem.document(request_id), "location": problem.headers.get("Location")}


def find_lot(session: Session, lote_id: UUID) -> LoteDePedidos:
    """A lot of the session's tenant.

    Raises:
        LotePedidosNotFound: There is none.
    """
    lote = session.get(LoteDePedidos, lote_id)
    if lote is None:
        raise LotePedidosNotFound
    return lote


def describe_lot(
    session: Session, principal: Principal, lote_id: UUID, query: PageQuery, call: Call
) -> LotePedidosOut:
    """A lot, and a page of what became of its orders.

    Raises:
        LotePedidosNotFound: There is no such lot.
        CursorInvalid: The cursor is not of this list.
    """
    lote = find_lot(session, lote_id)
    scope = {"tenant": principal.tenant, "lote": lote.id}
    counts = session.execute(COUNTS, scope).one()
    after = 0 if query.cursor is None else decode_cursor(query.cursor, (AS_ID,))[0]
    rows = session.execute(LINES, {**scope, "after": after, "rows": query.limit + 1}).all()
    shown = rows[: query.limit]
    cursor = encode_cursor([shown[-1].linha]) if len(rows) > query.limit else None
    return LotePedidosOut(
        id=lote.id,
        job_id=lote.job_id,
        itens=lote.itens,
        recebido_em=lote.recebido_em,
        aprovados=counts.aprovados,
        em_revisao=counts.em_revisao,
        negados=counts.negados,
        problemas=counts.problemas,
        pendentes=lote.itens - counts.feitos,
        items=[ItemDeLoteOut.model_validate(row) for row in shown],
        total=counts.feitos,
        total_exact=True,
        next=call.next_page(cursor),
    )
