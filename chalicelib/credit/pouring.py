"""A closed dataset is poured into the company's acervo: by key, and the later one wins.

What a cliente or a limit is without a date is known always, as long as it is all that is known. A
later dataset's is news: in the acervo it holds from when that was closed on, or, where it says how
much of a limit is used, from when it was opened on: what was approved since may not be in it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.item_tables import ItemTable, item_table
from chalicelib.credit.items import ALWAYS
from chalicelib.credit.schemas_datasets import TipoOut
from chalicelib.credit.tables import Dataset
from chalicelib.credit.told_outcomes import tell_outcomes

LOTS_AT_ONCE = 100  # 50,000 items: some seconds, after which the run looks up.

POUR = """
INSERT INTO {table} AS a (tenant, dataset_id, atributos, {columns})
SELECT s.tenant, cast(:acervo AS uuid), s.atributos, {values} FROM {table} s
WHERE s.dataset_id = :dataset AND s.seq > :after AND s.seq <= :until
ORDER BY {keys}
ON CONFLICT (tenant, dataset_id, {keys}) DO UPDATE SET recebido_em = now(), {changes}
"""
# An item without a date that is not the first of its cliente in the acervo, and the only one of its
# dataset.
SINCE = """
CASE WHEN s.vale_desde = cast(:always AS timestamptz) AND EXISTS (
    SELECT 1 FROM {table} e
    WHERE e.tenant = s.tenant AND e.dataset_id = cast(:acervo AS uuid) AND e.{cliente} = s.{cliente}
) AND NOT EXISTS (
    SELECT 1 FROM {table} e
    WHERE e.tenant = s.tenant AND e.dataset_id = s.dataset_id AND e.{cliente} = s.{cliente}
        AND e.vale_desde <> s.vale_desde
) THEN {news} ELSE s.vale_desde END
"""
NEWS = {
    Tipo.CLIENTES: "cast(:closed AS timestamptz)",
    Tipo.LIMITES: (
        "CASE WHEN s.utilizado IS NULL THEN cast(:closed AS timestamptz)"
        " ELSE cast(:opened AS timestamptz) END"
    ),
}
# What was decided on stays what it was: such an order only learns its outcome, by `tell_outcomes`.
# That somebody paid or did not is not taken back by a dataset that tells what was decided.
_DECIDED = "EXISTS (SELECT 1 FROM credito_decisoes d WHERE d.pedido_id = a.id)"
_OUTCOME_STAYS = (
    "excluded.desfecho IS NULL OR (a.desfecho IN ('pago', 'inadimplente')"
    " AND excluded.desfecho IN ('faturado', 'bloqueado'))"
)
_OF_OUTCOMES = ("desfecho", "desfecho_em", "desfecho_informado")


@dataclass(frozen=True)
class Poured:
    """What pouring has come to.

    Attributes:
        items: How many were poured.
        outcomes: How many orders that were decided on have learned their outcome.
    """

    items: int
    outcomes: int


def pour(
    session: Session,
    dataset: Dataset,
    lots: list[TipoOut],
    now: datetime,
    progress: Callable[[int, int], None],
) -> Poured:
    """Pour a dataset's items into the acervo of its tenant, within the transaction.

    Args:
        session: The transaction.
        dataset: Whose items.
        lots: What has come of each kind.
        now: When the dataset is closed.
        progress: Told of lots done, and of all.
    """
    acervo = _locked_acervo(session)
    total, done, items, outcomes = sum(of.lotes for of in lots), 0, 0, 0
    about = {"acervo": acervo, "dataset": dataset.id}
    dates = {"always": ALWAYS, "opened": dataset.criado_em, "closed": now}
    for of in lots:
        statement = text(_statement(of.tipo))
        for after in range(0, of.maior_seq, LOTS_AT_ONCE):
            progress(done, total)
            until = min(after + LOTS_AT_ONCE, of.maior_seq)
            stretch = about | {"after": after, "until": until}
            if of.tipo is Tipo.PEDIDOS:
                outcomes += tell_outcomes(session, stretch)
            dated = dates if of.tipo in NEWS else {}
            session.execute(statement, stretch | dated)
            done += until - after
        items += of.aceitos
    return Poured(items, outcomes)


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
        values=", ".join(_value(tipo, name) for name in table.columns),
        keys=", ".join(table.keys),
        changes=", ".join(_change(table, name) for name in changed),
    )


def _value(tipo: Tipo, name: str) -> str:
    if name != "vale_desde" or tipo not in NEWS:
        return f"s.{name}"
    table = item_table(tipo)
    return SINCE.format(table=table.name, cliente=table.keys[0], news=NEWS[tipo])


def _change(table: ItemTable, name: str) -> str:
    if table.name != "credito_pedidos":
        return f"{name} = excluded.{name}"
    stays = f"{_DECIDED} OR {_OUTCOME_STAYS}" if name in _OF_OUTCOMES else _DECIDED
    return f"{name} = CASE WHEN {stays} THEN a.{name} ELSE excluded.{name} END"
