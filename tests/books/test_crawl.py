"""The spider on a served shop, with all that goes wrong on a network."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from chalicelib.books.crawl import PROGRAM, crawl
from chalicelib.books.errors import SiteAsksToWait, SiteNotReadable, SiteUnreachable
from chalicelib.books.found import Counts, Found, PageKind
from infra.local.bookshop import Fault, Shop, make_stock, serve_shop
from infra.local.bookshop.pages import book_path
from infra.local.bookshop.server import ShopServer

AGENT = "Previsto/1.0 (+mailto:catalogo@example.com)"
pytestmark = pytest.mark.slow


def read(server: ShopServer | str, folder: Path, listener: Any = None, **changes: Any) -> Found:
    """Read a shop; no pause is long."""
    order = {
        "base_url": server if isinstance(server, str) else server.url,
        "folder": str(folder),
        "user_agent": AGENT,
        "concurrency": 8,
        "timeout_seconds": 2,
        "inside_allowed": True,
        "pause_seconds": 0.01,
        **changes,
    }
    return crawl(order, listener or (lambda _: None))


def test_a_whole_shop_is_read_through_everything_that_passes(tmp_path: Path) -> None:
    stock = make_stock(1_000, shelves=50)
    shop = Shop(stock)
    paths = [book_path(book) for book in stock]
    with serve_shop(shop) as server:
        for path in paths[::40]:
            server.faults[path] = Fault(503, times=2)
        for path in paths[7::200]:
            server.faults[path] = Fault(cut=700, times=1)
        server.faults |= {
            paths[1]: Fault(429, {"Retry-After": "1"}, times=1),
            paths[2]: Fault(hang_seconds=4, times=1),
            "/catalogue/page-3.html": Fault(500, times=3),
            "/robots.txt": Fault(503, times=1),
        }
        seen: list[Counts] = []
        found = read(server, tmp_path, seen.append)
        assert server.agents == {AGENT}
        assert server.most_at_once <= 8
        assert all(server.asked[path] == 3 for path in paths[::40])
    assert (found.counts.books, found.counts.stated, found.counts.errors) == (1_000, 1_000, 0)
    assert found.is_whole
    assert found.made_up
    assert [book.upc for book in found.books.values()] == [book.upc for book in stock]
    assert {book.category for book in found.books.values()} == set(shop.categories)
    assert len({book.title for book in found.books.values()}) == 999  # One title, two UPCs.
    told = [counts.books for counts in seen]
    assert told == sorted(told)
    assert told[-1] == 1_000


@pytest.mark.parametrize("prettified", [False, True])
def test_a_mirror_in_files_is_read_like_the_shop(tmp_path: Path, prettified: bool) -> None:
    stock = make_stock(60, shelves=4)
    shop = Shop(stock)
    for path, page in shop.pages.items():
        if path != "/":
            file = tmp_path / "files" / "books.toscrape.com" / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(spread(page) if prettified else page)
    with serve_files(tmp_path / "files") as address:  # Which has no robots.txt.
        for start in ("", "index.html"):
            found = read(f"{address}books.toscrape.com/{start}", tmp_path)
            assert (found.counts.books, found.counts.stated, found.counts.errors) == (60, 60, 0)
            assert found.is_whole
            assert [
                (book.upc, book.title, book.category, book.price, book.copies)
                for book in found.books.values()
            ] == [(b.upc, b.title, b.category, b.price, b.copies) for b in stock]


def spread(page: bytes) -> bytes:
    """A page with each text on a line of its own, as those who print pages prettily leave it."""
    return re.sub(rb">([^<>]*[^<>\s][^<>]*)<", rb">\n    \1\n  <", page)


@contextmanager
def serve_files(folder: Path) -> Iterator[str]:
    """What `python -m http.server` serves."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keeps quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_cannot_be_read_is_put_aside_with_the_reason(tmp_path: Path) -> None:
    stock = make_stock(60, shelves=6)
    shop = Shop(stock)
    paths = [book_path(book) for book in stock]
    with serve_shop(shop) as server, serve_shop(shop) as elsewhere:
        latin = shop.pages[paths[0]].decode().encode("cp1252", "xmlcharrefreplace")
        twice = shop.pages[paths[1]].replace(stock[1].upc.encode(), stock[2].upc.encode())
        server.faults = {
            paths[0]: Fault(body=latin),
            paths[1]: Fault(body=twice),
            paths[3]: Fault(body=shop.pages[paths[3]].replace("£".encode(), "Â£".encode())),
            paths[4]: Fault(cut=700),
            paths[5]: Fault(404),
            paths[6]: Fault(302, {"Location": elsewhere.url}),
            paths[7]: Fault(hang_seconds=2.5),
            "/catalogue/page-2.html": Fault(500),
        }
        found = read(server, tmp_path, timeout_seconds=0.5)
        assert elsewhere.asked == {}
        assert server.asked[paths[5]] == 1
        base = server.url[:-1]
    unread = {page.url.removeprefix(base): page for page in found.unread}
    duplicate = (unread.keys() & {paths[1], paths[2]}).pop()
    expected = {
        paths[0]: ("UTF-8", 200),
        duplicate: ("mesmo", 200),
        paths[3]: ("preço", 200),
        paths[4]: ("cortada", 200),
        paths[5]: ("404", 404),
        paths[6]: ("fora do site", None),
        paths[7]: ("a tempo", None),
        "/catalogue/page-2.html": ("500", 500),
    }
    assert unread.keys() == expected.keys()
    for path, (reason, status) in expected.items():
        assert reason in unread[path].reason, path
        assert unread[path].status == status, path
    assert unread["/catalogue/page-2.html"].kind is PageKind.LISTING
    assert found.counts.errors == 8
    assert found.counts.books == 60 - 7
    assert found.is_whole, "the shelves lead to the books of the page that was not read"
    kept = unread[paths[0]].file
    assert kept is not None
    assert (tmp_path / kept).read_bytes() == latin


