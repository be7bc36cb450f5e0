"""Pages of reading the shop: runs, how the present one goes, and what could not be read."""

from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.books import service_runs
from chalicelib.books.errors import QuarantinedPageNotFound, RunNotFound, SourceNotAllowed
from chalicelib.books.pages import STATES
from chalicelib.books.queues import BOOKS_SCRAPE_QUEUE
from chalicelib.books.schemas import QuarantineQuery, RunOut, TriggerIn
from chalicelib.books.service_snapshots import catalogue_source
from chalicelib.console.forms import Form
from chalicelib.console.job_actions import REFUSALS as JOB_REFUSALS
from chalicelib.console.job_actions import JobWords, act_on_job, is_under_way, newest_job
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import FormQuery, PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core import job_control
from chalicelib.core.auth import Role
from chalicelib.core.calls import Reply
from chalicelib.core.job_control import JobNotFound, JobOut
from chalicelib.core.pages import CursorInvalid
from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.types import Id
from chalicelib.core.web import Routes
from chalicelib.identity.service import names_of

PATH = "/console/livros/coletas"
QUARANTINE = "/console/livros/quarentena"
UNREAD_SHOWN = 20
WORDS = JobWords(
    cancelled="A coleta foi cancelada.",
    stopping="A coleta vai parar no próximo ponto seguro.",
    queued="A loja está sendo lida de novo.",
)

scraping_pages = Routes(__name__)


class UnreadQuery(QuarantineQuery, FormQuery):
    """Which part of the quarantine."""


def _shops() -> list[str]:
    """What may be read, the usual shop first."""
    chosen = settings()
    return list(dict.fromkeys([chosen.books_base_url, *chosen.books_allowed_urls]))


def show_runs(session: Session, visit: Visit, form: Form, query: PartQuery) -> Shown:
    """The runs, latest first, and what is being read."""
    runs, cursor, total = service_runs.list_runs(session, query)
    newest = newest_job(session, visit.who, BOOKS_SCRAPE_QUEUE.name)
    return Shown(
        "books/runs.html",
        runs=runs,
        cursor=cursor,
        total=total,
        current=JobOut.model_validate(newest) if is_under_way(newest) else None,
        states=STATES,
        shops=_shops(),
        source=catalogue_source(session),
        form=form,
    )


@scraping_pages.route(PATH, methods=["GET"])
@page(
    scraping_pages,
    tenant=HOUSE,
    query=PartQuery,
    allow=Role.ADMIN,
    raises=(CursorInvalid,),
    autocommit=True,
)
def get_runs_page(session: Session, visit: Visit, form: Form, query: PartQuery) -> Shown:
    """The runs, latest first, and what is being read."""
    return show_runs(session, visit, form, query)


@scraping_pages.route(PATH, methods=["POST"])
@page(
    scraping_pages,
    tenant=HOUSE,
    query=PartQuery,
    allow=Role.ADMIN,
    again=show_runs,
    raises=(SourceNotAllowed,),
)
def post_runs_page(session: Session, visit: Visit, form: Form) -> Reply:
    """Have a shop read, and lead to how it goes."""
    wanted = form.read(TriggerIn, accept_smaller=form["menor"] == "sim")
    job = service_runs.ask_for_scrape(session, wanted, owner=visit.who.subject)
    return visit.go(f"{PATH}/{job.id}", "A loja está sendo lida. Esta página acompanha.")


def _run_and_job(
    session: Session, visit: Visit, run_id: UUID
) -> tuple[RunOut | None, JobOut | None]:
    """A run and its job: the one comes later than the other, and stays longer.

    Raises:
        RunNotFound: There is neither.
    """
    try:
        run = service_runs.get_run(session, run_id)
    except RunNotFound:
        run = None
    try:
        job = JobOut.model_validate(job_control.get_job(session, visit.who, run_id))
    except JobNotFound:
        job = None
    if run is None and (job is None or job.queue != BOOKS_SCRAPE_QUEUE.name):
        raise RunNotFound
    return run, job


def show_run(session: Session, visit: Visit, run_id: UUID, form: Form) -> Shown:
    """How a run goes, or what came of it."""
    run, job = _run_and_job(session, visit, run_id)
    query = QuarantineQuery(run=run_id, limit=UNREAD_SHOWN)
    unread, _, unread_total = service_runs.list_quarantine(session, query)
    return Shown(
        "books/run.html",
        run=run,
        job=job,
        asker=names_of(session, {run.owner} if run else set()),
        is_live=is_under_way(job),
        states=STATES,
        unread=unread,
        unread_total=unread_total,
        form=form,
    )


@scraping_pages.route(f"{PATH}/{{run_id}}", methods=["GET"])
@page(scraping_pages, tenant=HOUSE, allow=Role.ADMIN, raises=(RunNotFound,), autocommit=True)
def get_run_page(session: Session, visit: Visit, run_id: UUID, form: Form) -> Shown:
    """How a run goes, or what came of it."""
    return show_run(session, visit, run_id, form)


@scraping_pages.route(f"{PATH}/{{run_id}}", methods=["POST"])
@page(
    scraping_pages,
    tenant=HOUSE,
    allow=Role.ADMIN,
    again=show_run,
    raises=(RunNotFound, *JOB_REFUSALS),
)
def post_run_page(session: Session, visit: Visit, run_id: UUID, form: Form) -> Reply:
    """Stop a run, or have it done again."""
    _run_and_job(session, visit, run_id)
    return visit.go(f"{PATH}/{run_id}", act_on_job(session, visit, run_id, form.action, WORDS))


@scraping_pages.route(QUARANTINE, methods=["GET"])
@page(
    scraping_pages,
    tenant=HOUSE,
    query=UnreadQuery,
    allow=Role.ADMIN,
    raises=(CursorInvalid,),
    autocommit=True,
)
def get_quarantine_page(session: Session, query: UnreadQuery) -> Shown:
    """Pages that could not be read, latest first."""
    unread, cursor, total = service_runs.list_quarantine(session, query)
    return Shown("books/quarantine.html", unread=unread, cursor=cursor, total=total, run=query.run)


@scraping_pages.route(f"{QUARANTINE}/{{page_id}}", methods=["GET"])
@page(
    scraping_pages,
    tenant=HOUSE,
    allow=Role.ADMIN,
    raises=(QuarantinedPageNotFound,),
    own_transactions=True,
)
def get_quarantined_as_text(page_id: Id) -> Shown:
    """A page that could not be read, as it came: shown as text, and never run."""
    found, kept = service_runs.read_quarantined(page_id)
    return Shown("books/quarantined.html", one=found, kept=kept)
