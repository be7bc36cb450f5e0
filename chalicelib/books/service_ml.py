"""Features and training data of a snapshot: by pages, or whole as a file."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from chalicelib.books.edition import Edition
from chalicelib.books.errors import NothingReadYet, SnapshotNotFound, TrainingSetNotReady
from chalicelib.books.features import DATA_NAMES, SCHEMA, SPLIT_RULE, TARGET, snapshot_rows_sql
from chalicelib.books.schemas_ml import ColumnOut, DataFormat, DataQuery
from chalicelib.books.service_snapshots import LATEST, LINK_LIFETIME
from chalicelib.core.pages import AS_ID, decode_cursor, encode_cursor
from chalicelib.core.statements import HotStatement
from chalicelib.core.uploads import object_store

FEATURE_NAMES = tuple(name for name in DATA_NAMES if name != "split")

SNAPSHOT = HotStatement("""
SELECT s.id AS snapshot, s.sha256, s.taken_at, s.books AS listed, t.files
FROM book_snapshots s LEFT JOIN book_training_sets t ON t.snapshot_id = s.id
WHERE s.id = coalesce(cast(:wanted AS bigint), (SELECT max(id) FROM book_snapshots))
""")
ROWS = HotStatement(f"""
SELECT * FROM ({snapshot_rows_sql("cast(:snapshot AS bigint)")}) y
WHERE y.id > cast(:after AS bigint) ORDER BY y.id LIMIT cast(:rows AS int)
""")


@dataclass(frozen=True)
class TakenFrom:
    """The snapshot whose data are wanted.

    Attributes:
        edition: It.
        files: Of its training data, by format; empty until they are made.
    """

    edition: Edition
    files: dict[str, Any]


def taken_from(session: Session, snapshot: str) -> TakenFrom:
    """The snapshot that is meant: its number, or `latest`.

    Raises:
        SnapshotNotFound: There is none.
        NothingReadYet: There is none at all.
    """
    row = SNAPSHOT.one_or_none(session, wanted=None if snapshot == LATEST else int(snapshot))
    if row is None:
        raise NothingReadYet if snapshot == LATEST else SnapshotNotFound
    return TakenFrom(
        Edition(row.snapshot, row.sha256, row.taken_at, row.listed), dict(row.files or {})
    )


def data_page(
    session: Session, found: TakenFrom, query: DataQuery, names: tuple[str, ...]
) -> tuple[dict[str, Any], str | None]:
    """A page of rows as `DataOut` has it but for `next`, and the cursor of the next one.

    Args:
        session: The session.
        found: Of which snapshot.
        query: Where the page begins and how long it is.
        names: Columns of `SCHEMA`.

    Raises:
        CursorInvalid: The cursor is of another list.
    """
    after = decode_cursor(query.cursor, (AS_ID,))[0] if query.cursor else 0
    snapshot, rows = found.edition.snapshot, query.limit + 1
    books = ROWS.all(session, snapshot=snapshot, after=after, rows=rows)
    shown = books[: query.limit]
    cursor = encode_cursor([shown[-1].id]) if len(books) > query.limit else None
    told = {
        "snapshot": snapshot,
        "schema": [each.model_dump() for each in columns_of(names)],
        "items": [{name: getattr(row, name) for name in names} for row in shown],
        "total": found.edition.books,
        "total_exact": True,
    }
    return told, cursor


def columns_of(names: tuple[str, ...]) -> list[ColumnOut]:
    """What is said of columns; without a split the price is a feature like others."""
    return [
        ColumnOut(
            name=each.name,
            type=each.type,
            unit=each.unit,
            role="feature" if each.name == TARGET and "split" not in names else each.role,
            meaning=each.meaning,
            nullable=each.nullable,
        )
        for each in SCHEMA
        if each.name in names
    ]


def training_page(
    session: Session, found: TakenFrom, query: DataQuery
) -> tuple[dict[str, Any], str | None]:
    """A page of training data as `TrainingDataOut` has it but for `next`, and the next cursor.

    Raises:
        CursorInvalid: The cursor is of another list.
    """
    told, cursor = data_page(session, found, query, DATA_NAMES)
    files = {
        name: {"sha256": each["sha256"], "size_bytes": each["size_bytes"]}
        for name, each in found.files.items()
    }
    return {**told, "split_rule": SPLIT_RULE, "files": files}, cursor


def as_json(told: dict[str, Any]) -> str:
    """A page as JSON; amounts become numbers."""
    return json.dumps(told, ensure_ascii=False, default=float)


def training_file_link(found: TakenFrom, wanted: DataFormat) -> str:
    """Where the whole of a snapshot's training data can be fetched for a quarter of an hour.

    Raises:
        TrainingSetNotReady: They have not been written yet.
    """
    if wanted.value not in found.files:
        raise TrainingSetNotReady
    file = found.files[wanted.value]
    name = f"treino-{found.edition.snapshot}-{file['sha256'][:12]}.{wanted}"
    return object_store().signed_download(file["key"], expires_in=LINK_LIFETIME, filename=name)
