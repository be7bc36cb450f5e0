"""Pages where versions of a company's model are trained on terms, compared, and tried on a file."""

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.job_actions import REFUSALS as JOB_REFUSALS
from chalicelib.console.job_actions import act_on_job, is_under_way
from chalicelib.console.layout import Shown
from chalicelib.console.model_console import METRICS
from chalicelib.console.pages import page
from chalicelib.console.queries import FormQuery
from chalicelib.console.visits import Visit
from chalicelib.console.waterfall import Waterfall
from chalicelib.core import uploads
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Reply
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.job_control import JobNotFound, JobOut, JobQuery, get_job, list_jobs
from chalicelib.core.jobs import Job
from chalicelib.core.pages import PageQuery
from chalicelib.core.parsing import RawBody
from chalicelib.core.rowfile import CSV, NDJSON
from chalicelib.core.uploads import EmptyFile
from chalicelib.core.web import Routes
from chalicelib.credit import service_datasets, service_models, service_trials
from chalicelib.credit.errors import AlvoNaoDito, DatasetAberto, DatasetNotFound
from chalicelib.credit.models import credit_model_name
from chalicelib.credit.pages import MODEL
from chalicelib.credit.queues import CREDIT_ANALYSIS_QUEUE
from chalicelib.credit.schemas_datasets import EstadoDataset
from chalicelib.credit.schemas_models import CompararIn, RetreinoIn, VersaoResumoOut
from chalicelib.credit.schemas_orders import JustificativaOut
from chalicelib.credit.tables import Dataset
from chalicelib.credit.waterfall import risk_waterfall
from chalicelib.credit.words import TARGETS
from chalicelib.ml import versions
from chalicelib.ml.registry import ModelVersionNotFound
from chalicelib.ml.schemas import Uso, Versao

TRAIN, COMPARE, TRY = f"{MODEL}/treinar", f"{MODEL}/comparar", f"{MODEL}/testar"
ACERVO = "acervo"
MOST_SHOWN = 10
JOBS_LOOKED_AT = 50
SAMPLES_SHOWN = 20
COMPARISON, TRIAL = "comparacao", "ensaio"

trial_pages = Routes(__name__)
company = partial(page, trial_pages, allow=Role.EMPRESA, companies_only=True)


class FollowQuery(FormQuery):
    """Which job's result is shown; the last one's when left out."""

    tarefa: UUID | None = None


class VersionField(BaseModel):
    """Which version is tried."""

    versao: Versao


def _versions(session: Session, principal: Principal) -> list[VersaoResumoOut]:
    query = PageQuery(limit=MOST_SHOWN)
    name = credit_model_name(principal.tenant)
    return versions.list_versions(session, name, query, VersaoResumoOut)[0]


def _closed(session: Session) -> list[Dataset]:
    found, _, _ = service_datasets.list_datasets(session, PageQuery(limit=100))
    return [each for each in found if each.estado == EstadoDataset.FECHADO]


def _followed(
    session: Session, principal: Principal, kind: str, query: FollowQuery
) -> JobOut | None:
    """The job that was asked for, or the last one of its kind.

    Raises:
        JobNotFound: The one that was asked for is not there.
    """
    if query.tarefa is not None:
        jobs = [get_job(session, principal, query.tarefa)]
    else:
        wanted = JobQuery(queue=CREDIT_ANALYSIS_QUEUE.name, limit=JOBS_LOOKED_AT)
        jobs = list(list_jobs(session, principal, wanted)[0])
    newest = next((job for job in jobs if _kind_of(job) == kind), None)
    return JobOut.model_validate(newest) if newest else None


def _kind_of(job: Job) -> str:
    return str(job.message.get("analise", {}).get("tipo"))


def show_training(session: Session, form: Form) -> Shown:
    """On what, for what, and without which columns to train."""
    return Shown("credit/train.html", datasets=_closed(session), targets=TARGETS, form=form)


@trial_pages.route(TRAIN, methods=["GET"])
@company(autocommit=True)
def get_training(session: Session, form: Form) -> Shown:
    """On what, for what, and without which columns to train."""
    return show_training(session, form)


@trial_pages.route(TRAIN, methods=["POST"])
@company(again=show_training, raises=(DatasetNotFound, DatasetAberto, AlvoNaoDito))
def post_training(session: Session, visit: Visit, form: Form) -> Reply:
    """Have a version trained."""
    ignored = [line.strip() for line in form["ignorar"].splitlines() if line.strip()]
    asked = form.read(RetreinoIn, ignorar=ignored)
    service_models.ask_for_training(session, visit.who, asked)
    return visit.go(MODEL, "O treino começou. Acompanhe aqui.")


