"""The shop on a socket, with what may go wrong on one."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from infra.local.bookshop.pages import Shop

HTML = "text/html"  # As the real site says it: without a charset.
ROBOTS = "User-agent: *\nDisallow: /checkout/\n"


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a page.

    Attributes:
        status: Answered instead of the page.
        headers: Sent along.
        body: Sent instead of the page.
        cut: How many bytes of the page are sent, as if they were all of it.
        hang_seconds: How long the answer is held back.
        times: How often, from the first request on; None for always.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    cut: int | None = None
    hang_seconds: float = 0
    times: int | None = None


class ShopServer(ThreadingHTTPServer):
    """Serves a shop, and remembers who asked for what.

    Attributes:
        shop: What is served; may be replaced between two crawls.
        faults: Path -> what goes wrong with it.
        asked: Path -> how often it was asked for.
        agents: Who asked.
        delay_seconds: Before every answer.
        most_at_once: How many requests were answered at the same time at the most.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, shop: Shop, host: str, port: int) -> None:
        super().__init__((host, port), _Handler)
        self.shop = shop
        self.faults: dict[str, Fault] = {}
        self.robots = ROBOTS
        self.asked: Counter[str] = Counter()
        self.agents: set[str] = set()
        self.most_at_once = 0
        self.delay_seconds = 0.0
        self.closing = threading.Event()
        self._at_once = 0
        self._counting = threading.Lock()

    @property
    def url(self) -> str:
        """Where it is."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}/"

    @contextmanager
    def counted(self, path: str, agent: str) -> Iterator[int]:
        """While one request is answered; gives how often its path has been asked for."""
        with self._counting:
            self.asked[path] += 1
            self.agents.add(agent)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            number = self.asked[path]
        try:
            yield number
        finally:
            with self._counting:
                self._at_once -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ShopServer
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        with self.server.counted(path, self.headers.get("User-Agent", "")) as number:
            fault = self.server.faults.get(path)
            if fault is not None and fault.times is not None and number > fault.times:
                fault = None
            wait = self.server.delay_seconds + (fault.hang_seconds if fault is not None else 0)
            if wait:
                self.server.closing.wait(wait)
            self._answer(path, fault)

    def _answer(self, path: str, fault: Fault | None) -> None:
        status, media_type, body = self._page(path)
        headers: Mapping[str, str] = {}
        if fault is not None:
            status, headers = fault.status, fault.headers
            body = (fault.body if fault.body is not None else body)[: fault.cut]
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _page(self, path: str) -> tuple[int, str, bytes]:
        if path == "/robots.txt":
            return 200, "text/plain", self.server.robots.encode()
        if (page := self.server.shop.pages.get(path)) is not None:
            return 200, HTML, page
        if (image := self.server.shop.image(path)) is not None:
            return 200, "image/svg+xml", image
        return 404, HTML, b"<html><body>Not found</body></html>"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keeps quiet."""

    def finish(self) -> None:
        """A reader that has gone away is none of our business."""
        with suppress(ConnectionError):
            super().finish()

    def handle(self) -> None:
        """See `finish`."""
        with suppress(ConnectionError):
            super().handle()


@contextmanager
def serve_shop(shop: Shop, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[ShopServer]:
    """Serve a shop while the context lasts."""
    server = ShopServer(shop, host, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
