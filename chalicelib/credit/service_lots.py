"""Lots as they arrive: kept as objects, then as rows that wait to be stored."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import enqueue
from chalicelib.core.pages import AS_ID, as_text, fetch_page
from chalicelib.core.parsing import RawBody
from chalicelib.core.uploads import object_store, store_must_answer
from chalicelib.credit.errors import LoteNotFound
from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.item_tables import Place
from chalicelib.credit.items import ItemReader, reading_at
from chalicelib.credit.lots import items_of
from chalicelib.credit.queues import CREDIT_LOTS_QUEUE, LoteMessage
from chalicelib.credit.schemas_datasets import (
    ErrosQuery,
    EstadoDataset,
    EstadoLote,
    LoteOut,
    LotesQuery,
)
from chalicelib.credit.service_datasets import (
    find_dataset,
    hold_open,
    refuse_unless_open,
    reopen_if_given_up,
)
from chalicelib.credit.tables import ErroDeItem, Lote


@dataclass(frozen=True)
class LotBody:
    """A body that has been stored.

    Attributes:
        digest: SHA-256.
        media_type: As it was declared.
        objeto: Key.
        itens: How many items it has.
    """

    digest: bytes
    media_type: str
    objeto: str
    itens: int


# The row is touched only by another body: the same one again changes nothing.
RECEIVE = """
INSERT INTO credito_lotes
    (dataset_id, tipo, seq, tenant, digest, media_type, objeto, itens, recebido_em)
VALUES (:dataset, :tipo, :seq, :tenant, :digest, :media_type, :objeto, :itens, :now)
ON CONFLICT (dataset_id, tipo, seq) DO UPDATE SET
    digest = excluded.digest, media_type = excluded.media_type, objeto = excluded.objeto,
    itens = excluded.itens, recebido_em = excluded.recebido_em,
    versao = credito_lotes.versao + 1, estado = 'pendente', aceitos = 0, recusados = 0,
    desfechos = '{}', avisos = '{}', gravado_em = NULL
WHERE (credito_lotes.digest, credito_lotes.media_type) <> (excluded.digest, excluded.media_type)
RETURNING versao
"""


def bodies_of(tenant: str) -> str:
    """Where the bodies of all lots of a company are."""
    return f"{tenant}/credito/"


def objects_of(tenant: str, dataset_id: UUID) -> str:
    """Where the bodies of a dataset's lots are."""
    return f"{bodies_of(tenant)}{dataset_id}/"


def take_body(  # What an endpoint's `before` is given by name.
    principal: Principal, dataset_id: UUID, tipo: Tipo, raw: RawBody, now: datetime
) -> LotBody:
    """Keep the body of a lot, outside of the transaction that will use it.

    Objects are named by their digests: sent twice it is one, and a replaced one stays.

    Raises:
        DatasetNotFound: There is no such dataset.
        DatasetEmConferencia, DatasetEncerrado: It takes no lots.
        LoteIlegivel, LoteVazio, LoteGrande, HeaderInvalid: It is no lot.
        ServiceUnavailable: The store does not answer.
    """
    _require_open(principal.tenant, dataset_id)
    found = items_of(raw.data, raw.media_type, ItemReader(tipo, reading_at(now)))
    digest = hashlib.sha256(raw.data)
    objeto = f"{objects_of(principal.tenant, dataset_id)}{tipo}/{digest.hexdigest()}"
    with store_must_answer():
        object_store().put(objeto, raw.data, content_type=raw.media_type)
    return LotBody(digest.digest(), raw.media_type, objeto, len(found))


def _require_open(tenant: str, dataset_id: UUID) -> None:
    with unit_of_work(tenant=tenant, autocommit=True) as session:
        dataset = find_dataset(session, dataset_id)
        if dataset.estado == EstadoDataset.CONFERINDO:
            reopen_if_given_up(session, dataset_id)
            session.refresh(dataset)
        refuse_unless_open(dataset)


