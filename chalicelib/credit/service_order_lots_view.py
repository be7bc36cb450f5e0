"""What became of lots of orders: counted, listed, line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.calls import Call
from chalicelib.core.pages import (
    AS_ID,
    AS_INSTANT,
    AS_UUID,
    PageQuery,
    decode_cursor,
    encode_cursor,
    fetch_page,
)
from chalicelib.credit.errors import LotePedidosNotFound
from chalicelib.credit.schemas_order_lots import ItemDeLoteOut, LotePedidosOut
from chalicelib.credit.tables_decisions import LoteDePedidos

COUNTS = text("""
SELECT i.lote_id,
    count(*) FILTER (WHERE d.situacao = 'aprovado') AS aprovados,
    count(*) FILTER (WHERE d.situacao = 'revisao') AS em_revisao,
    count(*) FILTER (WHERE d.situacao = 'negado') AS negados,
    count(*) FILTER (WHERE i.problema IS NOT NULL) AS problemas,
    count(*) AS feitos
FROM credito_itens_pedidos i LEFT JOIN credito_decisoes d ON d.pedido_id = i.pedido_id
WHERE i.lote_id = ANY(cast(:lotes AS uuid[])) GROUP BY i.lote_id
""")
LINES = text("""
SELECT i.linha, i.numero, i.pedido_id, i.problema, d.decisao, d.situacao, d.probabilidade, d.regra
FROM credito_itens_pedidos i LEFT JOIN credito_decisoes d ON d.pedido_id = i.pedido_id
WHERE i.tenant = :tenant AND i.lote_id = :lote AND i.linha > cast(:after AS bigint)
ORDER BY i.linha LIMIT :rows
""")


@dataclass(frozen=True)
class LotCounts:
    """How many orders of a lot came to what; `feitos` are those that are done."""

    aprovados: int = 0
    em_revisao: int = 0
    negados: int = 0
    problemas: int = 0
    feitos: int = 0


@dataclass(frozen=True)
class CountedLot:
    """A lot in a list."""

    lote: LoteDePedidos
    counts: LotCounts

    @property
    def is_pending(self) -> bool:
        """Whether orders of it are not decided yet."""
        return self.counts.feitos < self.lote.itens

    @property
    def share(self) -> float:
        """Of its orders, those that are done."""
        return self.counts.feitos / self.lote.itens


def find_lot(session: Session, lote_id: UUID) -> LoteDePedidos:
    """A lot of the session's tenant.

    Raises:
        LotePedidosNotFound: There is none.
    """
    lote = session.get(LoteDePedidos, lote_id)
    if lote is None:
        raise LotePedidosNotFound
    return lote


def count_lines(session: Session, lots: Sequence[UUID]) -> dict[UUID, LotCounts]:
    """How many orders of each lot came to what."""
    rows = session.execute(COUNTS, {"lotes": list(lots)}).all()
    found = {row.lote_id: LotCounts(*row[1:]) for row in rows}
    return {lot: found.get(lot, LotCounts()) for lot in lots}


def list_lots(
    session: Session, query: PageQuery
) -> tuple[list[CountedLot], str | None, tuple[int, bool]]:
    """The company's lots of orders, newest first.

    Returns:
        The lots of the page, the cursor of the next one, and the total with its exactness.
    """
    key = (LoteDePedidos.recebido_em, LoteDePedidos.id)
    statement = select(LoteDePedidos)
    lots, cursor, total = fetch_page(session, statement, query, key, (AS_INSTANT, AS_UUID))
    counts = count_lines(session, [lot.id for lot in lots])
    return [CountedLot(lot, counts[lot.id]) for lot in lots], cursor, total


def lines_after(
    session: Session, principal: Principal, lote_id: UUID, after: int, rows: int
) -> Sequence[Any]:
    """What became of a lot's orders, in their order, from behind a line on."""
    scope = {"tenant": principal.tenant, "lote": lote_id}
    return session.execute(LINES, {**scope, "after": after, "rows": rows}).all()


def list_lines(
    session: Session, principal: Principal, lote_id: UUID, query: PageQuery
) -> tuple[Sequence[Any], str | None]:
    """A page of what became of a lot's orders, and the cursor of the next one.

    Raises:
        CursorInvalid: The cursor is not of this list.
    """
    after = 0 if query.cursor is None else decode_cursor(query.cursor, (AS_ID,))[0]
    rows = lines_after(session, principal, lote_id, after, query.limit + 1)
    shown = rows[: query.limit]
    return shown, encode_cursor([shown[-1].linha]) if len(rows) > query.limit else None


def describe_lot(
    session: Session, principal: Principal, lote_id: UUID, query: PageQuery, call: Call
) -> LotePedidosOut:
    """A lot, and a page of what became of its orders.

    Raises:
        LotePedidosNotFound: There is no such lot.
        CursorInvalid: The cursor is not of this list.
    """
    lote = find_lot(session, lote_id)
    counts = count_lines(session, [lote.id])[lote.id]
    shown, cursor = list_lines(session, principal, lote.id, query)
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
