"""Routes of datasets: opened, sent in lots, concluded."""

from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core import job_control
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.job_control import JobOut
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.parsing import JSON
from chalicelib.core.rowfile import CSV, HeaderInvalid
from chalicelib.core.web import Routes, endpoint
from chalicelib.credit import (
    service_conclusion,
    service_dataset_view,
    service_datasets,
    service_lots,
)
from chalicelib.credit.errors import (
    ArquivoSendoDividido,
    DatasetEmConferencia,
    DatasetEncerrado,
    DatasetFechado,
    DatasetNotFound,
    LoteGrande,
    LoteIlegivel,
    LoteNotFound,
    LotesPendentes,
    LoteVazio,
)
from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.item_tables import Place
from chalicelib.credit.schemas_datasets import (
    ConcluirIn,
    DatasetDetalhe,
    DatasetIn,
    DatasetOut,
    ErroOut,
    ErrosQuery,
    LoteOut,
    LotesQuery,
    Seq,
)
from chalicelib.credit.service_lots import LotBody

datasets = Routes(__name__)

company = partial(endpoint, datasets, allow=Role.EMPRESA, companies_only=True)
LOT = "/credito/datasets/{dataset_id}/lotes/{tipo}/{seq}"


@datasets.route("/credito/datasets", methods=["POST"])
@company(body=DatasetIn, status=201)
def post_dataset(
    session: Session, principal: Principal, body: DatasetIn, now: datetime
) -> DatasetOut:
    """Open a dataset, which is then sent in lots and concluded.

    It expires after seven days without a new lot.
    """
    return DatasetOut.model_validate(service_datasets.open_dataset(session, principal, body, now))


@datasets.route("/credito/datasets", methods=["GET"])
@company(query=PageQuery, response=Page[DatasetOut], autocommit=True)
def get_datasets(session: Session, query: PageQuery, call: Call) -> Reply:
    """List the company's datasets, newest first."""
    found, cursor, total = service_datasets.list_datasets(session, query)
    return page_reply(Page[DatasetOut], found, cursor, total, call)


@datasets.route("/credito/datasets/{dataset_id}", methods=["GET"])
@company(raises=(DatasetNotFound,), autocommit=True)
def get_dataset(session: Session, dataset_id: UUID) -> DatasetDetalhe:
    """What has come of a dataset: lots and gaps, items, outcomes, warnings, what was found wrong.

    Of a closed one also the columns: kind, how often missing, how many values, what may make
    them useless.
    """
    return service_dataset_view.describe_dataset(session, dataset_id)


@datasets.route("/credito/datasets/{dataset_id}", methods=["DELETE"])
@company(raises=(DatasetNotFound, DatasetFechado))
def delete_dataset(
    session: Session, principal: Principal, dataset_id: UUID, now: datetime
) -> DatasetOut:
    """Cancel a dataset that is not closed; its items and the bodies of its lots are removed."""
    found = service_datasets.cancel_dataset(session, principal, dataset_id, now)
    return DatasetOut.model_validate(found)


@datasets.route("/credito/datasets/{dataset_id}/lotes", methods=["GET"])
@company(query=LotesQuery, response=Page[LoteOut], raises=(DatasetNotFound,), autocommit=True)
def get_lotes(session: Session, dataset_id: UUID, query: LotesQuery, call: Call) -> Reply:
    """List a dataset's lots, by kind and number, the last first."""
    lots, cursor, total = service_lots.list_lots(session, dataset_id, query)
    return page_reply(Page[LoteOut], lots, cursor, total, call)


@datasets.route(LOT, methods=["PUT"])
@company(
    accepts=(JSON, CSV),
    status=202,
    response=LoteOut,
    raises=(
        DatasetNotFound,
        DatasetEmConferencia,
        DatasetEncerrado,
        LoteIlegivel,
        LoteVazio,
        LoteGrande,
        HeaderInvalid,
    ),
    before=service_lots.take_body,
)
def put_lote(  # A path of three parts.
    session: Session,
    principal: Principal,
    dataset_id: UUID,
    tipo: Tipo,
    seq: Seq,
    prepared: LotBody,
    now: datetime,
    call: Call,
) -> Reply:
    """Send a lot of at most 500 items; its number counts from 1 within its kind.

    The body is a JSON array of items, `{"itens": [...]}`, or a CSV with a header: comma, semicolon
    or tab, UTF-8 or Latin-1, decimal comma, dates as 2026-03-18 or 18/03/2026. A column that we do
    not know, and what stands in an item's `atributos`, is the company's own.

    - clientes: codigo; vale_desde, cliente_desde, titulos_pagos, titulos_em_atraso,
      valor_em_atraso, atraso_medio_dias, maior_atraso_dias
    - pedidos: numero, cliente, valor; pedido_em, desfecho, desfecho_em
    - limites: cliente, valor; vale_desde, utilizado
    - consultas-serasa: cliente, consultada_em; ocorrencias, valor_ocorrencias, protestos,
      falencia, pontuacao

    The same body again changes nothing; another one replaces the lot. Items are judged by a job:
    those that are wrong are listed at GET /credito/datasets/{id}/erros, the others are stored.
    """
    place = Place(principal.tenant, dataset_id, tipo, seq)
    lote = service_lots.receive_lot(session, principal, place, prepared, now)
    return Reply(service_lots.lot_out(lote), headers={"Location": call.link(call.path)})


@datasets.route(LOT, methods=["GET"])
@company(raises=(DatasetNotFound, LoteNotFound), autocommit=True)
def get_lote(session: Session, dataset_id: UUID, tipo: Tipo, seq: Seq) -> LoteOut:
    """What became of a lot."""
    service_datasets.find_dataset(session, dataset_id)
    return service_lots.lot_out(service_lots.find_lot(session, dataset_id, tipo, seq))


@datasets.route("/credito/datasets/{dataset_id}/erros", methods=["GET"])
@company(query=ErrosQuery, response=Page[ErroOut], raises=(DatasetNotFound,), autocommit=True)
def get_erros(session: Session, dataset_id: UUID, query: ErrosQuery, call: Call) -> Reply:
    """List what is wrong with the items that were refused, last lot and line first."""
    faults, cursor, total = service_lots.list_faults(session, dataset_id, query)
    return page_reply(Page[ErroOut], faults, cursor, total, call)


@datasets.route("/credito/datasets/{dataset_id}/concluir", methods=["POST"])
@company(
    body=ConcluirIn,
    status=202,
    response=JobOut,
    raises=(
        DatasetNotFound,
        DatasetEmConferencia,
        DatasetEncerrado,
        LotesPendentes,
        ArquivoSendoDividido,
    ),
)
def post_concluir(
    session: Session,
    principal: Principal,
    dataset_id: UUID,
    body: ConcluirIn,
    now: datetime,
    call: Call,
) -> Reply:
    """Say that a dataset is whole; a job checks it, closes it and has a model trained, once.

    The job's result names the job that trains, `treino`; that refuses with numbers what cannot be
    learned from. It checks your counts, gaps in the lots' numbers, that items name clientes that
    were sent, and that outcomes are known. What is wrong is then listed by GET
    /credito/datasets/{id}, which is open again: lots can be sent once more, and nothing is lost.
    Items that were refused are named too, unless you count without them or say
    `aceitar_recusados`.
    """
    job = service_conclusion.ask_to_close(session, principal, dataset_id, body, now)
    return job_control.accepted(job, call)
