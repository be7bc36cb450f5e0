"""Signed uploads and downloads through the gateway."""

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from chalicelib.core.storage import DirectoryStorage, SignedRequest
from tests.infra.serving import SIGNING_KEY, Reply, Server, serving

MINUTE = timedelta(minutes=1)
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def server(directory: Path) -> Iterator[Server]:
    with serving(directory) as running:
        yield running


@pytest.fixture
def store(server: Server, directory: Path) -> DirectoryStorage:
    return DirectoryStorage(
        directory / "objects", signing_key=SIGNING_KEY, public_url="http://gateway"
    )


def path_of(url: str) -> str:
    return url.removeprefix("http://gateway")


def grant(store: DirectoryStorage, key: str, size: int) -> SignedRequest:
    return store.signed_upload(key, size_bytes=size, content_type="text/csv", expires_in=MINUTE)


def upload(server: Server, request: SignedRequest, body: bytes, **changed: str) -> Reply:
    headers = {"Content-Type": "text/csv"} | changed
    return server.ask(request.method, path_of(request.url), body=body, headers=headers)


def assert_refused(reply: Reply, status: int, title: str) -> None:
    assert reply.headers["content-type"] == "application/problem+json"
    assert (reply.status, reply.json["title"]) == (status, title)


def test_what_is_uploaded_is_stored_and_downloads_again(
    server: Server, store: DirectoryStorage
) -> None:
    request = grant(store, "t1/a.csv", 11)
    assert upload(server, request, b"id,nome\n1,a").status == 200
    assert store.read("t1/a.csv") == b"id,nome\n1,a"
    url = store.signed_download("t1/a.csv", expires_in=MINUTE, filename="relatório.csv")
    reply = server.ask("GET", path_of(url))
    assert (reply.status, reply.body) == (200, b"id,nome\n1,a")
    assert reply.headers["content-type"] == "text/csv"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "filename*=UTF-8''relat%C3%B3rio.csv" in reply.headers["content-disposition"]
    for suffix, media_type in (
        ("ndjson", "application/x-ndjson"),
        ("parquet", "application/vnd.apache.parquet"),
        ("unknown", "application/octet-stream"),
    ):
        other = store.signed_download("t1/a.csv", expires_in=MINUTE, filename=f"a.{suffix}")
        assert server.ask("GET", path_of(other)).headers["content-type"] == media_type
    head = server.ask("HEAD", path_of(url))
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "11")


def test_chunks_of_unknown_total_are_counted(server: Server, store: DirectoryStorage) -> None:
    def send(key: str, pieces: list[bytes]) -> Reply:
        headers = {"Content-Type": "text/csv", "Transfer-Encoding": "chunked"}
        path = path_of(grant(store, key, 8).url)
        return server.ask("PUT", path, body=iter(pieces), headers=headers, chunked=True)

    assert send("whole", [b"1234", b"5678"]).status == 200
    assert store.read("whole") == b"12345678"
    assert_refused(send("short", [b"1234"]), 400, "BadRequest")
    assert_refused(send("long", [b"1234", b"56789"]), 413, "PayloadTooLarge")
    assert store.stat("short") is None
    assert store.stat("long") is None


def test_an_empty_object_may_be_uploaded(server: Server, store: DirectoryStorage) -> None:
    assert upload(server, grant(store, "empty", 0), b"").status == 200
    assert store.read("empty") == b""


def test_another_size_or_type_than_signed_stores_nothing(
    server: Server, store: DirectoryStorage, directory: Path
) -> None:
    store.put("kept", b"before")
    request = grant(store, "kept", 8)
    assert_refused(upload(server, request, b"1234567"), 400, "BadRequest")
    assert_refused(upload(server, request, b"123456789"), 413, "PayloadTooLarge")
    html = upload(server, request, b"12345678", **{"Content-Type": "text/html"})
    assert_refused(html, 403, "SignatureInvalid")
    assert store.read("kept") == b"before"
    assert list((directory / "objects" / ".incoming").iterdir()) == []


def test_an_upload_that_breaks_off_leaves_nothing(
    server: Server, store: DirectoryStorage, directory: Path
) -> None:
    path = path_of(grant(store, "broken", MEGABYTE).url)
    head = f"PUT {path} HTTP/1.1\r\nHost: h\r\nContent-Type: text/csv\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(f"{head}Content-Length: {MEGABYTE}\r\n\r\n".encode() + bytes(1000))
        wait_for_incoming(directory, 1)
    wait_for_incoming(directory, 0)
    assert store.stat("broken") is None


