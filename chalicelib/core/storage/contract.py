"""What every object store promises, and how it refuses."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, Protocol

MAX_UPLOAD_BYTES = 5 * 1024**3  # What S3 takes in one PUT.
MAX_SIGNED_LIFE = timedelta(days=7)  # What S3 allows a signed URL to live.


class StorageError(Exception):
    """The object store could not do this."""

    def __init__(self, subject: str | None = None) -> None:
        """`subject` (a key, a store's error code) is for logs; clients get the docstring."""
        self.subject = subject
        message = inspect.cleandoc(type(self).__doc__ or "")
        super().__init__(message if subject is None else f"{message} [{subject}]")


class ObjectNotFound(StorageError):
    """There is no object under this key."""


class InvalidKey(StorageError):
    """An object key is segments of letters, digits and ._=+@,- joined by slashes."""


class StorageUnavailable(StorageError):
    """The object store does not answer. Try again later."""


class SignatureInvalid(StorageError):
    """This URL was not signed for this use."""


class SignatureExpired(StorageError):
    """This signed URL has expired. Ask for another."""


@dataclass(frozen=True)
class ObjectInfo:
    """One stored object. `modified` is aware UTC."""

    key: str
    size_bytes: int
    modified: datetime


@dataclass(frozen=True)
class SignedRequest:
    """A request a client may make until `expires_at`, with exactly these headers."""

    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


class Storage(Protocol):
    """An object store.

    Every method raises InvalidKey for a key outside the alphabet and StorageUnavailable
    when the store does not answer.
    """

    def put(
        self,
        key: str,
        data: bytes | BinaryIO,
        *,
        content_type: str = "application/octet-stream",
    ) -> ObjectInfo:
        """Store or replace an object. A reader sees the old one or the new one, whole."""

    def open(self, key: str, *, offset: int = 0) -> BinaryIO:
        """Stream an object from a byte offset; past its end there is nothing to read.

        Raises:
            ObjectNotFound: There is no such object.
        """

    def read(self, key: str) -> bytes:
        """A whole object, for small ones.

        Raises:
            ObjectNotFound: There is no such object.
        """

    def stat(self, key: str) -> ObjectInfo | None:
        """Size and age, or None when there is no such object."""

    def delete(self, key: str) -> None:
        """Remove an object; what is not there is already removed."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Objects whose key begins with `prefix` (any characters, "" for all), in key order."""

    def signed_upload(
        self, key: str, *, size_bytes: int, content_type: str, expires_in: timedelta
    ) -> SignedRequest:
        """A PUT that stores exactly `size_bytes` of `content_type` under this key.

        Raises:
            ValueError: A size over MAX_UPLOAD_BYTES, a life over MAX_SIGNED_LIFE, a
                content type that is none.
        """

    def signed_download(
        self, key: str, *, expires_in: timedelta, filename: str | None = None
    ) -> str:
        """A URL to GET this object, saved by browsers as `filename` (default: the key's last part).

        Raises:
            ValueError: A life over MAX_SIGNED_LIFE.
        """

    def remove_abandoned(self, *, older_than: timedelta) -> int:
        """Delete what was begun and left half-written, by a killed process say; how many."""

    def check(self) -> None:
        """Ask the store whether it would serve.

        Raises:
            StorageUnavailable: It would not.
        """
