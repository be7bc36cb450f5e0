"""What keeps the spider polite and at home: Scrapy's middlewares and resolver, as we want them."""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.resolver import CachingThreadedResolver
from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError

from chalicelib.books.addresses import Site, is_literal, may_connect
from chalicelib.books.errors import SourceNotAllowed

LONGEST_PAUSE_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 120.0
NOT_BEFORE = "not_before"


_inside: set[str] = set()  # Names that were found to lead there.


class AddressRefused(IgnoreRequest):
    """The address is not of the site that is being read."""


class AskedToWait(IgnoreRequest):
    """The site asked for a longer wait than a run is kept for."""


def pause_seconds(attempt: int, first: float) -> float:
    """How long to wait before asking again: doubling, and never quite the same."""
    return min(first * float(2**attempt), LONGEST_PAUSE_SECONDS) * random.uniform(0.75, 1.25)


def retry_after_seconds(header: bytes | None, now: datetime) -> float | None:
    """What a `Retry-After` asks for, seconds or an instant; None when it says nothing."""
    if not header:
        return None
    written = header.decode("latin-1").strip()
    if written.isdecimal():
        return float(written[:9])
    try:
        until = parsedate_to_datetime(written)
    except ValueError:
        return None
    return max((until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds(), 0.0)


def _whereto(url: str) -> str:
    """Of which site an address is, for people who may have meant that one."""
    try:
        return f", para {Site.of(urljoin(url, '/')).url}"
    except SourceNotAllowed:
        return ""


class StayOnSite:
    """Refuses what leaves the site, redirects included, before anybody's robots.txt is asked."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """As Scrapy makes it."""
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Let a request pass, or not."""
        spider: Any = self._crawler.spider
        if not spider.site.has(request.url):
            raise AddressRefused(f"A página leva para fora do site{_whereto(request.url)}.")
        if urlsplit(request.url).hostname in _inside:
            raise AddressRefused("O nome do site leva para dentro da rede.")


class PatientRetry(RetryMiddleware):
    """Tries again later each time; a site that is busy is left alone for as long as it asks."""

    _quiet_until = 0.0

    @property
    def _first_pause(self) -> float:
        return self.crawler.settings.getfloat("BOOKS_PAUSE_SECONDS")

    async def process_request(self, request: Request) -> None:
        """Hold a request back until it may be sent."""
        while (wait := max(request.meta.get(NOT_BEFORE, 0.0), self._quiet_until) - _clock()) > 0:
            await asyncio.sleep(wait)

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """Ask again for what came with a status that may pass."""
        if response.status not in self.retry_http_codes:
            return response
        asked = retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC))
        if asked is not None:
            if asked > LONGEST_WAIT_SECONDS:
                raise AskedToWait(f"O site pede {asked:.0f} segundos de espera.")
            self._quiet_until = max(self._quiet_until, _clock() + asked)
        elif response.status == 429:
            pause = pause_seconds(request.meta.get("retry_times", 0), self._first_pause)
            self._quiet_until = max(self._quiet_until, _clock() + pause)
        return self._retry(request, f"HTTP {response.status}") or response

    def _retry(self, request: Request, reason: Any) -> Request | None:
        again = super()._retry(request, reason)
        return later(again, self._first_pause) if again is not None else None


def later(request: Request, first_pause: float) -> Request:
    """A request that is asked again, after a pause that grows with its attempts."""
    attempt = request.meta.get("retry_times", 1) - 1
    request.meta[NOT_BEFORE] = _clock() + pause_seconds(attempt, first_pause)
    return request


def _clock() -> float:
    return time.monotonic()


class GuardedResolver(CachingThreadedResolver):
    """Takes a name only for what it may be taken for; see `addresses.may_connect`."""

    is_inside_allowed = False

    @classmethod
    def from_crawler(cls, crawler: Crawler, reactor: Any) -> Self:
        """As Scrapy makes it."""
        made = super().from_crawler(crawler, reactor)
        made.is_inside_allowed = crawler.settings.getbool("BOOKS_INSIDE_ALLOWED")
        return made

    def getHostByName(self, name: str, timeout: Sequence[int] = ()) -> "Deferred[str]":  # noqa: N802
        """Resolve, and look at the answer each time."""
        found: Deferred[str] = super().getHostByName(name, timeout)
        return found.addCallback(self._checked, name)

    def _checked(self, address: str, name: str) -> str:
        if not may_connect(address, is_inside_allowed=self.is_inside_allowed or is_literal(name)):
            _inside.add(name)
            raise DNSLookupError("the name leads inside")
        return address
