"""Making the catalogue of what a run found, in one transaction and in sets."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.books.addresses import FOLDERS_PAGE, Site
from chalicelib.books.found import FIELDS, Found, PageKind
from chalicelib.core.db import copy_in

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
LINES_PER_BLOCK = 500


@dataclass(frozen=True)
class Planned:
    """What will become of the catalogue, worked out before the transaction.

    Attributes:
        snapshot: The number the snapshot will have.
        rows: The whole catalogue to be: read now, then kept; in order.
        kept: Ids of those not read this time, and not known to be gone.
        read: How many of the rows, from the first, were read now.
        before: The site that the catalogue was read from last.
        site: The one it was read from now.
    """

    snapshot: int
    rows: Sequence[Mapping[str, Any]]
    kept: frozenset[int]
    read: int
    before: Site
    site: Site


@dataclass(frozen=True)
class Merged:
    """How many books came out how."""

    new: int
    changed: int
    unchanged: int
    gone: int


LISTED = """
SELECT b.id, b.upc, b.title, b.price, b.price_without_tax, b.tax, b.currency, b.rating,
       b.available, b.copies, c.name AS category, b.reviews, b.description, b.image_url, b.url,
       b.made_up, b.gone_at
FROM books b JOIN book_categories c ON c.id = b.category_id
WHERE b.gone_at IS NULL
    AND NOT EXISTS (SELECT FROM unnest(cast(:upcs AS text[])) AS u (upc) WHERE u.upc = b.upc)
ORDER BY b.id
"""
KNOWN_IDS = """
SELECT b.upc, b.id FROM unnest(cast(:upcs AS text[])) AS u (upc) JOIN books b ON b.upc = u.upc
"""
NEXT_IDS = """
SELECT nextval(pg_get_serial_sequence('books', 'id')) FROM generate_series(1, cast(:n AS int))
"""
NEXT_SNAPSHOT = "SELECT nextval(pg_get_serial_sequence('book_snapshots', 'id'))"


def plan(session: Session, found: Found, site_before: str | None) -> Planned:
    """Give every book its id, and say which of the missing ones are kept.

    Nothing is changed, though numbers are taken: those of a run that comes to nothing are lost.

    Args:
        session: For reading.
        found: What the run found.
        site_before: The address that the catalogue was read from last.
    """
    upcs = list(found.books)
    known = session.execute(text(KNOWN_IDS), {"upcs": upcs})
    ids: dict[str, int] = {row.upc: row.id for row in known}
    new = [upc for upc in upcs if upc not in ids]
    ids |= dict(zip(new, session.scalars(text(NEXT_IDS), {"n": len(new)}), strict=True))
    site, before = Site.of(found.base_url), Site.of(site_before or found.base_url)
    missing = session.execute(text(LISTED), {"upcs": upcs}).mappings().all()
    kept: list[Mapping[str, Any]] = [
        dict(row) for row in missing if _is_kept(row, found, site, before)
    ]
    read = [{"id": ids[upc], **book.model_dump()} for upc, book in found.books.items()]
    return Planned(
        snapshot=session.scalar(text(NEXT_SNAPSHOT)) or 0,
        rows=[*read, *kept],
        kept=frozenset(row["id"] for row in kept),
        read=len(read),
        before=before,
        site=site,
    )


def _is_kept(row: Any, found: Found, site: Site, before: Site) -> bool:
    """Whether a book that was not read may be on the site all the same."""
    if row["made_up"] != found.made_up:
        return False
    if not found.is_whole:
        return True
    unread = {site.path_of(page.url) for page in found.unread if page.kind is PageKind.BOOK}
    return before.path_of(row["url"]) in unread


STAGE = """
CREATE TEMP TABLE IF NOT EXISTS staged_books (
    id bigint, upc text, title text, price numeric, price_without_tax numeric, tax numeric,
    currency text, rating smallint, available boolean, copies int, category text, reviews int,
    description text, image_url text, url text,
    category_id bigint, kind text, fields text[]
) ON COMMIT DELETE ROWS
"""
COPY = f"COPY staged_books (id, {', '.join(FIELDS)}) FROM STDIN"
ADD_CATEGORIES = """
INSERT INTO book_categories (name) SELECT DISTINCT category FROM staged_books ORDER BY category
ON CONFLICT (name) DO NOTHING
"""
# A page moved to another host or folder, or a mirror of it, is the same page; so is its folder.
_PATH = f"regexp_replace(regexp_replace({{}}, {{}}, ''), '{re.escape(FOLDERS_PAGE)}$', '')"
COMPARED = {
    name: (f"b.{name}", f"s.{name}")
    for name in (*FIELDS[1:], "category_id")
    if name not in ("category", "image_url", "url")
} | {
    name: (_PATH.format(f"b.{name}", ":before"), _PATH.format(f"s.{name}", ":here"))
    for name in ("image_url", "url")
}
_DIFFERENT = ", ".join(
    f"CASE WHEN {old} IS DISTINCT FROM {new} THEN '{name.removesuffix('_id')}' END"
    for name, (old, new) in COMPARED.items()
)
FIND_CATEGORIES = """
UPDATE staged_books s SET category_id = c.id FROM book_categories c WHERE c.name = s.category
"""
COMPARE = f"""
UPDATE staged_books s SET fields = array_remove(ARRAY[{_DIFFERENT}]::text[], NULL),
    kind = CASE WHEN b.gone_at IS NOT NULL THEN 'back' END
FROM books b WHERE b.id = s.id
"""
NAME_KINDS = """
UPDATE staged_books SET
    kind = CASE WHEN fields IS NULL THEN 'new' WHEN kind IS NOT NULL THEN kind
                WHEN fields <> '{}' THEN 'changed' END,
    fields = coalesce(fields, '{}')
