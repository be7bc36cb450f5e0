"""Pages of what a company sends to have a model trained: opened, sent in lots, concluded."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from pydantic import ConfigDict, Field
from sqlalchemy.orm import Session

from chalicelib.console.followed import followed_job, is_under_way
from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.visits import Visit
from chalicelib.core.auth import Role
from chalicelib.core.calls import Reply
from chalicelib.core.db import unit_of_work
from chalicelib.core.errors import BadRequest, FieldError, ValidationFailed
from chalicelib.core.job_control import JobOut
from chalicelib.core.pages import CursorInvalid, PageQuery
from chalicelib.core.rowfile import HeaderInvalid
from chalicelib.core.types import Strict
from chalicelib.core.web import Routes
from chalicelib.credit import (
    service_conclusion,
    service_dataset_view,
    service_datasets,
    service_lots,
)
from chalicelib.credit.errors import (
    DatasetEmConferencia,
    DatasetEncerrado,
    DatasetFechado,
    DatasetNotFound,
    LoteGrande,
    LoteIlegivel,
    LotesPendentes,
    LoteVazio,
)
from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.item_tables import Place
from chalicelib.credit.lot_files import lots_of
from chalicelib.credit.schemas_datasets import (
    ConcluirIn,
    DatasetDetalhe,
    DatasetIn,
    ErrosQuery,
    LotesQuery,
    Seq,
)
from chalicelib.credit.service_lots import LotBody
from chalicelib.credit.words import DATASETS, KINDS, TARGETS, TRAINING_STEPS

PATH = "/console/credito/envios"
LOTS_SHOWN = 30
FAULTS_SHOWN = 30

dataset_pages = Routes(__name__)
company = partial(page, dataset_pages, allow=Role.EMPRESA, companies_only=True)


class DatasetsQuery(PageQuery):
    """Which part of the list."""

    model_config = ConfigDict(extra="ignore")


class LotForm(Strict):
    """What a file holds, and the number of its first lot."""

    tipo: Tipo = Field(strict=False)
    seq: Seq | None = None


@dataclass(frozen=True)
class StoredLot:
    """A lot whose body has been stored."""

    place: Place
    body: LotBody


def show_datasets(session: Session, query: DatasetsQuery, form: Form) -> Shown:
    """What has been sent, newest first, and the form for more."""
    found, cursor, total = service_datasets.list_datasets(session, query)
    return Shown(
        "credit/datasets.html",
        found=found,
        cursor=cursor,
        total=total,
        states=DATASETS,
        targets=TARGETS,
        form=form,
    )


@dataset_pages.route(PATH, methods=["GET"])
@company(query=DatasetsQuery, raises=(CursorInvalid,), autocommit=True)
def get_datasets_page(session: Session, query: DatasetsQuery, form: Form) -> Shown:
    """What has been sent, newest first, and the form for more."""
    return show_datasets(session, query, form)


@dataset_pages.route(PATH, methods=["POST"])
@company(query=DatasetsQuery, again=show_datasets)
def post_datasets_page(session: Session, visit: Visit, form: Form, now: datetime) -> Reply:
    """Begin to send."""
    found = service_datasets.open_dataset(session, visit.who, form.read(DatasetIn), now)
    return visit.go(f"{PATH}/{found.id}", "Aberto. Agora envie os arquivos.")


def show_dataset(session: Session, visit: Visit, dataset_id: UUID, form: Form) -> Shown:
    """What has come of it: lots, what was refused and why, checking, training."""
    found = service_dataset_view.describe_dataset(session, dataset_id)
    lots, _, lots_total = service_lots.list_lots(session, dataset_id, LotesQuery(limit=LOTS_SHOWN))
    faults, _, faults_total = service_lots.list_faults(
        session, dataset_id, ErrosQuery(limit=FAULTS_SHOWN)
    )
    checking = followed_job(session, visit.who, found.conclusao.job_id if found.conclusao else None)
    training = followed_job(session, visit.who, _training_of(checking))
    return Shown(
        "credit/dataset.html",
        dataset=found,
        lots=lots,
        lots_total=lots_total,
        faults=faults,
        faults_total=faults_total,
        checking=checking,
        training=training,
        is_live=is_under_way(checking)
        or is_under_way(training)
        or any(kind.pendentes for kind in found.tipos),
        states=DATASETS,
        targets=TARGETS,
        kinds=KINDS,
        steps=TRAINING_STEPS,
        expected=_counted(found, form),
        form=form,
    )


def _training_of(checking: JobOut | None) -> UUID | None:
    named = (checking.result or {}).get("treino") if checking else None
    return UUID(named) if named else None


def _counted(found: DatasetDetalhe, form: Form) -> Form:
    """What is said to be in it: as was typed, else as was accepted."""
    if form.action == "concluir":
        return form
    return Form({f"esperados.{kind.tipo.value}": str(kind.aceitos) for kind in found.tipos})


@dataset_pages.route(f"{PATH}/{{dataset_id}}", methods=["GET"])
@company(raises=(DatasetNotFound,), autocommit=True)
def get_dataset_page(session: Session, visit: Visit, dataset_id: UUID, form: Form) -> Shown:
    """What has come of it: lots, what was refused and why, checking, training."""
    return show_dataset(session, visit, dataset_id, form)


def _take_lots(visit: Visit, dataset_id: UUID, form: Form, now: datetime) -> list[StoredLot]:
    """The lots that a sent file makes, their bodies stored before the transaction."""
    if form.action != "lote":
        return []
    if form.file is None or not form.file.data:
        raise ValidationFailed(errors=[FieldError(campo="arquivo", erro="Escolha um arquivo.")])
    said = form.read(LotForm)
    tenant, first = visit.who.tenant, said.seq or _next_number(visit, dataset_id, said.tipo)
    return [
        StoredLot(
            Place(tenant, dataset_id, said.tipo, seq),
            service_lots.take_body(visit.who, dataset_id, said.tipo, raw, now),
        )
        for seq, raw in enumerate(lots_of(form.file.data), start=first)
    ]


def _next_number(visit: Visit, dataset_id: UUID, tipo: Tipo) -> int:
    with unit_of_work(tenant=visit.who.tenant, autocommit=True) as session:
        kinds = service_dataset_view.count_lots(session, dataset_id)
    return 1 + next(kind.maior_seq for kind in kinds if kind.tipo is tipo)


@dataset_pages.route(f"{PATH}/{{dataset_id}}", methods=["POST"])
@company(
    again=show_dataset,
    before=_take_lots,
    raises=(
        DatasetNotFound,
        DatasetEmConferencia,
        DatasetEncerrado,
        DatasetFechado,
        LoteIlegivel,
        LoteVazio,
        LoteGrande,
        LotesPendentes,
        HeaderInvalid,
    ),
)
def post_dataset_page(  # Three actions on one page.
    session: Session,
    visit: Visit,
    dataset_id: UUID,
    form: Form,
    prepared: list[StoredLot],
    now: datetime,
) -> Reply:
    """Take the lots of a file, conclude, or give up."""
    at = f"{PATH}/{dataset_id}"
    if form.action == "lote":
        for lot in prepared:
            service_lots.receive_lot(session, visit.who, lot.place, lot.body, now)
        items = sum(lot.body.itens for lot in prepared)
        return visit.go(at, f"{items} itens recebidos em {len(prepared)} lote(s).")
    if form.action == "concluir":
        service_conclusion.ask_to_close(session, visit.who, dataset_id, _concluded(form), now)
        return visit.go(at, "O envio está sendo conferido. Se estiver em ordem, o treino começa.")
    if form.action == "cancelar":
        service_datasets.cancel_dataset(session, visit.who, dataset_id, now)
        return visit.go(at, "O envio foi cancelado, e o que veio nele será removido.")
    raise BadRequest


def _concluded(form: Form) -> ConcluirIn:
    counts = {
        tipo.value: value
        for tipo in Tipo
        if (value := form[f"esperados.{tipo.value}"].strip().replace(".", ""))
    }
    return form.read(
        ConcluirIn,
        esperados=counts,
        aceitar_recusados=form["com_recusados"] == "sim",
        aceitar_sem_cliente=form["sem_cliente"] == "sim",
    )
