"""Both object stores keep one contract; what only one of them does stands further down."""

import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import boto3
import pytest
import requests
from moto import mock_aws

from chalicelib.core.storage import (
    DirectoryStorage,
    DownloadGrant,
    InvalidKey,
    ObjectNotFound,
    S3Storage,
    SignatureExpired,
    SignatureInvalid,
    Storage,
    StorageUnavailable,
    UploadGrant,
    content_disposition,
    open_storage,
    upload_origin,
)

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def aws() -> Iterator[Any]:
    """A client of an S3 of these tests' own: to make one takes a third of a second."""
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(name, "testing")
        yield boto3.client("s3", region_name="us-east-1")


@pytest.fixture
def bucket(aws: Any) -> str:
    """An empty one."""
    name = f"objetos-{uuid4().hex}"
    aws.create_bucket(Bucket=name)
    return name


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "directory":
        return open_storage(
            f"file://{tmp_path}/objects", signing_key="secret", public_url="http://x"
        )
    bucket = request.getfixturevalue("bucket")
    return open_storage(f"s3://{bucket}/previsto?region=us-east-1", signing_key="", public_url="")


def test_what_is_put_can_be_read_and_measured(store: Storage) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    stored = store.put("t1/uploads/a.csv", b"id,nome\n", content_type="text/csv")
    assert (stored.key, stored.size_bytes) == ("t1/uploads/a.csv", 8)
    assert before <= stored.modified <= datetime.now(UTC) + timedelta(seconds=2)
    assert store.stat("t1/uploads/a.csv") == stored
    assert store.read("t1/uploads/a.csv") == b"id,nome\n"


@pytest.mark.parametrize("repeats", [1, 40_000])  # S3 takes 10 MB in parts.
def test_a_file_is_stored_whole_and_stays_the_callers(store: Storage, repeats: int) -> None:
    content = bytes(range(256)) * repeats
    file = io.BytesIO(content)
    assert store.put("big.bin", file).size_bytes == len(content)
    assert store.read("big.bin") == content
    assert not file.closed


def test_an_empty_object_is_an_object(store: Storage) -> None:
    assert store.put("empty", b"").size_bytes == 0
    assert store.read("empty") == b""


def test_putting_again_replaces(store: Storage) -> None:
    store.put("k", b"first and longer")
    store.put("k", b"second")
    assert store.read("k") == b"second"


@pytest.mark.parametrize(
    ("offset", "rest"), [(0, b"abcdef"), (4, b"ef"), (6, b""), (7, b""), (900, b"")]
)
def test_reading_starts_at_a_byte(store: Storage, offset: int, rest: bytes) -> None:
    store.put("k", b"abcdef")
    with store.open("k", offset=offset) as stream:
        assert stream.read() == rest


def test_a_stream_reads_by_lines_as_text(store: Storage) -> None:
    store.put("k.csv", "id\nção\n".encode())
    with io.TextIOWrapper(store.open("k.csv"), "utf-8") as lines:
        assert list(lines) == ["id\n", "ção\n"]


def test_a_negative_offset_is_a_mistake(store: Storage) -> None:
    store.put("k", b"abc")
    with pytest.raises(ValueError, match="offset"):
        store.open("k", offset=-1)


def test_what_is_not_there_is_not_found(store: Storage) -> None:
    store.put("t1/a", b"1")
    assert store.stat("t1/b") is None
    assert store.stat("t1") is None  # The beginning of a key is no object.
    for key in ("t1/b", "t1", "t1/a/b"):
        with pytest.raises(ObjectNotFound):
            store.open(key)
        with pytest.raises(ObjectNotFound):
            store.read(key)


def test_deleting_twice_is_deleting(store: Storage) -> None:
    store.put("t1/a", b"1")
    store.delete("t1/a")
    store.delete("t1/a")
    store.delete("never/was")
    assert store.stat("t1/a") is None


def test_listing_is_by_prefix_and_in_key_order(store: Storage) -> None:
    keys = ["a-b", "a/b/c", "a/b2", "a/c", "aa", "b/x", "a/b/a.txt"]
    for key in keys:
        store.put(key, key.encode())
    assert [o.key for o in store.list("")] == sorted(keys)
    assert [o.key for o in store.list("a/")] == ["a/b/a.txt", "a/b/c", "a/b2", "a/c"]
    assert [o.key for o in store.list("a/b")] == ["a/b/a.txt", "a/b/c", "a/b2"]
    assert [o.key for o in store.list("a/b/")] == ["a/b/a.txt", "a/b/c"]
    assert [o.key for o in store.list("a")] == sorted(k for k in keys if k.startswith("a"))
    assert list(store.list("nothing/")) == []
    assert {o.size_bytes for o in store.list("a-b")} == {3}


