"""Pages of a project's data: a file sent, what was found in it, and what people say better."""

import json
from datetime import datetime
from functools import partial
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from chalicelib.console import charts
from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.queries import FormQuery, PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core import uploads
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest, FieldError, ValidationFailed
from chalicelib.core.pages import CursorInvalid, PageQuery
from chalicelib.core.parsing import JSON, RawBody
from chalicelib.core.rowfile import CSV, NDJSON
from chalicelib.core.settings import settings
from chalicelib.core.types import Id, ShortText
from chalicelib.core.uploads import (
    EmptyFile,
    FileTypeUnsupported,
    ObjectMissing,
    UploadIn,
    UploadTooLarge,
)
from chalicelib.core.web import Routes
from chalicelib.prices import service_datasets, service_profiles
from chalicelib.prices.correction_form import corrections_of
from chalicelib.prices.errors import (
    ArquivoGrande,
    CorrecaoInvalida,
    DatasetEmUso,
    DatasetNaoPronto,
    DatasetNotFound,
    FiguraNotFound,
    PapelInsuficiente,
)
from chalicelib.prices.figures import AGAINST, CORRELATION, HISTOGRAM, MISSING, target_of
from chalicelib.prices.media import PARQUET
from chalicelib.prices.membership import Papel, projeto_of
from chalicelib.prices.pages import PATH, PROJECT, UNSEEN, anybody, project_page
from chalicelib.prices.schemas_datasets import DatasetPerfil, EstadoDataset
from chalicelib.prices.service_datasets import SentFile
from chalicelib.prices.tables import Projeto
from chalicelib.prices.words import DATASETS, KINDS, PARTS

DATA = PROJECT + "/dados"
DATASET = DATA + "/{dataset_id}"
PARQUET_MARK = b"PAR1"
SHOWN_REFUSED = 20

dataset_pages = Routes(__name__)
everybody = partial(anybody, dataset_pages)
FILE_REFUSALS = (
    ArquivoGrande,
    EmptyFile,
    FileTypeUnsupported,
    ObjectMissing,
    PapelInsuficiente,
    UploadTooLarge,
)


class NameForm(BaseModel):
    """What to call the data."""

    nome: ShortText | None = None


class ProfileQuery(FormQuery):
    """Which column is looked at closely, by its place."""

    coluna: int | None = Field(None, ge=1, le=1000)


def show_data(
    session: Session, visit: Visit, projeto_id: UUID, query: PartQuery, form: Form
) -> Shown:
    """What has been sent, newest first, and the form for more."""
    projeto = projeto_of(session, visit.who, projeto_id, Papel.LEITOR)
    found, cursor, total = service_datasets.list_datasets(session, projeto, query)
    waiting = (EstadoDataset.RECEBIDO.value, EstadoDataset.PERFILANDO.value)
    return project_page(
        session,
        visit,
        projeto_id,
        "data.html",
        "/dados",
        found=found,
        cursor=cursor,
        total=total,
        is_live=any(each.estado in waiting for each in found),
        states=DATASETS,
        most_mb=min(settings().precos_dataset_max_mb, settings().upload_max_mb),
        form=form,
    )


@dataset_pages.route(DATA, methods=["GET"])
@everybody(query=PartQuery, raises=(*UNSEEN, CursorInvalid), autocommit=True)
def get_data_page(
    session: Session, visit: Visit, projeto_id: UUID, query: PartQuery, form: Form
) -> Shown:
    """What has been sent, newest first, and the form for more."""
    return show_data(session, visit, projeto_id, query, form)


def received(form: Form) -> RawBody:
    """What a form brings: a file of its own, or the key of one that lies in the store.

    Raises:
        ValidationFailed: It brings neither.
    """
    if form["objeto"]:
        return RawBody(JSON, json.dumps({"objeto": form["objeto"]}).encode())
    if form.file is None or not form.file.data:
        raise ValidationFailed(errors=[FieldError(campo="arquivo", erro="Escolha um arquivo.")])
    return RawBody(media_type_of(form.file.data), form.file.data)


def media_type_of(data: bytes) -> str:
    """By how it begins: what browsers call a file depends on the programs beside them."""
    if data.startswith(PARQUET_MARK):
        return PARQUET
    return NDJSON if data.lstrip()[:1] == b"{" else CSV


def _take(visit: Visit, projeto_id: UUID, form: Form, now: datetime) -> SentFile | None:
    """The file that was sent, before any transaction; None where the form is about leave."""
    if form.action != "enviar":
        return None
    return service_datasets.take_file(visit.who, projeto_id, received(form), now)


@dataset_pages.route(DATA, methods=["POST"])
@everybody(
    query=PartQuery,
    again=show_data,
    before=_take,
    raises=(*UNSEEN, *FILE_REFUSALS),
)
def post_data_page(
    session: Session,
    visit: Visit,
    projeto_id: UUID,
    form: Form,
    prepared: SentFile | None,
    now: datetime,
) -> Reply:
    """Give leave to send a large file, or take one and have it profiled."""
    projeto = projeto_of(session, visit.who, projeto_id, Papel.TREINADOR, lock=True)
    if form.action == "autorizar":
        return Reply(uploads.create_upload(session, visit.who, form.read(UploadIn), now))
    if prepared is None:
        raise BadRequest
    dataset, repeated = service_datasets.receive_dataset(
        session, visit.who, projeto, prepared, form.read(NameForm).nome, now
    )
    at = f"{PATH}/{projeto_id}/dados/{dataset.id}"
    return visit.go(at, "Este arquivo já tinha sido enviado: é este." if repeated else None)


