"""Pages of orders: decided from a form, with their reasons; the ones that wait for a person."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from chalicelib.console.forms import Form, typed_amount
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import FormQuery, PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core.auth import Role
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest
from chalicelib.core.pages import CursorInvalid
from chalicelib.core.types import Id, Strict
from chalicelib.core.web import Routes
from chalicelib.credit import service_orders, service_orders_list, service_replay, service_reviews
from chalicelib.credit.authors import authors
from chalicelib.credit.errors import (
    CorrecaoSemMotivo,
    DecisaoIgual,
    DesfechoIgual,
    PedidoEncerrado,
    PedidoNotFound,
    PedidoRepetido,
)
from chalicelib.credit.features import BASE_COLUMNS
from chalicelib.credit.intake import NewOrder, read_order
from chalicelib.credit.policy_form import TITLES
from chalicelib.credit.schemas_orders import (
    DesfechoIn,
    PedidoIn,
    PedidoOut,
    PedidosQuery,
    ReplayOut,
    RevisaoIn,
)
from chalicelib.credit.service_orders import Sender
from chalicelib.credit.waterfall import risk_waterfall
from chalicelib.credit.words import BY, OUTCOMES, SITUATIONS, SOURCES, WHAT_CAME, typed_attributes

PATH = "/console/credito/pedidos"
REVIEWS = "/console/credito/revisoes"

order_pages = Routes(__name__)
company = partial(page, order_pages, allow=Role.EMPRESA, companies_only=True)


class OrdersQuery(PedidosQuery, FormQuery):
    """The list's filters as a form sends them: what is not chosen comes empty."""


class WhichOrder(Strict):
    """The order that a form of the queue is about."""

    pedido_id: Id


@order_pages.route(PATH, methods=["GET"])
@company(query=OrdersQuery, raises=(CursorInvalid,), autocommit=True)
def get_orders(session: Session, visit: Visit, query: OrdersQuery) -> Shown:
    """Decided orders, the newest decision first."""
    found, cursor, total = service_orders_list.list_orders(session, visit.who.tenant, query)
    return Shown(
        "credit/orders.html",
        found=found,
        cursor=cursor,
        total=total,
        query=query,
        situations=SITUATIONS,
        sources=SOURCES,
        outcomes=OUTCOMES,
    )


def show_new_order(form: Form) -> Shown:
    """The form for an order."""
    return Shown("credit/new_order.html", form=form, came=WHAT_CAME)


@order_pages.route(f"{PATH}/novo", methods=["GET"])
@company(own_transactions=True)
def get_new_order(form: Form) -> Shown:
    """The form for an order."""
    return show_new_order(form)


def _read_new(form: Form, now: datetime) -> NewOrder:
    """The order that was typed, with what came with it."""
    sent = form.read(
        PedidoIn,
        amounts=("valor",),
        itens=_came_with(form.values),
        atributos=typed_attributes(form["proprias"]),
    )
    return read_order(sent, now)


