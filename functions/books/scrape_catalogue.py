"""Queue `books_scrape_queue`: read a shop. By hand: read one into a CSV, with nothing running.

    python -m functions.books.scrape_catalogue --csv livros.csv

By hand it needs neither database nor server. Pages that cannot be read are kept beside the CSV, in
`livros.csv.quarantine/`; with fewer than 95 % of the books that the site states, the CSV is not
written and the exit status is 1.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.books import training_similar
from chalicelib.books.addresses import Site, require_reachable
from chalicelib.books.crawl import SpiderDied, crawl
from chalicelib.books.dump_files import write_books_csv
from chalicelib.books.found import Counts, Found
from chalicelib.books.judgement import judge
from chalicelib.books.queues import BOOKS_SCRAPE_QUEUE
from chalicelib.books.schemas import ScrapeMessage, ScrapeReport
from chalicelib.books.service_scrape import crawl_order, scrape
from chalicelib.core.errors import Problem
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import UnsafeSettings, given_settings
from functions.runtime import queue_handler


@queue_handler(BOOKS_SCRAPE_QUEUE)
def handler(run: JobRun, message: ScrapeMessage) -> ScrapeReport:
    """Read the shop that the message names, and find which of its books are alike."""
    return scrape(run, message, training_similar.nearest_books)


def main(arguments: Sequence[str]) -> int:
    """Read a shop into a CSV; returns the exit status."""
    given = _parser().parse_args(arguments)
    try:
        found = _read(given.base_url, given.csv, given.accept_smaller)
    except (Problem, SpiderDied, UnsafeSettings) as refusal:
        _say(f"\n{type(refusal).__name__}: {refusal}")
        return 1
    made_up = " (livros inventados)" if found.made_up else ""
    _say(f"\n{found.counts.sentence()} de {found.base_url}{made_up}: {given.csv}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m functions.books.scrape_catalogue",
        description="Read a shop in the shape of books.toscrape.com into a CSV file.",
    )
    parser.add_argument("--csv", type=Path, default=Path("livros.csv"), help="file to write")
    parser.add_argument("--base-url", help="the shop; BOOKS_BASE_URL when left out")
    parser.add_argument(
        "--accept-smaller",
        action="store_true",
        help="take fewer than 95 %% of the books that the site states",
    )
    return parser


def _read(base_url: str | None, path: Path, accepts_smaller: bool) -> Found:
    chosen = given_settings()
    site = Site.of(base_url or chosen.books_base_url)
    require_reachable(site)
    with TemporaryDirectory(prefix="previsto-books-") as name:
        folder = Path(name)
        found = crawl(crawl_order(site, chosen, folder), _Progress())
        _keep_unread(found, folder, path.with_name(f"{path.name}.quarantine"))
        judge(found, None, accepts_smaller=accepts_smaller)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written aside first: what an earlier run left stays until this one is whole.
        aside = path.with_name(f".{path.name}.new")
        write_books_csv(found.books.values(), aside)
        aside.replace(path)
    return found


def _keep_unread(found: Found, folder: Path, kept: Path) -> None:
    if not found.unread:
        return
    kept.mkdir(parents=True, exist_ok=True)
    with (kept / "reasons.ndjson").open("w", encoding="utf-8") as reasons:
        for page in found.unread:
            told = {"url": page.url, "status": page.status, "reason": page.reason}
            reasons.write(json.dumps({**told, "file": page.file}, ensure_ascii=False) + "\n")
            if page.file is not None:
                shutil.copy(folder / page.file, kept / page.file)


class _Progress:
    """Says how far it is: on a terminal in one line, in a log in one every ten seconds."""

    def __init__(self) -> None:
        self._begin, self._pause = ("\r", 0.2) if sys.stderr.isatty() else ("\n", 10.0)
        self._told = time.monotonic()

    def __call__(self, counts: Counts) -> None:
        """Take what the spider has come to."""
        now = time.monotonic()
        if now - self._told >= self._pause:
            self._told = now
            sys.stderr.write(f"{self._begin}{counts.sentence()}")
            sys.stderr.flush()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