def test_the_way_on_is_lost_only_where_every_list_lost_it(tmp_path: Path) -> None:
    shop = Shop(make_stock(60, shelves=2))
    with serve_shop(shop) as server:
        lists = [path for path in shop.pages if path.endswith("page-2.html")]
        server.faults = dict.fromkeys(lists, Fault(404))
        found = read(server, tmp_path)
    assert found.counts.stated == 60
    assert not found.is_whole


def test_a_site_that_forbids_it_is_not_read(tmp_path: Path) -> None:
    with serve_shop(Shop(make_stock(30, shelves=2))) as server:
        server.robots = "User-agent: *\nDisallow: /\n"
        with pytest.raises(SiteNotReadable, match=r"robots\.txt"):
            read(server, tmp_path)
        assert set(server.asked) == {"/robots.txt"}


def test_pages_that_robots_txt_keeps_back_are_left_alone(tmp_path: Path) -> None:
    stock = make_stock(30, shelves=2)
    path = book_path(stock[0])
    with serve_shop(Shop(stock)) as server:
        server.robots = f"User-agent: Previsto\nDisallow: {path}\n"
        found = read(server, tmp_path)
        assert server.asked[path] == 0
    assert [page.reason for page in found.unread] == ["O robots.txt do site não permite."]


def test_a_name_that_leads_inside_is_not_followed_where_the_network_is_not_ours(
    tmp_path: Path,
) -> None:
    name = socket.gethostname()
    try:
        address = socket.gethostbyname(name)
    except OSError as error:
        pytest.skip(f"this machine's own name resolves to nothing: {error}")
    with serve_shop(Shop(make_stock(30, shelves=2)), host=address) as server:
        url = server.url.replace(address, name)
        with pytest.raises(SiteNotReadable, match="dentro da rede"):
            read(url, tmp_path, inside_allowed=False)
        assert server.asked == {}
        assert read(url, tmp_path).counts.books == 30


def test_a_front_page_that_is_none_of_a_shop_is_refused(tmp_path: Path) -> None:
    with serve_shop(Shop(make_stock(30, shelves=2))) as server:
        server.faults["/"] = Fault(body=b"<html><body>Em obras</body></html>")
        with pytest.raises(SiteNotReadable, match="quantos livros"):
            read(server, tmp_path)
        server.faults["/"] = Fault(503)
        with pytest.raises(SiteUnreachable, match="503"):
            read(server, tmp_path)
        assert server.asked["/"] == 1 + 6
    with pytest.raises(SiteUnreachable):
        read(server.url, tmp_path)


def test_a_site_that_has_moved_says_where_to(tmp_path: Path) -> None:
    with serve_shop(Shop(make_stock(30, shelves=2))) as server:
        server.faults["/"] = Fault(301, {"Location": "https://shop.example/new/?a=b"})
        with pytest.raises(SiteNotReadable, match=r"para https://shop.example/\.") as refusal:
            read(server, tmp_path)
        assert "https://shop.example/" in refusal.value.motivo, "the run's page says it, too"


def test_a_site_that_asks_for_a_long_wait_gets_it(tmp_path: Path) -> None:
    stock = make_stock(200, shelves=4)
    with serve_shop(Shop(stock)) as server:
        server.faults[book_path(stock[0])] = Fault(503, {"Retry-After": "7200"})
        with pytest.raises(SiteAsksToWait, match="7200"):
            read(server, tmp_path)
        assert sum(server.asked.values()) < 100


def test_whoever_listens_may_end_it(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def listen(counts: Counts) -> None:
        if counts.books >= 5:
            raise Enough

    with serve_shop(Shop(make_stock(200, shelves=4))) as server:
        with pytest.raises(Enough):
            read(server, tmp_path, listen)
        asked = sum(server.asked.values())
        time.sleep(0.5)
        assert sum(server.asked.values()) == asked < 200
    assert _spiders() == []


def test_a_listener_is_heard_while_the_site_hangs(tmp_path: Path) -> None:
    heard = []
    with serve_shop(Shop(make_stock(30, shelves=2))) as server:
        server.faults["/"] = Fault(hang_seconds=1.5, times=1)
        read(server, tmp_path, lambda counts: heard.append(counts.pages))
    assert heard.count(0) >= 2


def test_a_spider_ends_with_whoever_started_it(tmp_path: Path) -> None:
    with serve_shop(Shop(make_stock(30, shelves=2))) as server:
        server.faults["/"] = Fault(hang_seconds=30)
        program = (
            "from chalicelib.books.crawl import crawl\n"
            f"crawl({{'base_url': {server.url!r}, 'folder': {str(tmp_path)!r}, 'user_agent': 'x',"
            "'concurrency': 1, 'timeout_seconds': 60, 'inside_allowed': True}, lambda _: None)"
        )
        parent = subprocess.Popen([sys.executable, "-c", program])
        for _ in range(200):
            if server.asked["/"]:
                break
            time.sleep(0.1)
        (spider,) = psutil.Process(parent.pid).children()
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        gone, _ = psutil.wait_procs([spider], timeout=10)
    assert gone == [spider]


def _spiders() -> list[psutil.Process]:
    children: list[psutil.Process] = psutil.Process().children(recursive=True)
    return [child for child in children if PROGRAM in child.cmdline()]
