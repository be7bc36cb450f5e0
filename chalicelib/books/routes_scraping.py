"""Routes of reading a shop, and of what came of it: runs, quarantine, snapshots, changes."""

from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.books import service_runs, service_snapshots
from chalicelib.books.errors import (
    BookNotFound,
    DumpGone,
    DumpUnknown,
    NothingReadYet,
    QuarantinedPageNotFound,
    RunCsvNotFound,
    RunNotFound,
    SnapshotNotFound,
    SourceNotAllowed,
)
from chalicelib.books.schemas import (
    ChangeOut,
    ChangesQuery,
    HistoryOut,
    QuarantinedOut,
    QuarantineQuery,
    RunOut,
    SnapshotOut,
    TriggerIn,
)
from chalicelib.books.schemas_paging import NothingAsked
from chalicelib.core import job_control
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.job_control import JobOut
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.settings import HOUSE
from chalicelib.core.types import Id
from chalicelib.core.web import PUBLIC, Routes, endpoint

scraping = Routes(__name__)
everybodys = partial(endpoint, scraping, allow=PUBLIC, any_origin=True, autocommit=True)

NOT_KEPT = {"Cache-Control": "no-store"}  # The address dies in a quarter of an hour.


def _elsewhere(address: str) -> Reply:
    return Reply(status=303, headers={**NOT_KEPT, "Location": address})


@scraping.route("/api/v1/scraping/trigger", methods=["POST"])
@endpoint(
    scraping,
    tenant=HOUSE,
    query=NothingAsked,
    body=TriggerIn,
    allow=Role.ADMIN,
    status=202,
    response=JobOut,
    raises=(SourceNotAllowed,),
)
def post_trigger(session: Session, principal: Principal, body: TriggerIn, call: Call) -> Reply:
    """Read a shop and make what it has the catalogue.

    While a shop is being read, that job is answered. Its step tells pages, books and errors so
    far; `/api/v1/scraping/runs/{id}` has them as numbers. A run that finds fewer than 95 % of the
    books that the site states, or that the last good run found, leaves the catalogue alone.
    """
    job = service_runs.ask_for_scrape(session, body, owner=principal.subject)
    return job_control.accepted(job, call)


@scraping.route("/api/v1/scraping/runs", methods=["GET"])
@endpoint(
    scraping,
    tenant=HOUSE,
    query=PageQuery,
    allow=Role.ADMIN,
    response=Page[RunOut],
    autocommit=True,
)
def get_runs(session: Session, query: PageQuery, call: Call) -> Reply:
    """List the runs, latest first."""
    rows, cursor, total = service_runs.list_runs(session, query)
    return page_reply(Page[RunOut], rows, cursor, total, call)


@scraping.route("/api/v1/scraping/runs/{run_id}", methods=["GET"])
@endpoint(scraping, tenant=HOUSE, allow=Role.ADMIN, raises=(RunNotFound,), autocommit=True)
def get_run(session: Session, run_id: UUID) -> RunOut:
    """Show a run, by the id of its job: how far it is, or what came of it."""
    return service_runs.get_run(session, run_id)


@scraping.route("/api/v1/scraping/runs/{run_id}/csv", methods=["GET"])
@endpoint(
    scraping,
    tenant=HOUSE,
    allow=Role.ADMIN,
    status=303,
    raises=(RunNotFound, RunCsvNotFound),
    autocommit=True,
)
def get_run_csv(session: Session, run_id: UUID) -> Reply:
    """Fetch what a run found as CSV, whether or not it became the catalogue."""
    return _elsewhere(service_runs.run_csv_link(session, run_id))


@scraping.route("/api/v1/scraping/quarantine", methods=["GET"])
@endpoint(
    scraping,
    tenant=HOUSE,
    query=QuarantineQuery,
    allow=Role.ADMIN,
    response=Page[QuarantinedOut],
    autocommit=True,
)
def get_quarantine(session: Session, query: QuarantineQuery, call: Call) -> Reply:
    """List the pages that could not be read, and why; latest first."""
    rows, cursor, total = service_runs.list_quarantine(session, query)
    return page_reply(Page[QuarantinedOut], rows, cursor, total, call)


@scraping.route("/api/v1/scraping/quarantine/{page_id}", methods=["GET"])
@endpoint(
    scraping, tenant=HOUSE, allow=Role.ADMIN, raises=(QuarantinedPageNotFound,), autocommit=True
)
def get_quarantined(session: Session, page_id: Id) -> QuarantinedOut:
    """Show a page that could not be read, and why."""
    return service_runs.get_quarantined(session, page_id)


@scraping.route("/api/v1/scraping/quarantine/{page_id}/page", methods=["GET"])
@endpoint(
    scraping,
    tenant=HOUSE,
    allow=Role.ADMIN,
    status=303,
    raises=(QuarantinedPageNotFound,),
    autocommit=True,
)
def get_quarantined_page(session: Session, page_id: Id) -> Reply:
    """Fetch a page that could not be read as it came, as plain text."""
    return _elsewhere(service_runs.quarantined_link(session, page_id))


@scraping.route("/api/v1/snapshots", methods=["GET"])
@everybodys(query=PageQuery, response=Page[SnapshotOut])
def get_snapshots(session: Session, query: PageQuery, call: Call) -> Reply:
    """List the snapshots of the catalogue, latest first: from where, and how many books."""
    rows, cursor, total = service_snapshots.list_snapshots(session, query)
    return page_reply(Page[SnapshotOut], rows, cursor, total, call)


@scraping.route("/api/v1/snapshots/{snapshot}", methods=["GET"])
@everybodys(raises=(SnapshotNotFound, NothingReadYet))
def get_snapshot(session: Session, snapshot: str) -> SnapshotOut:
    """Show a snapshot, by its number or as `latest`."""
    return service_snapshots.get_snapshot(session, snapshot)


@scraping.route("/api/v1/dumps/{snapshot}/{formato}", methods=["GET"])
@everybodys(status=303, raises=(SnapshotNotFound, NothingReadYet, DumpUnknown, DumpGone))
def get_dump(session: Session, snapshot: str, formato: str) -> Reply:
    """Fetch a snapshot whole: `csv`, `ndjson` or `parquet`; its number, or `latest`.

    The same snapshot gives the same bytes; the list of snapshots has their digests. Dumps are kept
    for 90 days (`BOOKS_KEEP_DAYS`), those of the newest snapshot for good.
    """
    return _elsewhere(service_snapshots.dump_link(session, snapshot, formato))


@scraping.route("/api/v1/changes", methods=["GET"])
@everybodys(query=ChangesQuery, response=Page[ChangeOut], raises=(SnapshotNotFound,))
def get_changes(session: Session, query: ChangesQuery, call: Call) -> Reply:
    """List what snapshots found different, earliest first: new, changed, gone, back.

    To follow the catalogue, read on until `next` is null, and later begin with the `at` of the
    last change, or its `snapshot`, as `since`: all that one snapshot found has the same of both.
    """
    rows, cursor, total = service_snapshots.list_changes(session, query)
    return page_reply(Page[ChangeOut], rows, cursor, total, call)


@scraping.route("/api/v1/books/{book_id}/history", methods=["GET"])
@everybodys(query=PageQuery, response=Page[HistoryOut], raises=(BookNotFound,))
def get_history(session: Session, book_id: Id, query: PageQuery, call: Call) -> Reply:
    """A book's price and stock over time, latest first."""
    rows, cursor, total = service_snapshots.list_history(session, book_id, query)
    return page_reply(Page[HistoryOut], rows, cursor, total, call)