BAD_KEYS = [
    "",
    "/absolute",
    "a/../b",
    "..",
    "a/.hidden",
    "a//b",
    "a/",
    "a\\b",
    "a b",
    "ação",
    "a\0b",
    "a\n",
    "%2e%2e/a",
    "x" * 201,
    "/".join(["x" * 100] * 8),
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_outside_the_alphabet_is_refused_by_every_method(store: Storage, key: str) -> None:
    with pytest.raises(InvalidKey):
        store.put(key, b"x")
    with pytest.raises(InvalidKey):
        store.open(key)
    with pytest.raises(InvalidKey):
        store.stat(key)
    with pytest.raises(InvalidKey):
        store.delete(key)
    with pytest.raises(InvalidKey):
        store.signed_upload(key, size_bytes=1, content_type="text/csv", expires_in=MINUTE)
    with pytest.raises(InvalidKey):
        store.signed_download(key, expires_in=MINUTE)


@pytest.mark.parametrize("prefix", ["../", "/etc", "a/../", "a//", "."])
def test_a_prefix_that_climbs_is_refused(store: Storage, prefix: str) -> None:
    with pytest.raises(InvalidKey):
        list(store.list(prefix))


def test_a_signed_upload_names_its_headers_and_its_end(store: Storage) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    request = store.signed_upload(
        "t1/a.csv", size_bytes=8, content_type="text/csv", expires_in=MINUTE
    )
    assert request.method == "PUT"
    assert request.headers == {"Content-Type": "text/csv", "Content-Length": "8"}
    assert before + MINUTE <= request.expires_at <= datetime.now(UTC) + MINUTE


@pytest.mark.parametrize(
    ("size", "content_type", "life"),
    [
        (-1, "text/csv", MINUTE),
        (6 * 1024**3, "text/csv", MINUTE),
        (1, "text", MINUTE),
        (1, "text/csv\r\nX: y", MINUTE),
        (1, "text/csv", timedelta(0)),
        (1, "text/csv", timedelta(days=8)),
    ],
)
def test_an_upload_that_no_store_takes_is_not_signed(
    store: Storage, size: int, content_type: str, life: timedelta
) -> None:
    with pytest.raises(ValueError, match=r"size_bytes|content type|expires_in"):
        store.signed_upload("k", size_bytes=size, content_type=content_type, expires_in=life)


def test_a_store_that_serves_passes_its_check(store: Storage) -> None:
    store.check()
    assert list(store.list("")) == []


@pytest.mark.parametrize(
    "url", ["", "file://", "file://host/x", "ftp://a/b", "s3://", "s3://b?secret=1", "/srv/x"]
)
def test_an_unknown_storage_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="STORAGE_URL"):
        open_storage(url, signing_key="k", public_url="http://x")


# --- a directory -----------------------------------------------------------------------


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def directory(tmp_path: Path, clock: Clock) -> DirectoryStorage:
    return DirectoryStorage(
        tmp_path / "objects", signing_key="secret", public_url="http://local:8000/", now=clock
    )


def signed(url: str) -> tuple[str, dict[str, str]]:
    """Key and query of a URL, as the gateway reads them."""
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}" == "http://local:8000"
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return parts.path.removeprefix("/_objects/"), query


def test_a_signed_url_says_what_it_allows(directory: DirectoryStorage) -> None:
    upload = directory.signed_upload(
        "t1/a.csv", size_bytes=9, content_type="a/b", expires_in=MINUTE
    )
    grant = directory.verify("PUT", *signed(upload.url))
    assert grant == UploadGrant("t1/a.csv", 9, "a/b", NOON + MINUTE)
    download = signed(
        directory.signed_download("t1/a.csv", expires_in=MINUTE, filename="é & ?.csv")
    )
    for method in ("GET", "HEAD"):
        expected = DownloadGrant("t1/a.csv", "é & ?.csv", NOON + MINUTE)
        assert directory.verify(method, *download) == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", "10"),
        ("size", "x"),
        ("type", "text/html"),
        ("expires", "9999999999"),
        ("expires", "9" * 30),
        ("signature", ""),
        ("signature", "é"),
    ],
)
def test_an_altered_upload_url_is_refused(
    directory: DirectoryStorage, field: str, value: str
) -> None:
    request = directory.signed_upload("k", size_bytes=9, content_type="a/b", expires_in=MINUTE)
    key, query = signed(request.url)
    with pytest.raises(SignatureInvalid):
        directory.verify("PUT", key, {**query, field: value})
    with pytest.raises(SignatureInvalid):
        directory.verify("PUT", key, {name: query[name] for name in query if name != field})


