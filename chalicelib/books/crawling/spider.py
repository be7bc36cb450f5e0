"""The spider: every page of one shop, each read or put aside with the reason.

It runs in a process of its own, see `process`, because Scrapy's reactor starts only once
in one; what it finds it tells line by line to whoever started it, see `crawl`.
"""

import hashlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from pydantic import BaseModel, ConfigDict
from scrapy import Request, Spider
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.exceptions import (
    CannotResolveHostError,
    CloseSpider,
    DownloadTimeoutError,
    IgnoreRequest,
)
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from chalicelib.books.addresses import Site
from chalicelib.books.crawling.pages import (
    ListingPage,
    PageTruncated,
    PageUnreadable,
    decode,
    read_book,
    read_listing,
)
from chalicelib.books.crawling.patience import AskedToWait, later
from chalicelib.books.found import PageKind

MOST_PAGES = 200_000
MOST_BYTES = 8 * 1024 * 1024
RETRIES = 5
PASSING = {408, 429, 500, 502, 503, 504, 522, 524}
MIDDLEWARES = "chalicelib.books.crawling.patience"


class CrawlOrder(BaseModel):
    """What a spider is told.

    Attributes:
        base_url: The site.
        folder: Where pages are kept that could not be read.
        user_agent: Who asks, and whom to turn to.
        concurrency: Pages asked for at once at the most.
        timeout_seconds: How long one page may take.
        inside_allowed: Whether the site's name may lead to this machine or its networks.
        pause_seconds: Before a page is asked for a second time; doubles from there.
    """

    model_config = ConfigDict(frozen=True)

    base_url: str
    folder: Path
    user_agent: str
    concurrency: int
    timeout_seconds: float
    inside_allowed: bool
    pause_seconds: float = 0.5


def scrapy_settings(order: CrawlOrder) -> dict[str, Any]:
    """How Scrapy is to behave."""
    return {
        "USER_AGENT": order.user_agent,
        "ROBOTSTXT_OBEY": True,
        "CONCURRENT_REQUESTS": order.concurrency,
        "CONCURRENT_REQUESTS_PER_DOMAIN": order.concurrency,
        "AUTOTHROTTLE_ENABLED": True,
        "AUTOTHROTTLE_START_DELAY": 0.05,
        "AUTOTHROTTLE_TARGET_CONCURRENCY": float(order.concurrency),
        "DOWNLOAD_DELAY": 0,
        "DOWNLOAD_TIMEOUT": order.timeout_seconds,
        "DOWNLOAD_MAXSIZE": MOST_BYTES,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "DNS_TIMEOUT": order.timeout_seconds,
        "TWISTED_DNS_RESOLVER": f"{MIDDLEWARES}.GuardedResolver",
        "BOOKS_INSIDE_ALLOWED": order.inside_allowed,
        "BOOKS_PAUSE_SECONDS": order.pause_seconds,
        "RETRY_TIMES": RETRIES,
        "RETRY_HTTP_CODES": sorted(PASSING),
        "DOWNLOADER_MIDDLEWARES": {
            f"{MIDDLEWARES}.StayOnSite": 50,
            f"{MIDDLEWARES}.PatientRetry": 550,
            "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
        },
        "REDIRECT_MAX_TIMES": 5,
        "METAREFRESH_ENABLED": False,
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "CLOSESPIDER_PAGECOUNT": MOST_PAGES,
        "LOG_LEVEL": "WARNING",
        "RETRY_GIVE_UP_LOG_LEVEL": "INFO",
    }


