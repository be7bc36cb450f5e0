"""Storing a lot: each item is judged, good ones become rows, and of the others it is said why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert, select, text
from sqlalchemy.orm import Session

from chalicelib.core.clock import utc_now
from chalicelib.core.rowfile import BadRow
from chalicelib.core.runs import JobRun
from chalicelib.core.storage import ObjectNotFound
from chalicelib.core.uploads import object_store, store_must_answer
from chalicelib.credit.errors import LoteSemCorpo
from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.item_tables import (
    Place,
    find_holders,
    insert_items,
    item_table,
    remove_items,
)
from chalicelib.credit.items import Fault, Item, ItemReader, ItemRefused, reading_at
from chalicelib.credit.lots import SentItem, items_of
from chalicelib.credit.queues import LoteMessage
from chalicelib.credit.schemas_datasets import EstadoDataset, EstadoLote, LoteReport
from chalicelib.credit.service_lots import ask_to_store, record_lot
from chalicelib.credit.tables import Dataset, ErroDeItem, Lote

NO_STATUS = "(sem status)"


@dataclass
class Judged:
    """A lot's items.

    Attributes:
        items: The good ones by line, none of a key that an earlier line has.
        faults: What is wrong with the others, by line.
        held_by: Line -> the lot that has its key.
    """

    items: dict[int, Item] = field(default_factory=dict)
    faults: dict[int, list[Fault]] = field(default_factory=dict)
    held_by: dict[int, int] = field(default_factory=dict)


def store_lot(run: JobRun, message: LoteMessage) -> LoteReport:
    """Store the items of a lot, in the place of those that an earlier body of it has brought.

    The body is read outside of the transaction, which then looks whether it is still the lot's.

    Raises:
        LoteSemCorpo: The body is gone from the store.
    """
    place = Place(run.tenant, message.dataset, Tipo(message.tipo), message.seq)
    with run.reading() as session:
        seen = _pending(session, place)
    while seen is not None:
        judged = _judge(seen, place.tipo)
        with run.transaction() as session:
            lote = _held(session, place)
            if lote is None:
                break
            if lote.versao == seen.versao:
                return _store(session, run, place, lote, judged)
        seen = lote  # Another body has come meanwhile.
    return LoteReport(tipo=place.tipo, seq=place.seq)


def _pending(session: Session, place: Place) -> Lote | None:
    return session.scalar(
        select(Lote).where(
            Lote.dataset_id == place.dataset_id,
            Lote.tipo == place.tipo.value,
            Lote.seq == place.seq,
            Lote.estado == EstadoLote.PENDENTE.value,
        )
    )


def _held(session: Session, place: Place) -> Lote | None:
    """The lot, locked, if it waits to be stored in a dataset that is open until we are done."""
    is_open = session.scalar(
        select(Dataset.id)
        .where(Dataset.id == place.dataset_id, Dataset.estado == EstadoDataset.ABERTO.value)
        .with_for_update(read=True)
    )
    if is_open is None:
        return None
    return session.scalar(
        select(Lote)
        .where(
            Lote.dataset_id == place.dataset_id,
            Lote.tipo == place.tipo.value,
            Lote.seq == place.seq,
            Lote.estado == EstadoLote.PENDENTE.value,
        )
        .with_for_update()
    )


def _judge(lote: Lote, tipo: Tipo) -> Judged:
    try:
        with store_must_answer():
            data = object_store().read(lote.objeto)
    except ObjectNotFound:
        raise LoteSemCorpo from None
    # Read by the instant of its arrival, a body is always read alike.
    reader = ItemReader(tipo, reading_at(lote.recebido_em))
    return judge(items_of(data, lote.media_type, reader), reader)


def judge(sent: Iterable[SentItem], reader: ItemReader) -> Judged:
    """Read every item; of several with one key the first is good."""
    found = Judged()
    table = item_table(reader.tipo)
    first: dict[tuple[Any, ...], int] = {}
    for one in sent:
        try:
            if isinstance(one.content, BadRow):
                raise ItemRefused([Fault(None, one.content.reason)])
            item = reader.read(one.content)
        except ItemRefused as refusal:
            found.faults[one.linha] = refusal.faults
            continue
        earlier = first.setdefault(table.key_of(item.values), one.linha)
        if earlier == one.linha:
            found.items[one.linha] = item
        else:
            reason = f"repetido: a linha {earlier} deste lote tem a mesma chave"
            found.faults[one.linha] = [Fault(table.keys[0], reason)]
    return found


def _store(session: Session, run: JobRun, place: Place, lote: Lote, judged: Judged) -> LoteReport:
    table = item_table(place.tipo)
    before = remove_items(session, place)
    session.execute(
        delete(ErroDeItem).where(
            ErroDeItem.dataset_id == place.dataset_id,
            ErroDeItem.tipo == place.tipo.value,
            ErroDeItem.seq == place.seq,
        )
    )
    stored = _insert(session, place, judged)
    _insert_faults(session, place, judged)
    _count(lote, judged, stored)
    after = {table.key_of(judged.items[line].values) for line in stored}
    if before - after:
        _store_those_kept_out(session, run, place)
    report = LoteReport(
        tipo=place.tipo, seq=place.seq, aceitos=lote.aceitos, recusados=lote.recusados
    )
    counts = {"aceitos": lote.aceitos, "recusados": lote.recusados}
    record_lot(session, lote, run.owner, "lote.gravado", **counts)
    return report


def _insert(session: Session, place: Place, judged: Judged) -> set[int]:
    """Store the good items but for those whose keys another lot of the dataset has brought.

    Returns:
        The lines that were stored; each of the others has a fault.
    """
    campo = item_table(place.tipo).keys[0]
    left, stored = dict(judged.items), set[int]()
    while left:
        stored |= insert_items(session, place, left)
        left = {line: item for line, item in left.items() if line not in stored}
        # Whose holder has gone in between is tried once more.
        for line, (seq, other) in find_holders(session, place, left).items():
            reason = f"repetido: a linha {other} do lote {seq} tem a mesma chave"
            judged.faults[line] = [Fault(campo, reason)]
            judged.held_by[line] = seq
            del left[line]
    return stored


def _insert_faults(session: Session, place: Place, judged: Judged) -> None:
    rows = [
        {
            "dataset_id": place.dataset_id,
            "tipo": place.tipo.value,
            "seq": place.seq,
            "linha": line,
            "ordem": order,
            "tenant": place.tenant,
            "campo": fault.campo,
            "motivo": fault.motivo,
            "repetido_de": judged.held_by.get(line),
        }
        for line, faults in judged.faults.items()
        for order, fault in enumerate(faults, start=1)
    ]
    if rows:
        session.execute(insert(ErroDeItem), rows)


def _count(lote: Lote, judged: Judged, stored: set[int]) -> None:
    outcomes: Counter[str] = Counter()
    warnings: Counter[str] = Counter()
    for line in stored:
        item = judged.items[line]
        warnings.update(item.warnings)
        if lote.tipo == Tipo.PEDIDOS:
            values = item.values
            outcomes[values["desfecho"] or values["desfecho_informado"] or NO_STATUS] += 1
    lote.estado = EstadoLote.GRAVADO
    lote.gravado_em = utc_now()
    lote.aceitos = len(stored)
    lote.recusados = lote.itens - len(stored)
    lote.desfechos = dict(outcomes)
    lote.avisos = dict(warnings)


# Whoever sends another body for a lot may take keys out of it that kept items of other lots out.
LET_IN = """
UPDATE credito_lotes l SET estado = 'pendente', versao = versao + 1
WHERE dataset_id = :dataset AND tipo = :tipo AND estado = 'gravado' AND seq IN (
    SELECT seq FROM credito_erros
    WHERE dataset_id = :dataset AND tipo = :tipo AND repetido_de = :seq)
RETURNING seq
"""


def _store_those_kept_out(session: Session, run: JobRun, place: Place) -> None:
    values = place.parameters | {"tipo": place.tipo.value}
    for seq in list(session.execute(text(LET_IN), values).scalars()):
        lote = session.get_one(Lote, (place.dataset_id, place.tipo.value, seq))
        ask_to_store(session, lote, run.owner)