def show_dataset(
    session: Session,
    visit: Visit,
    projeto_id: UUID,
    dataset_id: Id,
    query: ProfileQuery,
    form: Form,
) -> Shown:
    """What was found in a file, column by column, and the form to say better."""
    projeto = projeto_of(session, visit.who, projeto_id, Papel.LEITOR)
    dataset = service_datasets.dataset_of(session, projeto, dataset_id)
    found = service_profiles.describe(session, dataset)
    refused, _, refused_total = service_profiles.refused_rows(
        session, dataset, PageQuery(limit=SHOWN_REFUSED)
    )
    place = min(query.coluna or _first(found), max(len(found.colunas), 1))
    return project_page(
        session,
        visit,
        projeto_id,
        "dataset.html",
        "/dados",
        dataset=found,
        waits=found.estado in (EstadoDataset.RECEBIDO, EstadoDataset.PERFILANDO),
        target=target_of(found.colunas, found.alvos),
        place=place,
        figures=_figures(session, projeto, found, place),
        refused=refused,
        refused_total=refused_total,
        states=DATASETS,
        kinds=KINDS,
        parts=PARTS,
        form=form,
    )


def _first(found: DatasetPerfil) -> int:
    """The likeliest target is looked at first."""
    target = target_of(found.colunas, found.alvos)
    return next((n for n, each in enumerate(found.colunas, 1) if each.nome == target), 1)


def _figures(
    session: Session, projeto: Projeto, found: DatasetPerfil, place: int
) -> dict[str, tuple[str, dict[str, object], list[charts.FigureTable]]]:
    """The figures of a page: missing values, correlations, and those of one column."""
    shown = {MISSING, CORRELATION, f"{HISTOGRAM}-{place}", f"{AGAINST}-{place}"}
    figures = {}
    for each in found.figuras:
        if each.nome in shown:
            drawn = service_profiles.figure(session, projeto, found.id, each.nome, None)
            figure = drawn.model_dump()
            kind = each.nome.partition("-")[0]
            figures[kind] = (each.titulo, figure, charts.figure_tables(figure))
    return figures


@dataset_pages.route(DATASET, methods=["GET"])
@everybody(query=ProfileQuery, raises=(*UNSEEN, DatasetNotFound, FiguraNotFound), autocommit=True)
def get_dataset_page(
    session: Session,
    visit: Visit,
    projeto_id: UUID,
    dataset_id: Id,
    query: ProfileQuery,
    form: Form,
) -> Shown:
    """What was found in a file, column by column, and the form to say better."""
    return show_dataset(session, visit, projeto_id, dataset_id, query, form)


@dataset_pages.route(DATASET, methods=["POST"])
@everybody(
    query=ProfileQuery,
    again=show_dataset,
    raises=(
        *UNSEEN,
        CorrecaoInvalida,
        DatasetEmUso,
        DatasetNaoPronto,
        DatasetNotFound,
        PapelInsuficiente,
    ),
)
def post_dataset_page(
    session: Session, visit: Visit, projeto_id: UUID, dataset_id: Id, form: Form
) -> Reply:
    """Say better what columns are, or delete the data."""
    data = f"{PATH}/{projeto_id}/dados"
    if form.action == "excluir":
        projeto = projeto_of(session, visit.who, projeto_id, Papel.ADMIN)
        service_datasets.delete_dataset(session, visit.who, projeto, dataset_id)
        return visit.go(data, "Os dados foram excluídos.")
    if form.action != "corrigir":
        raise BadRequest
    projeto = projeto_of(session, visit.who, projeto_id, Papel.TREINADOR)
    dataset = service_datasets.dataset_of(session, projeto, dataset_id)
    changes = corrections_of(form.values, dataset.colunas, dataset.correcoes)
    if not changes.root:
        return visit.go(f"{data}/{dataset_id}", "Nada mudou.")
    service_profiles.correct(session, visit.who, projeto, dataset_id, changes)
    return visit.go(f"{data}/{dataset_id}", "As correções valem para os próximos treinos.")


@dataset_pages.route(f"{DATASET}/parquet", methods=["GET"])
@everybody(raises=(*UNSEEN, DatasetNaoPronto, DatasetNotFound), autocommit=True)
def get_dataset_download(session: Session, visit: Visit, projeto_id: UUID, dataset_id: Id) -> Reply:
    """Lead to the Parquet: as the file has it, before corrections."""
    projeto = projeto_of(session, visit.who, projeto_id, Papel.LEITOR)
    dataset = service_datasets.dataset_of(session, projeto, dataset_id)
    return Reply(status=303, headers={"Location": service_datasets.download_link(dataset)})