class ShopSpider(Spider):
    """Goes through the list of all books and through each shelf's, and reads every book.

    The shelves lead to the same books by another way: a page of the one list that cannot be read
    then loses nobody.
    """

    name = "bookshop"
    custom_settings: dict[str, Any] = {}

    def __init__(self, order: CrawlOrder, told: TextIO, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.site = Site.of(order.base_url)
        self._folder = order.folder
        self._told = told
        self._categories: set[str] = set()
        self._upcs: dict[str, str] = {}
        self._last_told = 0.0

    def tell(self, kind: str, /, **what: Any) -> None:
        """Say something to whoever started the process."""
        self._told.write(Told(kind=kind, what=what).model_dump_json() + "\n")
        self._told.flush()

    async def start(self) -> AsyncIterator[Any]:
        """Begin at the front page."""
        yield Request(
            self.site.url, self.read_front, errback=self.front_failed, meta={"all_books": True}
        )

    def read_front(self, response: Response) -> Iterator[Request]:
        """The front page is the first of the list of all books, and says how many there are."""
        if (again := self._whole_again(response)) is not None:
            yield again
            return
        try:
            listing = self._listing(response)
        except PageUnreadable as fault:
            self._refuse(response, PageKind.LISTING, str(fault))
            self.tell("fatal", error="SiteNotReadable", detail=str(fault))
            return
        self.tell("front", stated=listing.stated, made_up=listing.made_up)
        yield from self._follow(listing, response)

    def read_list(self, response: Response) -> Iterator[Request]:
        """A further page of a list."""
        if (again := self._whole_again(response)) is not None:
            yield again
            return
        try:
            listing = self._listing(response)
        except PageUnreadable as fault:
            self._refuse(response, PageKind.LISTING, str(fault))
            return
        yield from self._follow(listing, response)

    def read_page(self, response: Response) -> Iterator[Request]:
        """A book."""
        if (again := self._whole_again(response)) is not None:
            yield again
            return
        try:
            book = read_book(decode(response.body), response.url)
        except PageUnreadable as fault:
            self._refuse(response, PageKind.BOOK, str(fault))
            return
        asked = response.meta["asked"]
        if (first := self._upcs.setdefault(book.upc, asked)) != asked:
            self._refuse(response, PageKind.BOOK, f"O UPC é o mesmo da página {first}")
            return
        self.tell("book", asked=asked, book=book.model_dump(mode="json"))

    def front_failed(self, failure: Failure) -> None:
        """Without the front page there is nothing to read."""
        reason, status = explain(failure)
        is_passing = status is None and not isinstance(failure.value, IgnoreRequest)
        is_busy = is_passing or status in PASSING
        error = "SiteUnreachable" if is_busy else "SiteNotReadable"
        if isinstance(failure.value, AskedToWait):
            error = "SiteAsksToWait"
        self.tell("unread", url=self.site.url, kind=PageKind.LISTING, status=status, reason=reason)
        self.tell("fatal", error=error, detail=reason)

    def failed(self, failure: Failure) -> None:
        """A page that never came, or came with another status than 200."""
        request: Request = failure.request  # type: ignore[attr-defined]
        reason, status = explain(failure)
        body = failure.value.response.body if isinstance(failure.value, HttpError) else None
        self._put_aside(request.meta["asked"], request.meta["kind"], status, reason, body)
        if isinstance(failure.value, AskedToWait):
            self.tell("fatal", error="SiteAsksToWait", detail=reason)
            raise CloseSpider("asked_to_wait")

    def _follow(self, listing: ListingPage, response: Response) -> Iterator[Request]:
        is_of_all = response.meta.get("all_books", False)
        here = [url for url in listing.books if self.site.has(url)]
        self.tell("list", number=listing.number if is_of_all else None, urls=here)
        for place, url in enumerate(here):
            yield self._ask(url, self.read_page, PageKind.BOOK, priority=-place)
        if listing.next is not None:
            yield self._ask(
                listing.next, self.read_list, PageKind.LISTING, priority=50, all_books=is_of_all
            )
        for name, url in listing.categories.items():
            if name not in self._categories:
                self._categories.add(name)
                yield self._ask(url, self.read_list, PageKind.LISTING, priority=10)

    def _ask(
        self,
        url: str,
        read: Callable[[Response], Any],
        kind: PageKind,
        *,
        priority: int,
        **meta: Any,
    ) -> Request:
        return Request(
            url,
            read,
            errback=self.failed,
            priority=priority,
            meta={"asked": url, "kind": kind, **meta},
        )

    def _whole_again(self, response: Response) -> Request | None:
        """A page that came cut off is asked for again; None where it is whole, or never will be."""
        self.tell("page")
        try:
            decode(response.body)
        except PageTruncated:
            assert response.request is not None  # noqa: S101 - Scrapy has set it.
            again = get_retry_request(response.request, spider=self, reason="truncated")
            pause = self.settings.getfloat("BOOKS_PAUSE_SECONDS")
            return later(again, pause) if again is not None else None
        except PageUnreadable:
            return None
        return None

    def _listing(self, response: Response) -> ListingPage:
        return read_listing(decode(response.body), response.url)

    def _refuse(self, response: Response, kind: PageKind, reason: str) -> None:
        asked = response.meta.get("asked", response.url)
        self._put_aside(asked, kind, response.status, reason, response.body)

    def _put_aside(
        self, url: str, kind: PageKind, status: int | None, reason: str, body: bytes | None
    ) -> None:
        file = None
        if body is not None:
            file = f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.html"
            (self._folder / file).write_bytes(body)
        self.tell("unread", url=url, kind=kind, status=status, reason=reason, file=file)

    def closed(self, reason: str) -> None:
        """The last word."""
        self.tell("end", reason=reason)


class Told(BaseModel):
    """A line of what a spider says."""

    kind: str
    what: dict[str, Any]


def explain(failure: Failure) -> tuple[str, int | None]:
    """Why a page did not come, for people, and the status it came with."""
    error = failure.value
    if isinstance(error, HttpError):
        status: int = error.response.status
        return f"O site respondeu {status}.", status
    if isinstance(error, IgnoreRequest):
        told = str(error)
        is_robots = "robots.txt" in told
        return "O robots.txt do site não permite." if is_robots else told, None
    if isinstance(error, DownloadTimeoutError):
        return "O site não respondeu a tempo.", None
    if isinstance(error, CannotResolveHostError):
        return "O nome do site não foi encontrado.", None
    return f"A página não chegou ({type(error).__name__}).", None


def tell_of_bug(failure: Failure, response: Response, spider: ShopSpider) -> None:
    """A page that the spider stumbled over is a fault of ours, and not passed over."""
    spider.tell("broken", detail=f"{failure.value!r} at {response.url}")


def tick(spider: ShopSpider) -> None:
    """Say that the spider is alive, also while the site lets it wait."""
    spider.tell("tick", at=time.time())


def say_to_stdout() -> TextIO:
    """Where a spider's lines go; what libraries print goes to the log instead."""
    told, sys.stdout = sys.stdout, sys.stderr
    return told
