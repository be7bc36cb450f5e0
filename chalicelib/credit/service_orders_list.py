"""Decided orders: one with all that was said of it, lists, and those that wait for a person."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from chalicelib.core.pages import (
    AS_ID,
    AS_INSTANT,
    PageQuery,
    count_up_to_limit,
    decode_cursor,
    encode_cursor,
)
from chalicelib.core.statements import HotStatement
from chalicelib.credit.errors import PedidoNotFound
from chalicelib.credit.schemas_orders import PedidoOut, PedidosQuery
from chalicelib.credit.tables import Pedido
from chalicelib.credit.tables_decisions import Decisao
from chalicelib.credit.verdicts import Situacao

KEY = (Decisao.decidido_em, Decisao.id)
PARSERS = (AS_INSTANT, AS_ID)
SHOWN = (
    Pedido.id,
    Pedido.numero,
    Pedido.cliente,
    Pedido.valor,
    Pedido.pedido_em,
    Pedido.desfecho,
    Decisao.id.label("decisao_id"),
    Decisao.situacao,
    Decisao.decisao,
    Decisao.origem,
    Decisao.regra,
    Decisao.probabilidade,
    Decisao.modelo_versao,
    Decisao.politica_versao,
    Decisao.decidido_em,
)

SHOW = HotStatement("""
SELECT o.id, o.numero, o.cliente, o.valor, o.pedido_em, o.desfecho, o.desfecho_em,
    d.situacao, d.decisao, d.origem, d.regra, d.regras, d.limiares, d.probabilidade,
    d.modelo_versao, d.modelo_sha256, d.politica_versao, d.justificativas, d.contrafactual,
    d.avisos, d.valor_base, d.decidido_em, d.decidido_por, d.lote_id,
    d.entradas #>> '{caso,exposicao}' AS exposicao, d.entradas #>> '{caso,limite}' AS limite,
    coalesce((
        SELECT jsonb_agg(to_jsonb(r) ORDER BY r.id) FROM credito_revisoes r
        WHERE r.decisao_id = d.id
    ), '[]') AS revisoes,
    coalesce((
        SELECT jsonb_agg(to_jsonb(x) ORDER BY x.id) FROM credito_desfechos x
        WHERE x.pedido_id = o.id
    ), '[]') AS desfechos
FROM credito_decisoes d JOIN credito_pedidos o ON o.id = d.pedido_id
WHERE d.tenant = :tenant AND d.pedido_id = :pedido_id
""")


def describe_order(session: Session, tenant: str, pedido_id: int) -> PedidoOut:
    """An order, what was decided on it and why.

    Raises:
        PedidoNotFound: No order was decided under this id.
    """
    row = SHOW.one_or_none(session, tenant=tenant, pedido_id=pedido_id)
    if row is None:
        raise PedidoNotFound
    return PedidoOut.model_validate(row._asdict())


def list_orders(
    session: Session, tenant: str, query: PedidosQuery
) -> tuple[Sequence[Any], str | None, tuple[int, bool]]:
    """Decided orders, the newest decision first.

    Returns:
        The rows of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = _decided(tenant)
    for column, wanted in (
        (Decisao.situacao, query.situacao),
        (Decisao.cliente, query.cliente),
        (Decisao.origem, query.origem),
        (Pedido.numero, query.numero),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if query.desde is not None:
        statement = statement.where(Decisao.decidido_em >= query.desde)
    if query.ate is not None:
        statement = statement.where(Decisao.decidido_em < query.ate)
    return _page(session, statement, query, oldest_first=False)


def list_reviews(
    session: Session, tenant: str, query: PageQuery
) -> tuple[Sequence[Any], str | None, tuple[int, bool]]:
    """Orders that wait for a person, the oldest decision first.

    Returns:
        The rows of the page, the cursor of the next one, and the total with its exactness.
    """
    waiting = _decided(tenant).where(Decisao.situacao == Situacao.REVISAO)
    return _page(session, waiting, query, oldest_first=True)


def _decided(tenant: str) -> Select[Any]:
    shown: Any = select(*SHOWN).join(Pedido, Pedido.id == Decisao.pedido_id)
    return cast(Select[Any], shown.where(Decisao.tenant == tenant))


def _page(
    session: Session, statement: Select[Any], query: PageQuery, *, oldest_first: bool
) -> tuple[Sequence[Any], str | None, tuple[int, bool]]:
    behind = statement
    if query.cursor is not None:
        position = tuple_(*decode_cursor(query.cursor, PARSERS))
        behind = behind.where(tuple_(*KEY) > position if oldest_first else tuple_(*KEY) < position)
    order = [column.asc() if oldest_first else column.desc() for column in KEY]
    found = session.execute(behind.order_by(*order).limit(query.limit + 1)).all()
    rows, cursor = found[: query.limit], None
    if len(found) > query.limit:
        last = rows[-1]
        cursor = encode_cursor([last.decidido_em.isoformat(), last.decisao_id])
    return rows, cursor, count_up_to_limit(session, statement)