def test_a_signature_serves_one_method_one_key_and_one_secret(
    directory: DirectoryStorage, tmp_path: Path
) -> None:
    upload = directory.signed_upload("k", size_bytes=9, content_type="a/b", expires_in=MINUTE)
    key, query = signed(upload.url)
    for method, other_key in (("GET", key), ("DELETE", key), ("POST", key), ("PUT", "k2")):
        with pytest.raises(SignatureInvalid):
            directory.verify(method, other_key, {**query, "filename": "k"})
    stranger = DirectoryStorage(tmp_path, signing_key="other", public_url="http://x")
    with pytest.raises(SignatureInvalid):
        stranger.verify("PUT", key, query)


def test_a_signed_url_ends(directory: DirectoryStorage, clock: Clock) -> None:
    url = directory.signed_download("k", expires_in=MINUTE)
    clock.now = NOON + MINUTE - timedelta(seconds=1)
    directory.verify("GET", *signed(url))
    clock.now = NOON + MINUTE
    with pytest.raises(SignatureExpired):
        directory.verify("GET", *signed(url))


def test_a_link_that_leaves_the_directory_is_not_followed(
    directory: DirectoryStorage, tmp_path: Path
) -> None:
    directory.put("inside/a", b"1")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (tmp_path / "objects" / "link").symlink_to(outside)
    (tmp_path / "objects" / "file").symlink_to(outside / "secret")
    for key in ("link/secret", "file"):
        with pytest.raises(InvalidKey):
            directory.read(key)
    with pytest.raises(InvalidKey):
        directory.put("link/planted", b"x")
    assert sorted(p.name for p in outside.iterdir()) == ["secret"]
    assert [o.key for o in directory.list("")] == ["inside/a"]


def test_half_an_object_is_never_seen_and_is_discarded(
    directory: DirectoryStorage, tmp_path: Path
) -> None:
    with directory.begin("k") as pending:
        pending.write(b"half")
        assert directory.stat("k") is None
        assert list(directory.list("")) == []
    assert [p for p in (tmp_path / "objects").rglob("*") if p.is_file()] == []


def test_a_reader_sees_one_version_whole_while_writers_race(directory: DirectoryStorage) -> None:
    versions = [bytes([n]) * 200_000 for n in range(4)]
    directory.put("k", versions[0])

    def write(content: bytes) -> None:
        for _ in range(20):
            directory.put("k", content)

    writers = [threading.Thread(target=write, args=(content,)) for content in versions]
    for writer in writers:
        writer.start()
    seen = 0
    while any(writer.is_alive() for writer in writers) or not seen:
        assert directory.read("k") in versions
        seen += 1
    for writer in writers:
        writer.join()


def test_a_key_that_runs_through_an_object_is_refused(directory: DirectoryStorage) -> None:
    directory.put("a", b"1")
    directory.put("b/c", b"2")
    for key in ("a/b", "a/b/c", "b"):
        with pytest.raises(InvalidKey):
            directory.put(key, b"3")
    assert [o.key for o in directory.list("")] == ["a", "b/c"]


