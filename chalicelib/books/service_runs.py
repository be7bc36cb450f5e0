"""How a run is asked for, and what the API says of runs and of the quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.books.addresses import allowed_site, require_reachable
from chalicelib.books.errors import QuarantinedPageNotFound, RunCsvNotFound, RunNotFound
from chalicelib.books.queues import BOOKS_SCRAPE_QUEUE
from chalicelib.books.schemas import (
    QuarantinedOut,
    QuarantineQuery,
    RunOut,
    ScrapeMessage,
    TriggerIn,
)
from chalicelib.books.service_snapshots import LINK_LIFETIME, Total
from chalicelib.books.tables_scraping import QuarantinedPage, ScrapeRun, Snapshot
from chalicelib.core import audit
from chalicelib.core.db import unit_of_work
from chalicelib.core.errors import ServiceUnavailable
from chalicelib.core.jobs import Job, enqueue
from chalicelib.core.pages import AS_ID, AS_INSTANT, AS_UUID, PageQuery, fetch_page
from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.storage import ObjectNotFound, StorageUnavailable
from chalicelib.core.uploads import object_store

MOST_SHOWN_BYTES = 200_000
ONE_AT_A_TIME = "catalogue"


def ask_for_scrape(session: Session, wanted: TriggerIn, *, owner: str) -> Job:
    """Have a shop read; while one is being read, the job that does so is answered.

    Raises:
        SourceNotAllowed: The shop is not one that may be read.
    """
    chosen = settings()
    site = allowed_site(wanted.base_url, chosen.books_base_url, chosen.books_allowed_urls)
    require_reachable(site)
    message = ScrapeMessage(base_url=site.url, accept_smaller=wanted.accept_smaller)
    job = enqueue(
        session,
        BOOKS_SCRAPE_QUEUE,
        message,
        tenant=HOUSE,
        owner=owner,
        dedupe_key=ONE_AT_A_TIME,
    )
    if wanted.accept_smaller:
        audit.record(
            session,
            tenant=HOUSE,
            ator=owner,
            acao="catalogo.menor_aceito",
            objeto=f"job:{job.id}",
        )
    return job


def list_runs(session: Session, query: PageQuery) -> tuple[list[RunOut], str | None, Total]:
    """The runs, latest first: the page, the cursor of the next one, the total."""
    key = (ScrapeRun.started_at, ScrapeRun.id)
    rows, cursor, total = fetch_page(session, select(ScrapeRun), query, key, (AS_INSTANT, AS_UUID))
    made = _snapshots_of(session, [row.id for row in rows])
    return [_run_out(row, made) for row in rows], cursor, total


def get_run(session: Session, run_id: UUID) -> RunOut:
    """One run.

    Raises:
        RunNotFound: There is no such run.
    """
    return _run_out(_run(session, run_id), _snapshots_of(session, [run_id]))


def run_csv_link(session: Session, run_id: UUID) -> str:
    """Where what a run found can be fetched for a quarter of an hour.

    Raises:
        RunNotFound: There is no such run.
        RunCsvNotFound: It has not found anything, or that has been removed.
    """
    row = _run(session, run_id)
    if row.csv_key is None:
        raise RunCsvNotFound
    return object_store().signed_download(
        row.csv_key, expires_in=LINK_LIFETIME, filename=f"livros-{run_id}.csv"
    )


def _run(session: Session, run_id: UUID) -> ScrapeRun:
    row = session.get(ScrapeRun, run_id)
    if row is None:
        raise RunNotFound
    return row


def _snapshots_of(session: Session, runs: Sequence[UUID]) -> dict[UUID, int]:
    statement = select(Snapshot.run_id, Snapshot.id).where(Snapshot.run_id.in_(runs))
    return {row.run_id: row.id for row in session.execute(statement)}


def _run_out(row: ScrapeRun, snapshots: dict[UUID, int]) -> RunOut:
    return RunOut.model_validate(row).model_copy(update={"snapshot": snapshots.get(row.id)})


def list_quarantine(
    session: Session, query: QuarantineQuery
) -> tuple[list[QuarantinedOut], str | None, Total]:
    """Pages that could not be read, latest first."""
    statement = select(QuarantinedPage)
    if query.run is not None:
        statement = statement.where(QuarantinedPage.run_id == query.run)
    rows, cursor, total = fetch_page(session, statement, query, (QuarantinedPage.id,), (AS_ID,))
    return [_quarantined_out(row) for row in rows], cursor, total


def get_quarantined(session: Session, page_id: int) -> QuarantinedOut:
    """One page that could not be read.

    Raises:
        QuarantinedPageNotFound: There is none.
    """
    return _quarantined_out(_quarantined(session, page_id))


def quarantined_link(session: Session, page_id: int) -> str:
    """Where the page as it came can be fetched for a quarter of an hour, as plain text.

    Raises:
        QuarantinedPageNotFound: There is none, or nothing ever came.
    """
    row = _quarantined(session, page_id)
    if row.page_key is None:
        raise QuarantinedPageNotFound
    return object_store().signed_download(
        row.page_key, expires_in=LINK_LIFETIME, filename=f"pagina-{page_id}.txt"
    )


@dataclass(frozen=True)
class KeptPage:
    """The beginning of a page as it came.

    Attributes:
        text: As UTF-8; what is none is marked.
        size_bytes: Of all of it.
        is_whole: Whether `text` is all.
    """

    text: str
    size_bytes: int
    is_whole: bool


def read_quarantined(page_id: int) -> tuple[QuarantinedOut, KeptPage | None]:
    """One page that could not be read, with what came of it; None where nothing was kept.

    Raises:
        QuarantinedPageNotFound: There is none.
        ServiceUnavailable: The store does not answer.
    """
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        row = _quarantined(session, page_id)
        found, key = _quarantined_out(row), row.page_key
    return found, _kept(key) if key is not None else None


def _kept(key: str) -> KeptPage | None:
    try:
        info = object_store().stat(key)
        if info is None:
            return None
        with object_store().open(key) as file:
            content = file.read(MOST_SHOWN_BYTES)
    except ObjectNotFound:
        return None
    except StorageUnavailable as error:
        raise ServiceUnavailable from error
    text = content.decode("utf-8", "replace").replace("\0", "\ufffd")
    return KeptPage(text, info.size_bytes, len(content) >= info.size_bytes)


def _quarantined(session: Session, page_id: int) -> QuarantinedPage:
    row = session.get(QuarantinedPage, page_id)
    if row is None:
        raise QuarantinedPageNotFound
    return row


def _quarantined_out(row: QuarantinedPage) -> QuarantinedOut:
    return QuarantinedOut(
        id=row.id,
        run_id=row.run_id,
        url=row.url,
        kind=row.kind,
        status=row.status,
        reason=row.reason,
        found_at=row.found_at,
        has_page=row.page_key is not None,
    )
