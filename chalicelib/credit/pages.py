"""The companies' part of the console: what needs attention."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.console.sections import Attention, Section
from chalicelib.core.auth import Principal, Role
from chalicelib.core.pages import PageQuery
from chalicelib.core.portuguese import number
from chalicelib.credit import service_orders_list


def look_for_attention(session: Session, principal: Principal, _now: datetime) -> list[Attention]:
    """Orders that wait for a person."""
    query = PageQuery(limit=1)
    _, _, (waiting, _) = service_orders_list.list_reviews(session, principal.tenant, query)
    said = "pedido espera revisão" if waiting == 1 else "pedidos esperam revisão"
    return [Attention(number(waiting, 0), said, tone="atencao" if waiting else "bom")]


CREDITO = Section(
    name="Crédito",
    order=20,
    allow=(Role.EMPRESA,),
    tenant="empresa",
    attention=look_for_attention,
    links=(),
)
