"""A closed dataset is poured into the company's acervo: by key, and the later one wins."""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.item_tables import ItemTable, item_table
from chalicelib.credit.schemas_datasets import TipoOut
from chalicelib.credit.tables import Dataset

LOTS_AT_ONCE = 100  # 50,000 items: some seconds, after which the run looks up.

POUR = """
INSERT INTO {table} AS a (tenant, dataset_id, atributos, {columns})
SELECT tenant, cast(:acervo AS uuid), atributos, {columns} FROM {table}
WHERE dataset_id = :dataset AND seq > :after AND seq <= :until
ORDER BY {keys}
ON CONFLICT (tenant, dataset_id, {keys}) DO UPDATE SET recebido_em = now(), {changes}
"""
# What was decided on stays what it was: such an order only learns its outcome. That somebody paid
# or did not is not taken back by a dataset that tells what was decided.
_DECIDED = "EXISTS (SELECT 1 FROM credito_decisoes d WHERE d.pedido_id = a.id)"
_OUTCOME_STAYS = (
    "excluded.desfecho IS NULL OR (a.desfecho IN ('pago', 'inadimplente')"
    " AND excluded.desfecho IN ('faturado', 'bloqueado'))"
)
_OF_OUTCOMES = ("desfecho", "desfecho_em", "desfecho_informado")


def pour(
    session: Session,
    dataset: Dataset,
    lots: list[TipoOut],
    progress: Callable[[int, int], None],
) -> int:
    """Pour a dataset's items into the acervo of its tenant, within the transaction.

    Args:
        session: The transaction.
        dataset: Whose items.
        lots: What has come of each kind.
        progress: Told of lots done, and of all.

    Returns:
        How many items were poured.
    """
    acervo = _locked_acervo(session)
    total, done, items = sum(of.lotes for of in lots), 0, 0
    for of in lots:
        statement = text(_statement(of.tipo))
        for after in range(0, of.maior_seq, LOTS_AT_ONCE):
            progress(done, total)
            until = min(after + LOTS_AT_ONCE, of.maior_seq)
            values = {"acervo": acervo, "dataset": dataset.id, "after": after, "until": until}
            session.execute(statement, values)
            done += until - after
        items += of.aceitos
    return items


def _locked_acervo(session: Session) -> UUID:
    """The tenant's acervo, which no other dataset is poured into meanwhile."""
    statement = select(Dataset.id).where(Dataset.acervo).with_for_update(key_share=True)
    return session.scalars(statement).one()


def _statement(tipo: Tipo) -> str:
    table = item_table(tipo)
    changed = [name for name in (*table.columns, "atributos") if name not in table.keys]
    return POUR.format(
        table=table.name,
        columns=", ".join(table.columns),
        keys=", ".join(table.keys),
        changes=", ".join(_change(table, name) for name in changed),
    )


def _change(table: ItemTable, name: str) -> str:
    if table.name != "credito_pedidos":
        return f"{name} = excluded.{name}"
    stays = _OUTCOME_STAYS if name in _OF_OUTCOMES else _DECIDED
    return f"{name} = CASE WHEN {stays} THEN a.{name} ELSE excluded.{name} END"
