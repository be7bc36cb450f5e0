"""What the API says of snapshots, of what they changed, and of a book over time."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, select, tuple_
from sqlalchemy.orm import Session, aliased

from chalicelib.books.errors import (
    BookNotFound,
    DumpGone,
    DumpUnknown,
    NothingReadYet,
    SnapshotNotFound,
)
from chalicelib.books.schemas import (
    ChangeOut,
    ChangesQuery,
    DumpFormat,
    DumpOut,
    HistoryOut,
    SnapshotOut,
)
from chalicelib.books.tables import Book, BookVersion, Category
from chalicelib.books.tables_scraping import Snapshot
from chalicelib.core.clock import day_bounds
from chalicelib.core.pages import (
    AS_ID,
    PageQuery,
    count_up_to_limit,
    decode_cursor,
    encode_cursor,
    fetch_page,
)
from chalicelib.core.settings import settings
from chalicelib.core.uploads import object_store

LINK_LIFETIME = timedelta(minutes=15)
LATEST = "latest"

Total = tuple[int, bool]


def catalogue_source(session: Session) -> Snapshot | None:
    """The latest snapshot: where the catalogue is from; None where there is none yet."""
    return session.scalars(select(Snapshot).order_by(Snapshot.id.desc()).limit(1)).first()


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
        NothingReadYet: There is none at all.
    """
    return _snapshot_out(_snapshot(session, snapshot))


def dump_link(session: Session, snapshot: str, formato: str) -> str:
    """Where a snapshot's file can be fetched for a quarter of an hour.

    Raises:
        SnapshotNotFound: There is no such snapshot.
        NothingReadYet: There is none at all.
        DumpUnknown: There is no such format.
        DumpGone: It has been removed.
    """
    if formato not in set(DumpFormat):
        raise DumpUnknown
    row = _snapshot(session, snapshot)
    key = row.dumps[formato].get("key")
    if key is None:
        raise DumpGone
    name = f"livros-{row.id}-{row.sha256[:12]}.{formato}"
    return object_store().signed_download(key, expires_in=LINK_LIFETIME, filename=name)


def _snapshot(session: Session, wanted: str) -> Snapshot:
    statement = select(Snapshot).order_by(Snapshot.id.desc()).limit(1)
    if wanted != LATEST:
        if not (wanted.isascii() and wanted.isdecimal() and len(wanted) <= 18):
            raise SnapshotNotFound
        statement = statement.where(Snapshot.id == int(wanted))
    row = session.scalars(statement).first()
    if row is None:
        raise NothingReadYet if wanted == LATEST else SnapshotNotFound
    return row


def _snapshot_out(row: Snapshot) -> SnapshotOut:
    dumps = {
        name: DumpOut(
            sha256=each["sha256"], size_bytes=each["size_bytes"], kept=each.get("key") is not None
        )
        for name, each in row.dumps.items()
    }
    told = {name: getattr(row, name) for name in SnapshotOut.model_fields if name != "dumps"}
    return SnapshotOut(**told, dumps=dumps)


def list_changes(
    session: Session, query: ChangesQuery
) -> tuple[list[ChangeOut], str | None, Total]:
    """What snapshots found different, the earliest first: a feed is read on from where it was.

    Raises:
        SnapshotNotFound: It shall begin after a snapshot that there is not.
    """
    statement = select(BookVersion)
    if query.since is not None:
        statement = statement.where(_is_after(session, query.since))
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


def _is_after(session: Session, since: int | date) -> ColumnElement[bool]:
    """Whether a change is later than an instant or a snapshot, or not earlier than a day."""
    if isinstance(since, datetime):
        return BookVersion.since > since
    if isinstance(since, date):
        return BookVersion.since >= day_bounds(since, settings().local_timezone)[0]
    if since:
        _snapshot(session, str(since))
    return BookVersion.since_snapshot > since


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
