"""What is written down of a run while it goes on, and of what it could not read."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, update
from sqlalchemy.dialects.postgresql import insert as upsert

from chalicelib.books.addresses import Site
from chalicelib.books.crawl import SpiderDied
from chalicelib.books.found import Counts, Found
from chalicelib.books.schemas import RunState, ScrapeMessage
from chalicelib.books.tables_scraping import QuarantinedPage, ScrapeRun
from chalicelib.core.clock import utc_now
from chalicelib.core.errors import InternalError, Problem, ServiceUnavailable
from chalicelib.core.runs import JobRun, RunCancelled
from chalicelib.core.storage import StorageUnavailable
from chalicelib.core.uploads import object_store

NOTE_SECONDS = 0.5
READING_SHARE = 0.9
"""How much of a job's progress is the reading."""

PLAIN = "text/plain; charset=utf-8"
"""As what a stranger's page is kept: it is shown, never run."""


def begin(run: JobRun, site: Site, message: ScrapeMessage, now: datetime) -> None:
    """Write the run down; a later attempt begins it anew."""
    values: dict[str, Any] = {
        "base_url": site.url,
        "made_up": None,
        "owner": run.owner,
        "accepts_smaller": message.accept_smaller,
        "attempt": run.attempt,
        "state": RunState.RUNNING.value,
        "started_at": now,
        "ended_at": None,
        "error": None,
        "csv_key": None,
        **asdict(Counts()),
    }
    # Only one job reads at a time: another that is said to run has died of something.
    died = {"title": "Interrupted", "detail": "O processo desta coleta morreu."}
    others = update(ScrapeRun).where(
        ScrapeRun.state == RunState.RUNNING.value, ScrapeRun.id != run.job_id
    )
    mine = upsert(ScrapeRun).values(id=run.job_id, **values)
    with run.transaction() as session:
        session.execute(others.values(state=RunState.FAILED.value, ended_at=now, error=died))
        session.execute(mine.on_conflict_do_update(index_elements=["id"], set_=values))
        session.execute(delete(QuarantinedPage).where(QuarantinedPage.run_id == run.job_id))


@contextmanager
def told_how_it_ends(run: JobRun) -> Iterator[None]:
    """Write on the run why it came to nothing.

    Raises:
        ServiceUnavailable: The store does not answer.
    """
    try:
        yield
    except RunCancelled:
        _end(run, RunState.CANCELLED, None)
        raise
    except StorageUnavailable as error:
        _end(run, RunState.FAILED, ServiceUnavailable())
        raise ServiceUnavailable from error
    except SpiderDied:
        _end(run, RunState.FAILED, InternalError())
        raise
    except Problem as problem:
        _end(run, RunState.FAILED, problem)
        raise


def _end(run: JobRun, state: RunState, problem: Problem | None) -> None:
    error = {"title": type(problem).__name__, "detail": problem.motivo} if problem else None
    note(run, state=state.value, ended_at=utc_now(), error=error)


def note(run: JobRun, **values: Any) -> None:
    """Change the run's row."""
    with run.transaction() as session:
        session.execute(update(ScrapeRun).where(ScrapeRun.id == run.job_id).values(**values))


class Listener:
    """Tells the job and the run how far the reading is, twice a second; hears of cancellation."""

    def __init__(self, run: JobRun) -> None:
        self._run = run
        self._noted = 0.0

    def __call__(self, counts: Counts) -> None:
        """Take what the spider has come to."""
        self._run.check_cancelled()
        now = time.monotonic()
        if now - self._noted < NOTE_SECONDS:
            return
        self._noted = now
        note(self._run, **asdict(counts))
        total = (counts.stated or 0) / READING_SHARE
        self._run.progress(counts.books, total, f"lendo o site: {counts.sentence()}")


def keep_unread(run: JobRun, found: Found, folder: Path) -> None:
    """Put aside what could not be read: the pages as objects, then their rows."""
    now = utc_now()
    rows = []
    for page in found.unread:
        key = None
        if page.file is not None:
            name = hashlib.sha256(page.url.encode()).hexdigest()[:32]
            key = f"{run.tenant}/books/quarantine/{run.job_id}/{run.attempt}/{name}.txt"
            with (folder / page.file).open("rb") as file:
                object_store().put(key, file, content_type=PLAIN)
        rows.append(
            {
                "run_id": run.job_id,
                "url": page.url,
                "kind": page.kind.value,
                "status": page.status,
                "reason": page.reason,
                "page_key": key,
                "found_at": now,
            }
        )
        run.check_cancelled()
    if rows:
        with run.transaction() as session:
            session.execute(insert(QuarantinedPage), rows)
