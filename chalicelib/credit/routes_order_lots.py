"""Routes of orders in lots, and of fairness."""

from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply
from chalicelib.core.pages import PageQuery
from chalicelib.core.web import Routes, endpoint
from chalicelib.credit import service_fairness, service_order_lots, service_order_lots_view
from chalicelib.credit.errors import ColunaNaoSensivel, LotePedidosNotFound
from chalicelib.credit.schemas_fairness import EquidadeOut, EquidadeQuery
from chalicelib.credit.schemas_order_lots import (
    LotePedidosAceitoOut,
    LotePedidosIn,
    LotePedidosOut,
)

order_lots = Routes(__name__)
company = partial(endpoint, order_lots, allow=Role.EMPRESA, companies_only=True)


@order_lots.route("/credito/pedidos/lote", methods=["POST"])
@company(
    body=LotePedidosIn,
    status=202,
    response=LotePedidosAceitoOut,
    before=service_order_lots.keep_lot,
)
def post_pedidos_lote(
    session: Session,
    principal: Principal,
    body: LotePedidosIn,
    prepared: str,
    call: Call,
    now: datetime,
) -> Reply:
    """Have up to 500 orders decided by the queue.

    Each is decided by itself, in the order in which they were sent: one that cannot be is named
    with its problem and keeps no other back. `Location` is where they are followed.
    """
    lote = service_order_lots.receive_lot(session, principal, prepared, len(body.pedidos), now)
    location = call.link(f"/credito/pedidos/lotes/{lote.id}")
    answer = LotePedidosAceitoOut.model_validate(lote)
    return Reply(answer, headers={"Location": location})


@order_lots.route("/credito/pedidos/lotes/{lote_id}", methods=["GET"])
@company(
    query=PageQuery,
    response=LotePedidosOut,
    raises=(LotePedidosNotFound,),
    autocommit=True,
)
def get_pedidos_lote(
    session: Session, principal: Principal, lote_id: UUID, query: PageQuery, call: Call
) -> Reply:
    """Follow a lot: how many of its orders are decided, and what became of each."""
    found = service_order_lots_view.describe_lot(session, principal, lote_id, query, call)
    headers = {"Link": f'<{found.next}>; rel="next"'} if found.next else {}
    return Reply(found, headers=headers)


@order_lots.route("/credito/equidade", methods=["GET"])
@company(query=EquidadeQuery, raises=(ColunaNaoSensivel,), autocommit=True)
def get_equidade(session: Session, principal: Principal, query: EquidadeQuery) -> EquidadeOut:
    """Say how orders fared by the groups of a column declared sensitive, with intervals and n.

    Such a column is never looked at by a decision. Groups too small are named, not computed.
    """
    return service_fairness.fairness(session, principal.tenant, query)
