"""A person's word: on a decision, and on what became of an order."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.clock import zone
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.settings import settings
from chalicelib.credit.errors import (
    CorrecaoSemMotivo,
    DecisaoIgual,
    DesfechoIgual,
    PedidoEncerrado,
    PedidoNotFound,
)
from chalicelib.credit.schemas_orders import DesfechoIn, RevisaoIn
from chalicelib.credit.tables import Pedido
from chalicelib.credit.tables_decisions import Decisao, Desfecho, Revisao
from chalicelib.credit.values import Reading, ValueRefused, instant

# As when an order is decided: exposure changes under whoever holds this row only.
LOCK_ACCOUNT = text("""
SELECT 1 FROM credito_contas WHERE tenant = :tenant AND cliente = :cliente FOR UPDATE
""")


def revise(session: Session, principal: Principal, pedido_id: int, said: RevisaoIn) -> None:
    """Settle what was left to a person, or overturn a decision.

    Raises:
        PedidoNotFound: No order was decided under this id.
        PedidoEncerrado: What became of it is known.
        DecisaoIgual: It stands so already.
    """
    _lock_account(session, principal.tenant, pedido_id)
    decisao, pedido = _locked(session, principal.tenant, pedido_id)
    if pedido.desfecho is not None:
        raise PedidoEncerrado
    before = decisao.situacao
    if before == said.decisao:
        raise DecisaoIgual
    decisao.situacao = said.decisao
    revisao = Revisao(
        tenant=principal.tenant,
        decisao_id=decisao.id,
        de=before,
        para=said.decisao,
        motivo=said.motivo,
        por=principal.subject,
    )
    session.add(revisao)
    session.flush()
    # The reason stays out of the trail: it may be about a person, and the trail is for ever.
    _audit(session, principal, pedido_id, "pedido.revisado", de=before, para=said.decisao)


def record_outcome(
    session: Session, principal: Principal, pedido_id: int, said: DesfechoIn, now: datetime
) -> None:
    """Record what became of an order, or correct what was recorded.

    Raises:
        PedidoNotFound: No order was decided under this id.
        DesfechoIgual: It is recorded so already.
        CorrecaoSemMotivo: Something else is recorded, and nothing says why it was wrong.
        ValidationFailed: The instant cannot be read, or lies before the order.
    """
    _lock_account(session, principal.tenant, pedido_id)
    _, pedido = _locked(session, principal.tenant, pedido_id)
    before, before_em = pedido.desfecho, pedido.desfecho_em
    em = None if said.desfecho is None else _instant(said.em, pedido, now)
    if before == said.desfecho and (said.em is None or before_em == em):
        raise DesfechoIgual
    if before is not None and said.motivo is None:
        raise CorrecaoSemMotivo
    pedido.desfecho, pedido.desfecho_em = said.desfecho, em
    session.add(
        Desfecho(
            tenant=principal.tenant,
            pedido_id=pedido_id,
            de=before,
            para=said.desfecho,
            ocorrido_em=em,
            motivo=said.motivo,
            por=principal.subject,
        )
    )
    session.flush()
    _audit(session, principal, pedido_id, "pedido.desfecho", de=before, para=said.desfecho)


def _instant(written: str | None, pedido: Pedido, now: datetime) -> datetime:
    """When it became of the order; a bare day on which it was ordered is that instant."""
    if written is None:
        return now
    local = zone(settings().local_timezone)
    try:
        em = instant(written, Reading(now, local))
    except ValueRefused as refusal:
        raise ValidationFailed(errors=[FieldError(campo="em", erro=str(refusal))]) from None
    if em is None:
        return now
    ordered = pedido.pedido_em
    if ordered is not None and em < ordered:
        if em.astimezone(local).date() < ordered.astimezone(local).date():
            said = FieldError(campo="em", erro="anterior à data do pedido")
            raise ValidationFailed(errors=[said])
        return ordered
    return em


def _lock_account(session: Session, tenant: str, pedido_id: int) -> None:
    cliente = session.scalar(
        select(Decisao.cliente).where(Decisao.tenant == tenant, Decisao.pedido_id == pedido_id)
    )
    session.execute(LOCK_ACCOUNT, {"tenant": tenant, "cliente": cliente})


def _locked(session: Session, tenant: str, pedido_id: int) -> tuple[Decisao, Pedido]:
    """The decision and its order, held until the commit."""
    found = session.execute(
        select(Decisao, Pedido)
        .join(Pedido, Pedido.id == Decisao.pedido_id)
        .where(Decisao.tenant == tenant, Decisao.pedido_id == pedido_id)
        .with_for_update()
    ).one_or_none()
    if found is None:
        raise PedidoNotFound
    return found[0], found[1]


def _audit(
    session: Session, principal: Principal, pedido_id: int, acao: str, **detalhes: Any
) -> None:
    audit.record(
        session,
        tenant=principal.tenant,
        ator=principal.subject,
        acao=acao,
        objeto=f"pedido:{pedido_id}",
        **detalhes,
    )
