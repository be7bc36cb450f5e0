"""Pages of background work: queues, jobs, and what to do about one that failed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.job_actions import REFUSALS, act_on_job, is_under_way
from chalicelib.console.job_words import QUEUES
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import FormQuery
from chalicelib.console.visits import Visit
from chalicelib.core import imports, job_control
from chalicelib.core.auth import Role
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest
from chalicelib.core.job_control import JobNotFound, JobOut, JobQuery
from chalicelib.core.job_counts import count_jobs
from chalicelib.core.jobs import JobState
from chalicelib.core.pages import CursorInvalid, PageQuery
from chalicelib.core.settings import HOUSE
from chalicelib.core.web import Routes
from chalicelib.identity.service import names_of

PATH = "/console/operacao/tarefas"
STATES = (
    (JobState.FAILED, "Falharam"),
    (JobState.RUNNING, "Em andamento"),
    (JobState.QUEUED, "Na fila"),
    (JobState.SUCCEEDED, "Concluídas"),
    (JobState.CANCELLED, "Canceladas"),
)
REJECTIONS_SHOWN = 20

job_pages = Routes(__name__)


class JobsQuery(JobQuery, FormQuery):
    """The list's filters as a form sends them: what is not chosen comes empty."""


@job_pages.route(PATH, methods=["GET"])
@page(
    job_pages,
    tenant=HOUSE,
    query=JobsQuery,
    allow=Role.ADMIN,
    raises=(CursorInvalid,),
    autocommit=True,
)
def get_jobs_page(session: Session, visit: Visit, query: JobsQuery, now: datetime) -> Shown:
    """Every queue in numbers, and the jobs, newest first."""
    jobs, cursor, total = job_control.list_jobs(session, visit.who, query)
    return Shown(
        "console/operation/jobs.html",
        jobs=[JobOut.model_validate(job) for job in jobs],
        owners={job.id: job.owner for job in jobs},
        people=names_of(session, {job.owner for job in jobs}),
        cursor=cursor,
        total=total,
        query=query,
        states=STATES,
        queue_options=sorted(QUEUES.items(), key=lambda item: item[1]),
        counts=count_jobs(now),
    )


@job_pages.route(PATH, methods=["POST"])
@page(job_pages, tenant=HOUSE, query=JobsQuery, allow=Role.ADMIN)
def post_jobs_page(session: Session, visit: Visit, query: JobsQuery, form: Form) -> Reply:
    """Send those again that have failed."""
    if form.action != "reenviar-falhas":
        raise BadRequest
    sent = job_control.redrive_failed(session, visit.who, query.queue)
    told = "Uma tarefa está de novo na fila." if sent == 1 else f"{sent} tarefas estão na fila."
    return visit.go(PATH, told)


def show_job(session: Session, visit: Visit, job_id: UUID, form: Form) -> Shown:
    """One job: how far it is, what came of it, what it refused."""
    job = job_control.get_job(session, visit.who, job_id)
    rejections, _, total = imports.list_rejections(
        session, job.id, PageQuery(limit=REJECTIONS_SHOWN)
    )
    return Shown(
        "console/operation/job.html",
        job=JobOut.model_validate(job),
        is_live=is_under_way(job),
        message=job.message,
        rejections=rejections,
        rejections_total=total,
        attempt_limit=job.attempt_limit,
        owner=job.owner,
        people=names_of(session, [job.owner]),
        form=form,
    )


@job_pages.route(f"{PATH}/{{job_id}}", methods=["GET"])
@page(job_pages, tenant=HOUSE, allow=Role.ADMIN, raises=(JobNotFound,), autocommit=True)
def get_job_page(session: Session, visit: Visit, job_id: UUID, form: Form) -> Shown:
    """One job: how far it is, what came of it, what it refused."""
    return show_job(session, visit, job_id, form)


@job_pages.route(f"{PATH}/{{job_id}}", methods=["POST"])
@page(job_pages, tenant=HOUSE, allow=Role.ADMIN, again=show_job, raises=REFUSALS)
def post_job_page(session: Session, visit: Visit, job_id: UUID, form: Form) -> Reply:
    """Cancel a job, or send it again."""
    return visit.go(f"{PATH}/{job_id}", act_on_job(session, visit, job_id, form.action))