"""
COUNT = """
SELECT count(*) FILTER (WHERE kind = 'new') AS new,
       count(*) FILTER (WHERE kind IN ('changed', 'back')) AS changed,
       count(*) FILTER (WHERE kind IS NULL) AS unchanged
FROM staged_books
"""
COUNT_GONE = """
SELECT count(*) FROM books b WHERE b.gone_at IS NULL
    AND NOT b.id = ANY (cast(:kept AS bigint[]))
    AND NOT EXISTS (SELECT FROM staged_books s WHERE s.id = b.id)
"""
_SET = ", ".join(
    f"{name} = s.{name}" for name in (*(n for n in FIELDS[1:] if n != "category"), "category_id")
)
_COLUMNS = ", ".join((*(name for name in FIELDS if name != "category"), "category_id"))
_STAGED = ", ".join(f"s.{name.strip()}" for name in _COLUMNS.split(","))
UPDATE = f"""
UPDATE books b SET {_SET}, made_up = :made_up, last_seen_at = :now, gone_at = NULL,
    changed_at = CASE WHEN s.kind IS NULL THEN b.changed_at ELSE :now END,
    snapshot_id = CASE WHEN s.kind IS NULL THEN b.snapshot_id ELSE :snapshot END
FROM staged_books s WHERE b.id = s.id AND s.kind IS DISTINCT FROM 'new'
"""
INSERT = f"""
INSERT INTO books (id, {_COLUMNS}, made_up, first_seen_at, last_seen_at, changed_at, snapshot_id)
SELECT s.id, {_STAGED}, :made_up, :now, :now, :now, :snapshot
FROM staged_books s WHERE s.kind = 'new' ORDER BY s.id
"""
MARK_GONE = """
UPDATE books b SET available = false, copies = 0, gone_at = :now, changed_at = :now,
    snapshot_id = :snapshot
WHERE b.gone_at IS NULL AND NOT b.id = ANY (cast(:kept AS bigint[]))
    AND NOT EXISTS (SELECT FROM staged_books s WHERE s.id = b.id)
"""
CLOSE_VERSIONS = """
UPDATE book_versions v SET until_snapshot = :snapshot FROM books b
WHERE b.id = v.book_id AND b.snapshot_id = :snapshot AND v.until_snapshot IS NULL
"""
_CARRIED = ", ".join(f"b.{name.strip()}" for name in _COLUMNS.split(",")[1:])
OPEN_VERSIONS = f"""
INSERT INTO book_versions
    (book_id, since_snapshot, since, kind, fields, {_COLUMNS.split(",", 1)[1]})
SELECT b.id, :snapshot, :now, coalesce(s.kind, 'gone'),
       coalesce(s.fields, '{{available,copies}}'), {_CARRIED}
FROM books b LEFT JOIN staged_books s ON s.id = b.id
WHERE b.snapshot_id = :snapshot ORDER BY b.id
"""


def stage(session: Session, planned: Planned) -> None:
    """Bring what was read into the transaction, and compare it with what is known."""
    session.execute(text(STAGE))
    copy_in(session, COPY, _lines(planned.rows[: planned.read]))
    for statement in (ADD_CATEGORIES, FIND_CATEGORIES):
        session.execute(text(statement))
    beginnings = {"before": planned.before.beginning, "here": planned.site.beginning}
    session.execute(text(COMPARE), beginnings)
    session.execute(text(NAME_KINDS))


def count(session: Session, planned: Planned) -> Merged:
    """How the books of the staged run come out."""
    row = session.execute(text(COUNT)).one()
    gone = session.scalar(text(COUNT_GONE), {"kept": list(planned.kept)}) or 0
    return Merged(new=row.new, changed=row.changed, unchanged=row.unchanged, gone=gone)


def merge(session: Session, planned: Planned, *, made_up: bool, now: datetime) -> None:
    """Make the staged run the catalogue; its snapshot is there already."""
    values = {
        "snapshot": planned.snapshot,
        "now": now,
        "made_up": made_up,
        "kept": list(planned.kept),
    }
    for statement in (UPDATE, INSERT, MARK_GONE, CLOSE_VERSIONS, OPEN_VERSIONS):
        names = {name: value for name, value in values.items() if f":{name}" in statement}
        session.execute(text(statement), names)


REPLACE_SIMILAR = "COPY similar_books (book_id, rank, similar_id, similarity) FROM STDIN"


def write_similar(nearest: Iterable[tuple[int, int, int, float]], path: Path) -> None:
    """Write each book's nearest to a file: its id, rank, the other's id, similarity.

    They are worked out before the transaction, and twenty of each book are too many to hold.
    """
    lines = (f"{a}\t{rank}\t{b}\t{similarity:.6f}\n" for a, rank, b, similarity in nearest)
    with path.open("wb") as file:
        file.writelines(_blocks(lines))


def replace_similar(session: Session, path: Path) -> None:
    """Keep what `write_similar` has written, in the place of what there was."""
    session.execute(text("DELETE FROM similar_books"))
    with path.open("rb") as file:
        copy_in(session, REPLACE_SIMILAR, file)


def _lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    names = ("id", *FIELDS)
    return _blocks("\t".join(_copied(row[name]) for name in names) + "\n" for row in rows)


def _copied(value: Any) -> str:
    """A value as COPY's text format wants it."""
    return "\\N" if value is None else str(value).translate(_ESCAPES)


def _blocks(lines: Iterable[str]) -> Iterator[bytes]:
    block: list[str] = []
    for line in lines:
        block.append(line)
        if len(block) == LINES_PER_BLOCK:
            yield "".join(block).encode()
            block = []
    if block:
        yield "".join(block).encode()