def test_what_killed_uploads_left_is_removed_once_old(
    directory: DirectoryStorage, clock: Clock, tmp_path: Path
) -> None:
    assert directory.remove_abandoned(older_than=MINUTE) == 0
    killed = (
        "import os, signal; from pathlib import Path;"
        "from chalicelib.core.storage import DirectoryStorage;"
        f"s = DirectoryStorage(Path({str(tmp_path / 'objects')!r}), signing_key='', public_url='');"
        "s.begin('k').write(b'half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -9
    clock.now = datetime.now(UTC)
    assert directory.remove_abandoned(older_than=timedelta(hours=1)) == 0
    clock.now = datetime.now(UTC) + timedelta(hours=2)
    assert directory.remove_abandoned(older_than=timedelta(hours=1)) == 1
    assert list((tmp_path / "objects" / ".incoming").iterdir()) == []


def test_multipart_uploads_that_were_never_completed_are_aborted_once_old(
    aws: Any, bucket: str
) -> None:
    aws.create_multipart_upload(Bucket=bucket, Key="previsto/half")
    store = open_storage(f"s3://{bucket}/previsto?region=us-east-1", signing_key="", public_url="")
    a_century = timedelta(days=36_500)  # moto has every upload begin in 2010.
    assert store.remove_abandoned(older_than=a_century) == 0
    assert store.remove_abandoned(older_than=timedelta(0)) == 1
    assert "Uploads" not in aws.list_multipart_uploads(Bucket=bucket)


def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = DirectoryStorage(tmp_path / "file" / "x", signing_key="k", public_url="http://x")
    with pytest.raises(StorageUnavailable):
        blocked.check()
    with pytest.raises(StorageUnavailable):
        blocked.put("k", b"x")


def test_a_download_may_have_any_file_name() -> None:
    assert content_disposition('rel"at\r\nório/1.csv') == (
        "attachment; filename=\"relat_rio1.csv\"; filename*=UTF-8''relat%C3%B3rio1.csv"
    )
    assert content_disposition("..").startswith('attachment; filename="download"')


# --- S3 --------------------------------------------------------------------------------


@pytest.fixture
def s3(bucket: str) -> S3Storage:
    return S3Storage(bucket, prefix="previsto")


def test_an_s3_upload_signs_size_and_type(s3: S3Storage) -> None:
    request = s3.signed_upload("t1/a", size_bytes=5, content_type="text/csv", expires_in=MINUTE)
    query = parse_qs(urlsplit(request.url).query)
    assert query["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]
    assert query["X-Amz-Expires"] == ["60"]
    other = s3.signed_upload("t1/a", size_bytes=6, content_type="text/csv", expires_in=MINUTE)
    assert query["X-Amz-Signature"] != parse_qs(urlsplit(other.url).query)["X-Amz-Signature"]


def test_an_s3_upload_and_download_work_as_signed(s3: S3Storage, aws: Any, bucket: str) -> None:
    request = s3.signed_upload("t1/a", size_bytes=5, content_type="text/csv", expires_in=MINUTE)
    answer = requests.request(
        request.method, request.url, data=b"a,b\n1", headers=request.headers, timeout=5
    )
    assert answer.status_code == 200
    raw = aws.get_object(Bucket=bucket, Key="previsto/t1/a")
    assert raw["ContentType"] == "text/csv"
    got = requests.get(s3.signed_download("t1/a", expires_in=MINUTE, filename="ç.csv"), timeout=5)
    assert got.content == b"a,b\n1"
    assert got.headers["Content-Disposition"] == content_disposition("ç.csv")


def test_a_signed_url_names_the_address_clients_reach(bucket: str) -> None:
    store = open_storage(
        f"s3://{bucket}/p?endpoint=http://minio:9000&public_endpoint=http://localhost:9000"
        "&region=sa-east-1",
        signing_key="",
        public_url="",
    )
    url = store.signed_download("k", expires_in=MINUTE)
    assert url.startswith(f"http://localhost:9000/{bucket}/p/k?")
    assert "sa-east-1" in url


@pytest.mark.parametrize("region", ["sa-east-1", "us-east-1"])
def test_an_aws_url_is_of_the_origin_that_pages_may_send_files_to(bucket: str, region: str) -> None:
    url = S3Storage(bucket, region=region).signed_download("k", expires_in=MINUTE)
    origin = upload_origin(f"s3://{bucket}?region={region}")
    assert origin == f"https://{bucket}.s3.{region}.amazonaws.com"
    assert url.startswith(f"{origin}/k?")


def test_s3_lists_past_one_page(s3: S3Storage, aws: Any, bucket: str) -> None:
    for number in range(1005):
        aws.put_object(Bucket=bucket, Key=f"previsto/n/{number:04}", Body=b"")
    assert [o.key for o in s3.list("n/")] == [f"n/{number:04}" for number in range(1005)]


def test_a_missing_bucket_or_server_is_unavailable(bucket: str) -> None:
    with pytest.raises(StorageUnavailable):
        S3Storage("outro").check()
    with pytest.raises(StorageUnavailable):
        S3Storage("outro").read("k")
    with pytest.raises(StorageUnavailable):
        S3Storage("outro").put("k", b"x")


def test_a_server_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with pytest.raises(StorageUnavailable):
        S3Storage("objetos", endpoint="http://127.0.0.1:9").check()