def wait_for_incoming(directory: Path, count: int) -> None:
    deadline = time.monotonic() + 5
    while len(list((directory / "objects" / ".incoming").iterdir())) != count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_was_not_signed_is_refused(server: Server, store: DirectoryStorage) -> None:
    store.put("t1/secret", b"secret")
    url = path_of(store.signed_download("t1/other", expires_in=MINUTE))
    query = url.partition("?")[2]
    for path in ("/_objects/t1/secret", f"/_objects/t1/secret?{query}", f"{url}x"):
        assert_refused(server.ask("GET", path), 403, "SignatureInvalid")
    assert_refused(server.ask("PUT", url, body=b"x"), 403, "SignatureInvalid")
    assert_refused(server.ask("GET", f"/_objects/..%2fsecret?{query}"), 400, "InvalidKey")
    assert_refused(server.ask("GET", f"/_objects/?{query}"), 400, "InvalidKey")
    assert_refused(server.ask("GET", url), 404, "ObjectNotFound")
    deleted = server.ask("DELETE", url)
    assert (deleted.status, deleted.headers["allow"]) == (405, "GET, HEAD, OPTIONS, PUT")


def test_an_expired_url_says_so(server: Server, directory: Path) -> None:
    yesterday = DirectoryStorage(
        directory / "objects",
        signing_key=SIGNING_KEY,
        public_url="http://gateway",
        now=lambda: datetime.now(UTC) - timedelta(days=1),
    )
    url = path_of(yesterday.signed_download("t1/a", expires_in=MINUTE))
    assert_refused(server.ask("GET", url), 403, "SignatureExpired")


@pytest.mark.parametrize(
    ("wanted", "status", "body", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=9-9", 206, b"9", "bytes 9-9/10"),
        ("bytes=5-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=0-" + "9" * 5000, 200, b"0123456789", None),
        ("lines=0-3", 200, b"0123456789", None),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
    ],
)
def test_a_range_is_a_part(
    server: Server,
    store: DirectoryStorage,
    wanted: str,
    status: int,
    body: bytes | None,
    content_range: str | None,
) -> None:
    store.put("digits", b"0123456789")
    url = path_of(store.signed_download("digits", expires_in=MINUTE))
    reply = server.ask("GET", url, headers={"Range": wanted})
    assert (reply.status, reply.headers.get("content-range")) == (status, content_range)
    assert body is None or reply.body == body


def test_a_range_of_a_replaced_object_is_the_whole(server: Server, store: DirectoryStorage) -> None:
    store.put("k", b"first version")
    url = path_of(store.signed_download("k", expires_in=MINUTE))
    tag = server.ask("GET", url).headers["etag"]
    resume = {"Range": "bytes=6-", "If-Range": tag}
    assert server.ask("GET", url, headers=resume).body == b"version"
    store.put("k", b"second, other version")
    reply = server.ask("GET", url, headers=resume)
    assert (reply.status, reply.body) == (200, b"second, other version")


def test_large_objects_pass_with_flat_memory(server: Server, store: DirectoryStorage) -> None:
    size = 300 * MEGABYTE
    workers = psutil.Process(server.process.pid).children(recursive=True)

    def resident() -> int:
        return sum(worker.memory_info().rss for worker in workers)

    before = resident()
    peak = before
    path = path_of(grant(store, "large", size).url)
    head = f"PUT {path} HTTP/1.1\r\nHost: h\r\nContent-Type: text/csv\r\nContent-Length: {size}"
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(head.encode() + b"\r\n\r\n")
        for _ in range(300):
            connection.sendall(bytes(MEGABYTE))
            peak = max(peak, resident())
        assert connection.recv(12) == b"HTTP/1.1 200"
    url = path_of(store.signed_download("large", expires_in=MINUTE))
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(f"GET {url} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        received = 0
        while piece := connection.recv(MEGABYTE):
            if received < 4 * MEGABYTE:
                time.sleep(0.05)  # A slow reader: the server must wait, not gather.
            received += len(piece)
            peak = max(peak, resident())
    assert received >= size
    store.delete("large")
    print(f"resident before {before // MEGABYTE} MB, at most {peak // MEGABYTE} MB")
    assert peak - before < 24 * MEGABYTE
