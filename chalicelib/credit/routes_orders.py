"""Routes of orders: deciding, looking, settling, saying what became of them."""

from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.types import Id
from chalicelib.core.web import Routes, endpoint
from chalicelib.credit import service_orders, service_orders_list, service_replay, service_reviews
from chalicelib.credit.errors import (
    CorrecaoSemMotivo,
    DecisaoIgual,
    DesfechoIgual,
    PedidoEncerrado,
    PedidoNotFound,
    PedidoRepetido,
)
from chalicelib.credit.intake import NewOrder, read_order
from chalicelib.credit.schemas_orders import (
    DesfechoIn,
    PedidoIn,
    PedidoOut,
    PedidoResumoOut,
    PedidosQuery,
    ReplayOut,
    RevisaoIn,
)
from chalicelib.credit.service_orders import Sender

orders = Routes(__name__)
company = partial(endpoint, orders, allow=Role.EMPRESA, companies_only=True)


def _read(body: PedidoIn, now: datetime) -> NewOrder:
    return read_order(body, now)


@orders.route("/credito/pedidos", methods=["POST"])
@company(body=PedidoIn, status=201, response=PedidoOut, raises=(PedidoRepetido,), before=_read)
def post_pedido(
    session: Session, principal: Principal, prepared: NewOrder, call: Call, now: datetime
) -> Reply:
    """Decide on an order, and say why.

    The company's hard rules come first: where one speaks, it decides. Else the company's model
    does: below `aprova_abaixo_de` the order is approved, from `nega_a_partir_de` on it is denied,
    and between them a person decides; so does one where there is no model. A denial says which
    nearest change of what the policy declares changeable would be approved. An order is decided
    once: of a number that is known, 409, and `Location` is where the decision is.
    """
    sender = Sender(principal.tenant, principal.subject, prefix=call.prefix)
    decided = service_orders.decide_order(session, sender, prepared, now)
    location = call.link(f"/credito/pedidos/{decided.pedido_id}")
    return Reply(decided.answer(), headers={"Location": location})


@orders.route("/credito/pedidos", methods=["GET"])
@company(query=PedidosQuery, response=Page[PedidoResumoOut], autocommit=True)
def get_pedidos(session: Session, principal: Principal, query: PedidosQuery, call: Call) -> Reply:
    """List decided orders, the newest decision first."""
    found, cursor, total = service_orders_list.list_orders(session, principal.tenant, query)
    return page_reply(Page[PedidoResumoOut], found, cursor, total, call)


@orders.route("/credito/revisoes", methods=["GET"])
@company(query=PageQuery, response=Page[PedidoResumoOut], autocommit=True)
def get_revisoes(session: Session, principal: Principal, query: PageQuery, call: Call) -> Reply:
    """List the orders that wait for a person, the oldest first."""
    found, cursor, total = service_orders_list.list_reviews(session, principal.tenant, query)
    return page_reply(Page[PedidoResumoOut], found, cursor, total, call)


@orders.route("/credito/pedidos/{pedido_id}", methods=["GET"])
@company(raises=(PedidoNotFound,), autocommit=True)
def get_pedido(session: Session, principal: Principal, pedido_id: Id) -> PedidoOut:
    """An order, what was decided on it and why, who revised it, and what became of it."""
    return service_orders_list.describe_order(session, principal.tenant, pedido_id)


@orders.route("/credito/pedidos/{pedido_id}/revisao", methods=["POST"])
@company(
    body=RevisaoIn,
    status=201,
    raises=(PedidoNotFound, DecisaoIgual, PedidoEncerrado),
)
def post_pedido_revisao(
    session: Session, principal: Principal, pedido_id: Id, body: RevisaoIn
) -> PedidoOut:
    """Settle an order that waits for a person, or overturn what was decided.

    What was decided at first stays as it was; how the order stands is another field.
    """
    service_reviews.revise(session, principal, pedido_id, body)
    return service_orders_list.describe_order(session, principal.tenant, pedido_id)


@orders.route("/credito/pedidos/{pedido_id}/desfecho", methods=["POST"])
@company(
    body=DesfechoIn,
    status=201,
    raises=(PedidoNotFound, DesfechoIgual, CorrecaoSemMotivo),
)
def post_pedido_desfecho(
    session: Session, principal: Principal, pedido_id: Id, body: DesfechoIn, now: datetime
) -> PedidoOut:
    """Say what became of an order, or correct with a reason what was said.

    The model is watched by it, and learns from it when it is trained again.
    """
    service_reviews.record_outcome(session, principal, pedido_id, body, now)
    return service_orders_list.describe_order(session, principal.tenant, pedido_id)


@orders.route("/credito/pedidos/{pedido_id}/replay", methods=["GET"])
@company(raises=(PedidoNotFound,), autocommit=True)
def get_pedido_replay(session: Session, principal: Principal, pedido_id: Id) -> ReplayOut:
    """Make the decision again from what was stored with it, and compare field by field.

    The same inputs, model (by its digest) and policy version give the same decision with the same
    reasons, and a score within 1e-9. The words in which they are said may be others.
    """
    return service_replay.replay(session, principal.tenant, pedido_id)
