"""Objects as files under one directory, with signed URLs that the gateway serves."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import quote
from uuid import uuid4

from chalicelib.core.storage.contract import (
    InvalidKey,
    ObjectInfo,
    ObjectNotFound,
    SignedRequest,
    StorageUnavailable,
)
from chalicelib.core.storage.grants import (
    DownloadGrant,
    Grant,
    UploadGrant,
    read_grant,
    signed_query,
)
from chalicelib.core.storage.keys import (
    validate_key,
    validate_prefix,
    validate_upload,
    whole_seconds,
)

# Half-written objects live beside the others, on the same filesystem, so that a rename makes
# them visible at once. No key begins with a dot, so no client can name them.
_INCOMING = ".incoming"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class DirectoryStorage:
    """A `Storage` in a directory. Objects are plain files, so they can be looked at.

    A file knows no content type, so `put` drops it; a download's comes from its file name.
    Unlike S3 a key cannot be both an object and the beginning of another's path: that
    second `put` is an InvalidKey.
    """

    def __init__(
        self,
        root: Path,
        *,
        signing_key: str,
        public_url: str,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._root = root.resolve()
        self._signing_key = signing_key
        self._public_url = public_url.rstrip("/")
        self._now = now

    def put(
        self,
        key: str,
        data: bytes | BinaryIO,
        *,
        content_type: str = "application/octet-stream",  # noqa: ARG002 - see the class
    ) -> ObjectInfo:
        with self.begin(key) as pending:
            if isinstance(data, bytes):
                pending.write(data)
            else:
                shutil.copyfileobj(data, pending, 1024 * 1024)
            return pending.commit()

    def begin(self, key: str) -> "PendingObject":
        """An object to be written piece by piece, invisible until it is committed."""
        path = self._path(key)
        incoming = self._root / _INCOMING
        with _unavailable_on_os_error(key):
            incoming.mkdir(parents=True, exist_ok=True)
            return PendingObject(key, path, incoming / uuid4().hex)

    def open(self, key: str, *, offset: int = 0) -> BinaryIO:
        if offset < 0:
            raise ValueError("offset must not be negative")
        try:
            file = self._path(key).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as cause:
            raise ObjectNotFound(key) from cause
        except OSError as cause:
            raise StorageUnavailable(key) from cause
        file.seek(offset)
        return file

    def read(self, key: str) -> bytes:
        with self.open(key) as file:
            return file.read()

    def stat(self, key: str) -> ObjectInfo | None:
        path = self._path(key)
        with _unavailable_on_os_error(key), suppress(FileNotFoundError, NotADirectoryError):
            return _info(key, path.stat()) if path.is_file() else None
        return None

    def delete(self, key: str) -> None:
        path = self._path(key)
        with _unavailable_on_os_error(key), suppress(FileNotFoundError, NotADirectoryError):
            if path.is_file():
                path.unlink()

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        parent, _, _ = validate_prefix(prefix).rpartition("/")
        start = self._path(parent) if parent else self._root
        with _unavailable_on_os_error(prefix):
            yield from _files_under(start, f"{parent}/" if parent else "", prefix)

    def signed_upload(
        self, key: str, *, size_bytes: int, content_type: str, expires_in: timedelta
    ) -> SignedRequest:
        validate_upload(size_bytes, content_type)
        grant = UploadGrant(validate_key(key), size_bytes, content_type, self._expiry(expires_in))
        headers = {"Content-Type": content_type, "Content-Length": str(size_bytes)}
        return SignedRequest("PUT", self._url(grant), headers, grant.expires_at)

    def signed_download(
        self, key: str, *, expires_in: timedelta, filename: str | None = None
    ) -> str:
        name = filename or key.rpartition("/")[2]
        return self._url(DownloadGrant(validate_key(key), name, self._expiry(expires_in)))

    def verify(self, method: str, key: str, query: Mapping[str, str]) -> Grant:
        """What a request to a signed URL may do.

        Raises:
            InvalidKey: The key is none.
            SignatureInvalid: The query was not signed for this method and key.
            SignatureExpired: It was, but its time is over.
        """
        return read_grant(method, key, query, secret=self._signing_key, now=self._now())

    def check(self) -> None:
        with self.begin("check") as pending:
            pending.write(b"writable")

    def remove_abandoned(self, *, older_than: timedelta) -> int:
        oldest = (self._now() - older_than).timestamp()
        removed = 0
        with _unavailable_on_os_error(_INCOMING), suppress(FileNotFoundError):
            for entry in os.scandir(self._root / _INCOMING):
                # A commit may have renamed it since the scan.
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime < oldest:
                        os.unlink(entry.path)
                        removed += 1
        return removed

    def _path(self, key: str) -> Path:
        path = self._root / validate_key(key)
        # Someone may have put a symbolic link into the directory; it must not lead out of it.
        if not path.resolve().is_relative_to(self._root):
            raise InvalidKey(key)
        return path

    def _expiry(self, expires_in: timedelta) -> datetime:
        now = self._now().replace(microsecond=0)
        return now + timedelta(seconds=whole_seconds(expires_in))

    def _url(self, grant: Grant) -> str:
        query = signed_query(grant, self._signing_key)
        return f"{self._public_url}/_objects/{quote(grant.key)}?{query}"


class PendingObject:
    """An object being written. Left without a commit, it is discarded."""

    def __init__(self, key: str, path: Path, temporary: Path) -> None:
        self._key = key
        self._path = path
        self._temporary = temporary
        self._file = temporary.open("xb", buffering=0)

    def write(self, data: bytes) -> int:
        """Append. Raises StorageUnavailable, for instance on a full disk."""
        with _unavailable_on_os_error(self._key):
            rest = memoryview(data)
            while rest:  # An unbuffered write may take less than it is given.
                rest = rest[self._file.write(rest) :]
        return len(data)

    def commit(self) -> ObjectInfo:
        """Make the object visible, after its bytes have reached the disk.

        Raises:
            InvalidKey: The key runs through another object, or names a directory of some.
            StorageUnavailable: The disk refuses.
        """
        try:
            os.fsync(self._file.fileno())
            info = _info(self._key, os.fstat(self._file.fileno()))
            self._file.close()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._temporary.replace(self._path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as cause:
            raise InvalidKey(self._key) from cause
        except OSError as cause:
            raise StorageUnavailable(self._key) from cause
        return info

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def _info(key: str, stat: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


def _files_under(directory: Path, parent: str, prefix: str) -> Iterator[ObjectInfo]:
    """Objects below a directory whose key begins with `prefix`, in the order of their keys."""
    try:
        with os.scandir(directory) as found:
            entries = [e for e in found if not e.name.startswith(".") and not e.is_symlink()]
    except (FileNotFoundError, NotADirectoryError):
        return
    # As keys, "a-b" comes before "a/c": a directory sorts by its name and the slash.
    for entry in sorted(entries, key=lambda e: e.name + "/" * e.is_dir()):
        key = parent + entry.name
        if entry.is_dir():
            if f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/"):
                yield from _files_under(Path(entry.path), f"{key}/", prefix)
        elif key.startswith(prefix):
            with suppress(FileNotFoundError):  # Deleted since the directory was read.
                yield _info(key, entry.stat())


@contextmanager
def _unavailable_on_os_error(subject: str) -> Iterator[None]:
    try:
        yield
    except OSError as cause:
        raise StorageUnavailable(subject) from cause