def receive_lot(
    session: Session, principal: Principal, place: Place, body: LotBody, now: datetime
) -> Lote:
    """Take a lot, or another body for it, and have it stored.

    The same body again changes nothing; if its job was cancelled or has failed, it gets another.

    Raises:
        DatasetNotFound: There is no such dataset.
        DatasetEmConferencia, DatasetEncerrado: It takes no lots.
    """
    hold_open(session, place.dataset_id, now)
    values = place.parameters | vars(body) | {"tipo": place.tipo.value, "now": now}
    is_new = session.execute(text(RECEIVE), values).scalar_one_or_none() is not None
    lote = find_lot(session, place.dataset_id, place.tipo, place.seq)
    if is_new:
        record_lot(session, lote, principal.subject, "lote.recebido", itens=body.itens)
    if lote.estado == EstadoLote.PENDENTE:
        ask_to_store(session, lote, principal.subject)
    return lote


def ask_to_store(session: Session, lote: Lote, owner: str) -> None:
    """Have a lot's items stored; asked again for one body, there is one job."""
    job = enqueue(
        session,
        CREDIT_LOTS_QUEUE,
        LoteMessage(dataset=lote.dataset_id, tipo=lote.tipo, seq=lote.seq),
        tenant=lote.tenant,
        owner=owner,
        dedupe_key=f"{lote.dataset_id}/{lote.tipo}/{lote.seq}/{lote.versao}",
    )
    lote.job_id = job.id


def record_lot(session: Session, lote: Lote, ator: str, acao: str, **detalhes: int) -> None:
    """Put a change of a lot on the trail."""
    audit.record(
        session,
        tenant=lote.tenant,
        ator=ator,
        acao=acao,
        objeto=f"dataset:{lote.dataset_id}",
        tipo=lote.tipo,
        lote=lote.seq,
        sha256=lote.digest.hex(),
        **detalhes,
    )


def find_lot(session: Session, dataset_id: UUID, tipo: Tipo, seq: int) -> Lote:
    """A lot.

    Raises:
        LoteNotFound: The dataset has none under this number.
    """
    found = session.get(Lote, (dataset_id, tipo.value, seq), populate_existing=True)
    if found is None:
        raise LoteNotFound
    return found


def lot_out(lote: Lote) -> LoteOut:
    """A lot as its company sees it."""
    names = LoteOut.model_fields.keys() - {"sha256"}
    values = {name: getattr(lote, name) for name in names}
    return LoteOut(sha256=lote.digest.hex(), **values)


def list_lots(
    session: Session, dataset_id: UUID, query: LotesQuery
) -> tuple[list[LoteOut], str | None, tuple[int, bool]]:
    """A dataset's lots, the highest numbers of the last kind first.

    Returns:
        The lots of the page, the cursor of the next one, and the total with its exactness.

    Raises:
        DatasetNotFound: There is no such dataset.
    """
    find_dataset(session, dataset_id)
    statement = select(Lote).where(Lote.dataset_id == dataset_id)
    if query.tipo is not None:
        statement = statement.where(Lote.tipo == query.tipo.value)
    if query.estado is not None:
        statement = statement.where(Lote.estado == query.estado.value)
    key, parsers = (Lote.tipo, Lote.seq), (as_text, AS_ID)
    lots, cursor, total = fetch_page(session, statement, query, key, parsers)
    return [lot_out(lote) for lote in lots], cursor, total


def list_faults(
    session: Session, dataset_id: UUID, query: ErrosQuery
) -> tuple[list[ErroDeItem], str | None, tuple[int, bool]]:
    """What is wrong with the items that were refused, last lot and line first.

    Returns:
        The faults of the page, the cursor of the next one, and the total with its exactness.

    Raises:
        DatasetNotFound: There is no such dataset.
    """
    find_dataset(session, dataset_id)
    statement = select(ErroDeItem).where(ErroDeItem.dataset_id == dataset_id)
    if query.tipo is not None:
        statement = statement.where(ErroDeItem.tipo == query.tipo.value)
    if query.lote is not None:
        statement = statement.where(ErroDeItem.seq == query.lote)
    key = (ErroDeItem.tipo, ErroDeItem.seq, ErroDeItem.linha, ErroDeItem.ordem)
    return fetch_page(session, statement, query, key, (as_text, AS_ID, AS_ID, AS_ID))
