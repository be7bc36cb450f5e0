"""Files that were kept long enough: dumps, what runs found, pages that could not be read.

Snapshots, versions of books, runs and the files of training data stay for good.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from chalicelib.core.db import unit_of_work
from chalicelib.core.old_rows import remove_old_rows
from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.storage import StorageUnavailable
from chalicelib.core.uploads import object_store

log = logging.getLogger("previsto.books")

ROWS_AT_ONCE = 5_000
FOLDERS = tuple(f"{HOUSE}/books/{name}/" for name in ("snapshots", "runs", "quarantine"))

# Digests and sizes stay, so that whoever has a file may see whose it is.
FORGET_DUMPS = """
UPDATE book_snapshots s SET dumps = (
    SELECT jsonb_object_agg(d.key, d.value - 'key') FROM jsonb_each(s.dumps) d
)
WHERE s.taken_at < :limit AND s.dumps @? '$.*.key'
  AND s.id < (SELECT max(id) FROM book_snapshots)
"""
FORGET_CSVS = "UPDATE book_runs SET csv_key = NULL WHERE started_at < :limit AND csv_key <> ''"
FORGET_PAGES = f"""
DELETE FROM book_quarantine WHERE id IN (
    SELECT id FROM book_quarantine WHERE found_at < :limit LIMIT {ROWS_AT_ONCE}
)
"""
FORGET_PREDICTIONS = """
DELETE FROM book_predictions WHERE id IN (
    SELECT id FROM book_predictions WHERE sent_at < :limit LIMIT :most
)
"""
KEPT_DUMPS = "SELECT d.value ->> 'key' FROM book_snapshots s, jsonb_each(s.dumps) d"


def remove_old_files(now: datetime) -> int:
    """Delete the catalogue's files that are more than `BOOKS_KEEP_DAYS` old.

    The newest snapshot's dumps stay, however old they are. Rows forget their files first: nobody
    is led to what is not there, and what is not deleted is found in the store the next time, as
    are files of attempts that came to nothing. A store that is away is left for tomorrow.

    Returns:
        How many files were deleted.
    """
    limit = now - timedelta(days=settings().books_keep_days)
    with unit_of_work(tenant=HOUSE) as session:
        for statement in (FORGET_DUMPS, FORGET_CSVS):
            session.execute(text(statement), {"limit": limit})
    while _forget_pages(limit) == ROWS_AT_ONCE:
        pass
    removed = 0
    try:
        for key in _old_files(limit):
            object_store().delete(key)
            removed += 1
    except StorageUnavailable:
        log.warning("books' files not removed, the store is away", extra={"removed": removed})
    return removed


def remove_old_predictions(now: datetime) -> int:
    """Delete what was foretold of books more than `BOOKS_PREDICTIONS_KEEP_DAYS` ago."""
    limit = now - timedelta(days=settings().books_predictions_keep_days)
    return remove_old_rows(FORGET_PREDICTIONS, {"limit": limit})


def _forget_pages(limit: datetime) -> int:
    with unit_of_work(tenant=HOUSE) as session:
        found: Any = session.execute(text(FORGET_PAGES), {"limit": limit})
        return int(found.rowcount)


def _old_files(limit: datetime) -> list[str]:
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        kept = set(session.scalars(text(KEPT_DUMPS)))
    return [
        found.key
        for folder in FOLDERS
        for found in object_store().list(folder)
        if found.modified < limit and found.key not in kept
    ]
