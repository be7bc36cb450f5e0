"""What the API says of runs, quarantine, snapshots and changes, and how it asks for a run."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session, aliased

from chalicelib.books.addresses import allowed_site, require_reachable
from chalicelib.books.errors import (
    BookNotFound,
    DumpUnknown,
    QuarantinedPageNotFound,
    RunNotFound,
    SnapshotNotFound,
)
from chalicelib.books.queues import BOOKS_SCRAPE_QUEUE
from chalicelib.books.schemas import (
    ChangeOut,
    ChangesQuery,
    DumpFormat,
    HistoryOut,
    QuarantinedOut,
    QuarantineQuery,
    RunOut,
    ScrapeMessage,
    SnapshotOut,
    TriggerIn,
)
from chalicelib.books.tables import Book, BookVersion, Category
from chalicelib.books.tables_scraping import QuarantinedPage, ScrapeRun, Snapshot
from chalicelib.core import audit
from chalicelib.core.jobs import Job, enqueue
from chalicelib.core.pages import (
    AS_ID,
    AS_INSTANT,
    AS_UUID,
    PageQuery,
    count_up_to_limit,
    decode_cursor,
    encode_cursor,
    fetch_page,
)
from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.uploads import object_store

LINK_LIFETIME = timedelta(minutes=15)
ONE_AT_A_TIME = "catalogue"
LATEST = "latest"

Total = tuple[int, bool]


def catalogue_source(session: Session) -> Snapshot | None:
    """The latest snapshot: where the catalogue is from; None where there is none yet."""
    return session.scalars(select(Snapshot).order_by(Snapshot.id.desc()).limit(1)).first()


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
        RunNotFound: There is no such run, or it has not found anything.
    """
    row = _run(session, run_id)
    if row.csv_key is None:
        raise RunNotFound
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


def list_snapshots(
    session: Session, query: PageQuery
) -> tuple[list[SnapshotOut], str | None, Total]:
    """The snapshots, latest first."""
    rows, cursor, total = fetch_page(session, select(Snapshot), query, (Snapshot.id,), (AS_ID,))
    return [_snapshot_out(row) for row in rows], cursor, total


def get_snapshot(session: Session, snapshot: str) -> SnapshotOut:
    """One snapshot, by its number or as `latest`.

    Raises:
        SnapshotNotFound: There is none.
    """
    return _snapshot_out(_snapshot(session, snapshot))


def dump_link(session: Session, snapshot: str, formato: str) -> str:
    """Where a snapshot's file can be fetched for a quarter of an hour.

    Raises:
        SnapshotNotFound: There is no such snapshot.
        DumpUnknown: There is no such format.
    """
    if formato not in set(DumpFormat):
        raise DumpUnknown
    row = _snapshot(session, snapshot)
    name = f"livros-{row.id}-{row.sha256[:12]}.{formato}"
    return object_store().signed_download(
        row.dumps[formato]["key"], expires_in=LINK_LIFETIME, filename=name
    )


def _snapshot(session: Session, wanted: str) -> Snapshot:
    statement = select(Snapshot).order_by(Snapshot.id.desc()).limit(1)
    if wanted != LATEST:
        if not (wanted.isascii() and wanted.isdecimal() and len(wanted) <= 18):
            raise SnapshotNotFound
        statement = statement.where(Snapshot.id == int(wanted))
    row = session.scalars(statement).first()
    if row is None:
        raise SnapshotNotFound
    return row


def _snapshot_out(row: Snapshot) -> SnapshotOut:
    found = SnapshotOut.model_validate(row)
    shown = {
        name: {"sha256": each["sha256"], "size_bytes": each["size_bytes"]}
        for name, each in row.dumps.items()
    }
    return found.model_copy(update={"dumps": shown})


def list_changes(
    session: Session, query: ChangesQuery
) -> tuple[list[ChangeOut], str | None, Total]:
    """What snapshots found different, the earliest first: a feed is read on from where it was."""
    statement = select(BookVersion)
    if query.since is not None:
        statement = statement.where(BookVersion.since > query.since)
    if query.kind is not None:
        statement = statement.where(BookVersion.kind == query.kind.value)
    key = (BookVersion.since_snapshot, BookVersion.book_id)
    page = statement.order_by(*key).limit(query.limit + 1)
    if query.cursor is not None:
        page = page.where(tuple_(*key) > tuple_(*decode_cursor(query.cursor, (AS_ID, AS_ID))))
    found = session.execute(_with_before(page)).all()
    shown = found[: query.limit]
    cursor = None
    if len(found) > query.limit:
        last = shown[-1].BookVersion
        cursor = encode_cursor([last.since_snapshot, last.book_id])
    return (
        [_change_out(*row) for row in shown],
        cursor,
        count_up_to_limit(session, statement),
    )


def _with_before(page: Select[BookVersion]) -> Select[*tuple[Any, ...]]:
    """Each version with its book's UPC, its shelf, the version before, and that one's shelf."""
    version = aliased(BookVersion, page.subquery(), name="BookVersion")
    before, shelf, shelf_before = aliased(BookVersion), aliased(Category), aliased(Category)
    return (
        select(version, Book.upc, shelf.name, before, shelf_before.name)
        .join(Book, Book.id == version.book_id)
        .join(shelf, shelf.id == version.category_id)
        .outerjoin(
            before,
            (before.book_id == version.book_id) & (before.until_snapshot == version.since_snapshot),
        )
        .outerjoin(shelf_before, shelf_before.id == before.category_id)
        .order_by(version.since_snapshot, version.book_id)
    )


def _change_out(
    version: BookVersion,
    upc: str,
    category: str,
    before: BookVersion | None,
    category_before: str | None,
) -> ChangeOut:
    was = {
        name: category_before if name == "category" else getattr(before, name)
        for name in (version.fields if before else ())
    }
    return ChangeOut.model_validate(
        {
            "snapshot": version.since_snapshot,
            "at": version.since,
            "kind": version.kind,
            "book_id": version.book_id,
            "upc": upc,
            "title": version.title,
            "price": version.price,
            "currency": version.currency,
            "rating": version.rating,
            "available": version.available,
            "copies": version.copies,
            "category": category,
            "fields": version.fields,
            "before": {name: _plain(value) for name, value in was.items()},
        }
    )


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def list_history(
    session: Session, book_id: int, query: PageQuery
) -> tuple[list[HistoryOut], str | None, Total]:
    """A book's price and stock over time, latest first.

    Raises:
        BookNotFound: There is no such book.
    """
    if session.get(Book, book_id) is None:
        raise BookNotFound
    statement = select(BookVersion).where(BookVersion.book_id == book_id)
    key = (BookVersion.since_snapshot,)
    rows, cursor, total = fetch_page(session, statement, query, key, (AS_ID,))
    return [_history_out(row) for row in rows], cursor, total


def _history_out(row: BookVersion) -> HistoryOut:
    return HistoryOut.model_validate(
        {
            "snapshot": row.since_snapshot,
            "at": row.since,
            **{
                name: getattr(row, name)
                for name in HistoryOut.model_fields
                if name not in ("snapshot", "at")
            },
        }
    )
