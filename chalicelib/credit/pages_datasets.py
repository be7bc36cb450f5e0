"""Pages of what a company sends to have a model trained: opened, sent in lots, concluded."""

from datetime import datetime
from functools import partial
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.job_actions import REFUSALS as JOB_REFUSALS
from chalicelib.console.job_actions import act_on_job, followed_job, is_under_way
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import FormQuery, PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core import uploads
from chalicelib.core.auth import Role
from chalicelib.core.calls import Reply
from chalicelib.core.job_control import JobOut
from chalicelib.core.jobs import JobState
from chalicelib.core.pages import LONGEST_CURSOR, CursorInvalid
from chalicelib.core.rowfile import HeaderInvalid
from chalicelib.core.settings import settings
from chalicelib.core.uploads import (
    FileTypeUnsupported,
    ObjectMissing,
    UploadIn,
    UploadTooLarge,
)
from chalicelib.core.web import Routes
from chalicelib.credit import (
    service_conclusion,
    service_dataset_view,
    service_datasets,
    service_lot_files,
    service_lots,
)
from chalicelib.credit.dataset_forms import Sent, receive_file, take_file
from chalicelib.credit.errors import (
    ArquivoSendoDividido,
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
from chalicelib.credit.schemas_datasets import (
    ConcluirIn,
    DatasetDetalhe,
    DatasetIn,
    ErrosQuery,
    LotesQuery,
)
from chalicelib.credit.words import (
    COLUMN_KINDS,
    COLUMN_WARNINGS,
    DATASETS,
    KINDS,
    TARGETS,
    TRAINING_STEPS,
)

PATH = "/console/credito/envios"
LOTS_SHOWN = 10
FAULTS_SHOWN = 20

dataset_pages = Routes(__name__)
company = partial(page, dataset_pages, allow=Role.EMPRESA, companies_only=True)


class DatasetQuery(FormQuery):
    """Which parts of a dataset's lists are shown."""

    lotes: str | None = Field(None, max_length=LONGEST_CURSOR)
    erros: str | None = Field(None, max_length=LONGEST_CURSOR)
    tipo: Tipo | None = None


class JobField(BaseModel):
    """Which job a button is about."""

    tarefa: UUID


def show_datasets(session: Session, query: PartQuery, form: Form) -> Shown:
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
@company(query=PartQuery, raises=(CursorInvalid,), autocommit=True)
def get_datasets_page(session: Session, query: PartQuery, form: Form) -> Shown:
    """What has been sent, newest first, and the form for more."""
    return show_datasets(session, query, form)


@dataset_pages.route(PATH, methods=["POST"])
@company(query=PartQuery, again=show_datasets)
def post_datasets_page(session: Session, visit: Visit, form: Form, now: datetime) -> Reply:
    """Begin to send."""
    found = service_datasets.open_dataset(session, visit.who, form.read(DatasetIn), now)
    return visit.go(f"{PATH}/{found.id}", "Aberto. Agora envie os arquivos.")


def show_dataset(
    session: Session, visit: Visit, dataset_id: UUID, form: Form, query: DatasetQuery
) -> Shown:
    """What has come of it: lots, what was refused and why, checking, training."""
    found = service_dataset_view.describe_dataset(session, dataset_id)
    lots, more_lots, lots_total = service_lots.list_lots(
        session, dataset_id, LotesQuery(limit=LOTS_SHOWN, cursor=query.lotes)
    )
    faults, more_faults, faults_total = service_lots.list_faults(
        session, dataset_id, ErrosQuery(limit=FAULTS_SHOWN, cursor=query.erros, tipo=query.tipo)
    )
    files = service_lot_files.files_of(session, dataset_id)
    checking = followed_job(session, visit.who, found.conclusao.job_id if found.conclusao else None)
    training = followed_job(session, visit.who, _training_of(checking))
    return Shown(
        "credit/dataset.html",
        dataset=found,
        lots=lots,
        more_lots=more_lots,
        lots_total=lots_total,
        faults=faults,
        more_faults=more_faults,
        faults_total=faults_total,
        query=query,
        files=[each for each in files if each.state != JobState.SUCCEEDED],
        most_mb=settings().upload_max_mb,
        checking=checking,
        training=training,
        is_live=is_under_way(checking)
        or is_under_way(training)
        or any(is_under_way(each) for each in files)
        or any(kind.pendentes for kind in found.tipos),
        states=DATASETS,
        targets=TARGETS,
        kinds=KINDS,
        column_kinds=COLUMN_KINDS,
        column_warnings=COLUMN_WARNINGS,
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
@company(query=DatasetQuery, raises=(DatasetNotFound, CursorInvalid), autocommit=True)
def get_dataset_page(
    session: Session, visit: Visit, dataset_id: UUID, form: Form, query: DatasetQuery
) -> Shown:
    """What has come of it: lots, what was refused and why, checking, training."""
    return show_dataset(session, visit, dataset_id, form, query)


@dataset_pages.route(f"{PATH}/{{dataset_id}}", methods=["POST"])
@company(
    query=DatasetQuery,
    again=show_dataset,
    before=take_file,
    raises=(
        DatasetNotFound,
        DatasetEmConferencia,
        DatasetEncerrado,
        DatasetFechado,
        ArquivoSendoDividido,
        LoteIlegivel,
        LoteVazio,
        LoteGrande,
        LotesPendentes,
        HeaderInvalid,
        UploadTooLarge,
        ObjectMissing,
        FileTypeUnsupported,
        *JOB_REFUSALS,
    ),
)
def post_dataset_page(  # All that one can do with it.
    session: Session,
    visit: Visit,
    dataset_id: UUID,
    form: Form,
    prepared: Sent,
    now: datetime,
) -> Reply:
    """Take a file, conclude, give up; or stop or repeat what a job is doing for it."""
    at = f"{PATH}/{dataset_id}"
    if form.action == "autorizar":
        return Reply(uploads.create_upload(session, visit.who, form.read(UploadIn), now))
    if form.action == "lote":
        return visit.go(at, receive_file(session, visit.who, prepared, now))
    if form.action == "concluir":
        service_conclusion.ask_to_close(session, visit.who, dataset_id, _concluded(form), now)
        return visit.go(at, "O envio está sendo conferido. Se estiver em ordem, o treino começa.")
    if form.action == "desistir":
        service_datasets.cancel_dataset(session, visit.who, dataset_id, now)
        return visit.go(at, "O envio foi cancelado, e o que veio nele será removido.")
    said = act_on_job(session, visit, form.read(JobField).tarefa, form.action)
    return visit.go(at, said)


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
