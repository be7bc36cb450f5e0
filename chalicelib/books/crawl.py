"""Reading a site in a process of its own, and listening to what it finds."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from chalicelib.books.errors import SiteAsksToWait, SiteNotReadable, SiteUnreachable
from chalicelib.books.found import Counts, Found, FoundBook, PageKind, UnreadPage

log = logging.getLogger("previsto.books")

PROGRAM = "chalicelib.books.crawling.process"
# What the process gets of the environment: it reads strangers' pages, and needs no secret.
PASSED_ON = (
    *("PATH", "LD_LIBRARY_PATH", "HOME", "TMPDIR"),
    *("LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
PROXIES = ("http_proxy", "https_proxy", "no_proxy")
STOP_SECONDS = 10.0
FATAL = {each.__name__: each for each in (SiteAsksToWait, SiteNotReadable, SiteUnreachable)}

Listener = Callable[[Counts], None]


class SpiderDied(Exception):
    """The spider has a fault of ours, or its process ended before it had said all."""


def crawl(order: dict[str, Any], listener: Listener) -> Found:
    """Read a whole site.

    Args:
        order: See `crawling.spider.CrawlOrder`, as JSON.
        listener: Told at least twice a second how far it is; what it raises ends the crawl.

    Raises:
        SiteUnreachable: The site's front page does not come.
        SiteNotReadable: It comes, but is not one of a shop, or may not be read.
        SiteAsksToWait: The site wants to be left alone for long.
        SpiderDied: The process ended early, or stumbled.
    """
    hearing = _Hearing(order["base_url"])
    with _spider(order) as process:
        assert process.stdout is not None  # noqa: S101 - It is a pipe.
        for line in process.stdout:
            hearing.hear(line)
            listener(hearing.counts)
            if hearing.is_over:
                break
    if not hearing.is_over:
        raise SpiderDied(f"exit status {process.returncode}")
    return hearing.found()


@contextmanager
def _spider(order: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(  # noqa: S603 - Our own program.
        [sys.executable, "-m", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=_environment(),
    )
    try:
        assert process.stdin is not None  # noqa: S101 - It is a pipe.
        process.stdin.write(json.dumps(order, default=str) + "\n")
        process.stdin.flush()
        yield process
    finally:
        _end(process)


def _environment() -> dict[str, str]:
    names = {*PASSED_ON, *PROXIES, *(name.upper() for name in PROXIES)}
    passed = {name: value for name, value in os.environ.items() if name in names}
    here = str(Path(__file__).resolve().parents[2])
    return {**passed, "PYTHONPATH": os.pathsep.join([here, *filter(None, sys.path)])}


def _end(process: subprocess.Popen[str]) -> None:
    """Let it end by itself for a moment; then end it."""
    assert process.stdin is not None  # noqa: S101
    assert process.stdout is not None  # noqa: S101
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


class _Hearing:
    """Makes a whole of what a spider says."""

    def __init__(self, base_url: str) -> None:
        self.counts = Counts()
        self.is_over = False
        self._base_url = base_url
        self._made_up = False
        self._fatal: Exception | None = None
        self._books: dict[str, tuple[str, FoundBook]] = {}
        self._unread: list[UnreadPage] = []
        self._linked: dict[str, tuple[int, int]] = {}

    def hear(self, line: str) -> None:
        """Take one line."""
        told = json.loads(line)
        getattr(self, f"_on_{told['kind']}")(**told["what"])

    def _on_tick(self, **_: Any) -> None:
        """It is alive."""

    def _on_page(self) -> None:
        self.counts = replace(self.counts, pages=self.counts.pages + 1)

    def _on_front(self, stated: int, made_up: bool) -> None:
        self.counts = replace(self.counts, stated=stated)
        self._made_up = made_up

    def _on_list(self, number: int | None, urls: list[str]) -> None:
        for place, url in enumerate(urls):
            here = (number if number is not None else sys.maxsize, place)
            self._linked[url] = min(here, self._linked.get(url, here))

    def _on_book(self, asked: str, book: dict[str, Any]) -> None:
        found = FoundBook.model_validate(book)
        self._books[found.upc] = (asked, found)
        self.counts = replace(self.counts, books=len(self._books))

    def _on_unread(
        self, url: str, kind: str, status: int | None, reason: str, file: str | None = None
    ) -> None:
        self._unread.append(UnreadPage(url, PageKind(kind), status, reason, file))
        self.counts = replace(self.counts, errors=len(self._unread))

    def _on_fatal(self, error: str, detail: str) -> None:
        refusal = FATAL[error]
        self._fatal = refusal(detail, motivo=f"{refusal.motivo} {detail}")

    def _on_broken(self, detail: str) -> None:
        self._fatal = SpiderDied(detail)

    def _on_end(self, reason: str) -> None:
        log.info("crawl ended", extra={"reason": reason, "pages": self.counts.pages})
        self.is_over = True

    def found(self) -> Found:
        """All of it, the books in the order of the list of all."""
        if self._fatal is not None:
            raise self._fatal
        last = (sys.maxsize, sys.maxsize)
        ordered = sorted(
            self._books.items(), key=lambda item: (self._linked.get(item[1][0], last), item[0])
        )
        return Found(
            base_url=self._base_url,
            made_up=self._made_up,
            counts=self.counts,
            books={upc: book for upc, (_, book) in ordered},
            unread=tuple(self._unread),
            linked=frozenset(self._linked),
        )
