"""Pages of lots of orders: a file is sent, followed, and its results are read or taken home."""

import csv
import io
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.job_actions import REFUSALS as JOB_REFUSALS
from chalicelib.console.job_actions import JobWords, act_on_job, followed_job, is_under_way
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core.auth import Role
from chalicelib.core.calls import Reply
from chalicelib.core.cells import harmless
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.job_control import JobNotFound
from chalicelib.core.pages import CursorInvalid
from chalicelib.core.rowfile import CSV, HeaderInvalid
from chalicelib.core.web import Routes
from chalicelib.credit import service_order_lots, service_order_lots_view
from chalicelib.credit.errors import LoteIlegivel, LotePedidosNotFound, LoteVazio
from chalicelib.credit.policy_form import TITLES
from chalicelib.credit.schemas_orders import MOST_ORDERS
from chalicelib.credit.words import LOT_COLUMNS, SITUATIONS

PATH = "/console/credito/pedidos/lotes"
RESULT = ("linha", "numero", "situacao", "risco", "regra", "problema")
STOPPED = "O lote para. O que já foi decidido fica decidido."
SAID = JobWords(cancelled=STOPPED, stopping=STOPPED, queued="O lote continua de onde parou.")

order_lot_pages = Routes(__name__)
company = partial(page, order_lot_pages, allow=Role.EMPRESA, companies_only=True)


def show_lots(session: Session, query: PartQuery, form: Form) -> Shown:
    """The form for a file, and the lots so far."""
    found, cursor, total = service_order_lots_view.list_lots(session, query)
    return Shown(
        "credit/order_lots.html",
        found=found,
        cursor=cursor,
        total=total,
        columns=LOT_COLUMNS,
        form=form,
    )


@order_lot_pages.route(PATH, methods=["GET"])
@company(query=PartQuery, raises=(CursorInvalid,), autocommit=True)
def get_lots(session: Session, query: PartQuery, form: Form) -> Shown:
    """The form for a file, and the lots so far."""
    return show_lots(session, query, form)


def _take_file(visit: Visit, form: Form, now: datetime) -> list[tuple[str, int]]:
    """The lots that a sent file makes, stored before the transaction."""
    if form.file is None or not form.file.data:
        raise ValidationFailed(errors=[FieldError(campo="arquivo", erro="Escolha um arquivo.")])
    return service_order_lots.keep_file(visit.who, form.file.data, now)


@order_lot_pages.route(PATH, methods=["POST"])
@company(
    query=PartQuery,
    again=show_lots,
    before=_take_file,
    raises=(HeaderInvalid, LoteIlegivel, LoteVazio),
)
def post_lots(
    session: Session, visit: Visit, prepared: list[tuple[str, int]], now: datetime
) -> Reply:
    """Have the orders of a file decided."""
    lots = [
        service_order_lots.receive_lot(session, visit.who, objeto, orders, now)
        for objeto, orders in prepared
    ]
    if len(lots) == 1:
        return visit.go(f"{PATH}/{lots[0].id}")
    said = f"{sum(orders for _, orders in prepared)} pedidos recebidos em {len(lots)} lotes."
    return visit.go(PATH, said)


def show_lot(session: Session, visit: Visit, lote_id: UUID, query: PartQuery, form: Form) -> Shown:
    """A lot: how far it is, and what became of each order."""
    lote = service_order_lots_view.find_lot(session, lote_id)
    job = followed_job(session, visit.who, lote.job_id)
    lines, cursor = service_order_lots_view.list_lines(session, visit.who, lote_id, query)
    return Shown(
        "credit/order_lot.html",
        lote=lote,
        job=job,
        is_live=is_under_way(job),
        counts=service_order_lots_view.count_lines(session, [lote_id])[lote_id],
        lines=lines,
        cursor=cursor,
        situations=SITUATIONS,
        rules=TITLES,
        form=form,
    )


@order_lot_pages.route(f"{PATH}/{{lote_id}}", methods=["GET"])
@company(query=PartQuery, raises=(LotePedidosNotFound, CursorInvalid), autocommit=True)
def get_lot(session: Session, visit: Visit, lote_id: UUID, query: PartQuery, form: Form) -> Shown:
    """A lot: how far it is, and what became of each order."""
    return show_lot(session, visit, lote_id, query, form)


@order_lot_pages.route(f"{PATH}/{{lote_id}}", methods=["POST"])
@company(
    query=PartQuery,
    again=show_lot,
    raises=(LotePedidosNotFound, *JOB_REFUSALS),
)
def post_lot(session: Session, visit: Visit, lote_id: UUID, form: Form) -> Reply:
    """Stop a lot, or go on with one that was stopped or has failed."""
    lote = service_order_lots_view.find_lot(session, lote_id)
    if lote.job_id is None:
        raise JobNotFound
    said = act_on_job(session, visit, lote.job_id, form.action, SAID)
    return visit.go(f"{PATH}/{lote_id}", said)


@order_lot_pages.route(f"{PATH}/{{lote_id}}/resultado", methods=["GET"])
@company(raises=(LotePedidosNotFound,), autocommit=True)
def get_lot_result(session: Session, visit: Visit, lote_id: UUID) -> Reply:
    """What became of each order of a lot, as a CSV."""
    service_order_lots_view.find_lot(session, lote_id)
    lines = service_order_lots_view.lines_after(session, visit.who, lote_id, 0, MOST_ORDERS)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(RESULT)
    for one in lines:
        risk = "" if one.probabilidade is None else str(round(one.probabilidade, 4))
        written = (one.linha, one.numero, one.situacao, risk.replace(".", ","), one.regra)
        writer.writerow([harmless(value) for value in (*written, _problem(one.problema))])
    named = f'attachment; filename="lote-{lote_id}.csv"'
    headers = {"Content-Disposition": named, "Cache-Control": "no-store"}
    return Reply("\ufeff" + text.getvalue(), headers=headers, media_type=f"{CSV}; charset=utf-8")


def _problem(found: dict[str, object] | None) -> str:
    if found is None:
        return ""
    errors = found.get("errors")
    if not isinstance(errors, list):
        return str(found["detail"])
    return "; ".join(f"{each['campo']}: {each['erro']}" for each in errors)