def show_comparison(session: Session, visit: Visit, form: Form, query: FollowQuery) -> Shown:
    """Which versions to judge on the same orders, and what came of it."""
    job = _followed(session, visit.who, COMPARISON, query)
    found = _versions(session, visit.who)
    champion = next((each.versao for each in found if each.uso == Uso.CAMPEAO), None)
    return Shown(
        "credit/compare.html",
        versions=found,
        champion=champion,
        datasets=_closed(session),
        job=job,
        is_live=is_under_way(job),
        targets=TARGETS,
        form=form,
    )


@trial_pages.route(COMPARE, methods=["GET"])
@company(query=FollowQuery, raises=(JobNotFound,), autocommit=True)
def get_comparison(session: Session, visit: Visit, form: Form, query: FollowQuery) -> Shown:
    """Which versions to judge on the same orders, and what came of it."""
    return show_comparison(session, visit, form, query)


@trial_pages.route(COMPARE, methods=["POST"])
@company(
    query=FollowQuery,
    again=show_comparison,
    raises=(ModelVersionNotFound, DatasetNotFound, *JOB_REFUSALS),
)
def post_comparison(session: Session, visit: Visit, form: Form, query: FollowQuery) -> Reply:
    """Have them judged, or stop or repeat that."""
    if form.action != "comparar":
        return _act(session, visit, form, query, COMPARE)
    first = form.read(VersionField).versao
    chosen = [each.versao for each in _versions(session, visit.who) if form[f"com.{each.versao}"]]
    others = sorted({each for each in chosen if each != first}, reverse=True)
    if not others:
        told = "Escolha ao menos uma versão além da referência."
        raise ValidationFailed(errors=[FieldError(campo="versoes", erro=told)])
    asked = form.read(CompararIn, versoes=[first, *others])
    job = service_models.ask_for_comparison(session, visit.who, asked)
    return visit.go(f"{COMPARE}?tarefa={job.id}")


def _act(session: Session, visit: Visit, form: Form, query: FollowQuery, path: str) -> Reply:
    if query.tarefa is None:
        raise JobNotFound
    said = act_on_job(session, visit, query.tarefa, form.action)
    return visit.go(f"{path}?tarefa={query.tarefa}", said)


def show_trial(session: Session, visit: Visit, form: Form, query: FollowQuery) -> Shown:
    """The form for a file of sample orders, and what a version made of the last one."""
    job = _followed(session, visit.who, TRIAL, query)
    result = job.result if job else None
    return Shown(
        "credit/try.html",
        versions=_versions(session, visit.who),
        job=job,
        result=result,
        charts=[_chart(each) for each in (result or {}).get("pedidos", [])[:SAMPLES_SHOWN]],
        is_live=is_under_way(job),
        metric_names={metric: text for metric, (text, _) in METRICS.items()},
        targets=TARGETS,
        form=form,
    )


def _chart(sample: dict[str, Any]) -> Waterfall:
    """A sample order's reasons as bars."""
    reasons = [JustificativaOut.model_validate(each) for each in sample["justificativas"]]
    return risk_waterfall(sample["valor_base"], reasons, sample["probabilidade"], None)


@trial_pages.route(TRY, methods=["GET"])
@company(query=FollowQuery, raises=(JobNotFound,), autocommit=True)
def get_trial(session: Session, visit: Visit, form: Form, query: FollowQuery) -> Shown:
    """The form for a file of sample orders, and what a version made of the last one."""
    return show_trial(session, visit, form, query)


def _take_file(visit: Visit, form: Form, now: datetime) -> str | None:
    """The key of the file, stored before the transaction; None where the form brings none."""
    if form.action != "testar":
        return None
    data = form.file.data if form.file else b""
    if not data:
        raise ValidationFailed(errors=[FieldError(campo="arquivo", erro="Escolha um arquivo.")])
    media_type = NDJSON if data.lstrip()[:1] == b"{" else CSV
    return uploads.receive_file(visit.who, RawBody(media_type, data), now)


@trial_pages.route(TRY, methods=["POST"])
@company(
    query=FollowQuery,
    again=show_trial,
    before=_take_file,
    raises=(ModelVersionNotFound, EmptyFile, *JOB_REFUSALS),
)
def post_trial(
    session: Session, visit: Visit, form: Form, query: FollowQuery, prepared: str | None
) -> Reply:
    """Have a version tried on a file; nothing is decided and nothing kept."""
    if prepared is None:
        return _act(session, visit, form, query, TRY)
    version = form.read(VersionField).versao
    job = service_trials.ask_for_trial(session, visit.who, version, prepared)
    return visit.go(f"{TRY}?tarefa={job.id}")
