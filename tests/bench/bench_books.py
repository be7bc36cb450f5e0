"""A shop of a thousand books read by the real job, into an empty catalogue and again."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from chalicelib.books.schemas import TriggerIn
from chalicelib.books.service_runs import ask_for_scrape
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import SYSTEM, Job
from chalicelib.core.settings import HOUSE, settings
from tests.bench import world
from tests.bench.servers import ROOT
from tests.bench.table import print_table

BOOKS = 1_000
CONCURRENCY = 8
MOST_SECONDS = 60
WORKER = "from infra.local.worker import open_worker; open_worker().drain()"


class ScrapingFailed(Exception):
    """The run did not succeed."""


def run(folder: Path) -> None:
    """Measure and print."""
    rows = []
    with world.world(folder):
        for delay_ms in (0, 100):
            with _shop(delay_ms) as url:
                os.environ.update(BOOKS_BASE_URL=url, BOOKS_CONCURRENCY=str(CONCURRENCY))
                settings.cache_clear()
                rows.append(_measured(f"answers after {delay_ms} ms, the first time"))
                rows.append(_measured(f"answers after {delay_ms} ms, again"))
    print(f"{BOOKS:,} books of 50 shelves, at most {CONCURRENCY} requests at once")
    print_table(["", "books", "seconds", "pages/s", "budget", ""], rows)


@contextmanager
def _shop(delay_ms: int) -> Iterator[str]:
    """A shop in a process of its own, on any port."""
    arguments = ["--port", "0", "--books", str(BOOKS), "--delay-ms", str(delay_ms)]
    shop = subprocess.Popen(
        [sys.executable, "-u", "-m", "infra.local.bookshop", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,  # It ends when its input does.
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert shop.stdout is not None
        said = re.search(r"http://\S+", shop.stdout.readline())
        assert said is not None
        yield said[0]
    finally:
        shop.terminate()
        shop.wait()


def _measured(name: str) -> list[str]:
    with unit_of_work(tenant=HOUSE) as session:
        asked = ask_for_scrape(session, TriggerIn(), owner=SYSTEM).id
    subprocess.run([sys.executable, "-c", WORKER], cwd=ROOT, check=True)
    job = _job(asked)
    if job.state != "succeeded" or job.result is None or job.finished_at is None:
        raise ScrapingFailed(f"{job.state}: {job.error}")
    assert job.started_at is not None
    seconds = (job.finished_at - job.started_at).total_seconds()
    met = "met" if seconds <= MOST_SECONDS and job.result["books"] == BOOKS else "MISSED"
    speed = job.result["pages"] / seconds
    return [name, f"{job.result['books']:,}", f"{seconds:.1f}", f"{speed:,.0f}", "<= 60 s", met]


def _job(job_id: UUID) -> Job:
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        return session.get_one(Job, job_id)