def _came_with(values: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What was typed of cliente, limit and query, by place; what is empty was not said."""
    found: dict[str, dict[str, Any]] = {}
    for group in WHAT_CAME:
        for each in group.fields:
            typed = values.get(f"itens.{group.place}.{each.name}", "").strip()
            if typed:
                said = typed_amount(typed) if each.is_amount else typed
                found.setdefault(group.place, {})[each.name] = said
    return found


@order_pages.route(f"{PATH}/novo", methods=["POST"])
@company(again=show_new_order, before=_read_new, raises=(PedidoRepetido,))
def post_new_order(session: Session, visit: Visit, prepared: NewOrder, now: datetime) -> Reply:
    """Decide on an order, and lead to the decision."""
    sender = Sender(visit.who.tenant, visit.who.subject, prefix=visit.call.prefix)
    decided = service_orders.decide_order(session, sender, prepared, now)
    return visit.go(f"{PATH}/{decided.pedido_id}")


def show_order(session: Session, visit: Visit, pedido_id: int, form: Form) -> Shown:
    """An order, what was decided on it and why."""
    return _order(session, visit, pedido_id, form, None)


def _order(
    session: Session, visit: Visit, pedido_id: int, form: Form, again: ReplayOut | None
) -> Shown:
    found = service_orders_list.describe_order(session, visit.who.tenant, pedido_id)
    has_score = found.probabilidade is not None and found.valor_base is not None
    return Shown(
        "credit/order.html",
        pedido=found,
        chart=risk_waterfall(
            found.valor_base or 0.0,
            found.justificativas,
            found.probabilidade or 0.0,
            found.limiares,
        )
        if has_score
        else None,
        situations=SITUATIONS,
        sources=SOURCES,
        outcomes=OUTCOMES,
        by=BY,
        labels={column.name: column.label.lower() for column in BASE_COLUMNS},
        people=authors(session, _people_of(found)),
        replay=again,
        form=form,
    )


def _people_of(found: PedidoOut) -> list[str]:
    """Whoever has done something with an order."""
    revised = [each.por for each in found.revisoes]
    return [found.decidido_por, *revised, *(each.por for each in found.desfechos)]


@order_pages.route(f"{PATH}/{{pedido_id}}", methods=["GET"])
@company(raises=(PedidoNotFound,), autocommit=True)
def get_order(session: Session, visit: Visit, pedido_id: Id, form: Form) -> Shown:
    """An order, what was decided on it and why."""
    return show_order(session, visit, pedido_id, form)


@order_pages.route(f"{PATH}/{{pedido_id}}", methods=["POST"])
@company(
    again=show_order,
    raises=(
        PedidoNotFound,
        DecisaoIgual,
        PedidoEncerrado,
        DesfechoIgual,
        CorrecaoSemMotivo,
    ),
)
def post_order(
    session: Session, visit: Visit, pedido_id: Id, form: Form, now: datetime
) -> Shown | Reply:
    """Settle or overturn a decision, say what became of the order, or decide it again to check."""
    at = f"{PATH}/{pedido_id}"
    if form.action == "revisar":
        service_reviews.revise(session, visit.who, pedido_id, form.read(RevisaoIn))
        return visit.go(at, "A revisão foi registrada.")
    if form.action == "desfecho":
        said = form.read(DesfechoIn)
        service_reviews.record_outcome(session, visit.who, pedido_id, said, now)
        return visit.go(at, "O desfecho foi registrado. O modelo será medido por ele.")
    if form.action == "refazer":
        again = service_replay.replay(session, visit.who.tenant, pedido_id)
        return _order(session, visit, pedido_id, form, again)
    raise BadRequest


def show_reviews(session: Session, visit: Visit, query: PartQuery, form: Form) -> Shown:
    """The orders that wait for a person, the oldest first."""
    found, cursor, total = service_orders_list.list_reviews(session, visit.who.tenant, query)
    return Shown(
        "credit/reviews.html", found=found, cursor=cursor, total=total, rules=TITLES, form=form
    )


@order_pages.route(REVIEWS, methods=["GET"])
@company(query=PartQuery, raises=(CursorInvalid,), autocommit=True)
def get_reviews(session: Session, visit: Visit, query: PartQuery, form: Form) -> Shown:
    """The orders that wait for a person, the oldest first."""
    return show_reviews(session, visit, query, form)


@order_pages.route(REVIEWS, methods=["POST"])
@company(
    query=PartQuery,
    again=show_reviews,
    raises=(PedidoNotFound, DecisaoIgual, PedidoEncerrado),
)
def post_reviews(session: Session, visit: Visit, form: Form) -> Reply:
    """Settle one of them where it stands."""
    chosen = form.read(WhichOrder).pedido_id
    said = form.read(RevisaoIn)
    service_reviews.revise(session, visit.who, chosen, said)
    word = "aprovado" if said.decisao == "aprovado" else "negado"
    return visit.go(REVIEWS, f"O pedido foi {word}.")
