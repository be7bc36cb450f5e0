"""Signed uploads and downloads of a directory's objects: on AWS, S3 does this itself.

Bytes stream between socket and file in pieces of some hundred kilobytes, outside the app.
"""

import asyncio
import mimetypes
import os
import re
from typing import BinaryIO

from chalicelib.core.storage import (
    DirectoryStorage,
    DownloadGrant,
    InvalidKey,
    ObjectNotFound,
    SignatureExpired,
    SignatureInvalid,
    StorageError,
    StorageUnavailable,
    UploadGrant,
    content_disposition,
)
from infra.local.gateway.answers import (
    Answer,
    BadRequest,
    Headers,
    MethodNotAllowed,
    PayloadTooLarge,
    Refusal,
)
from infra.local.gateway.request import Receive, Request, declared_size, decode_path, next_chunk

PREFIX = "/_objects/"
METHODS = ["GET", "HEAD", "OPTIONS", "PUT"]
_STATUS: dict[type[StorageError], int] = {
    InvalidKey: 400,
    SignatureInvalid: 403,
    SignatureExpired: 403,
    ObjectNotFound: 404,
    StorageUnavailable: 503,
}
OPAQUE = "application/octet-stream"
MEDIA_TYPES = {"ndjson": "application/x-ndjson", "parquet": "application/vnd.apache.parquet"}
"""By suffix, of what Python does not know."""

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class StorageRefusal(Refusal):
    """What the store refused, under its own name."""

    def __init__(self, error: StorageError) -> None:
        super().__init__(type(error).__doc__)
        self.title = type(error).__name__
        self.status = _STATUS[type(error)]


class RangeNotSatisfiable(Refusal):
    """The object has no such bytes."""

    status = 416


class ObjectDoor:
    """Serves `/_objects/<key>?<signature>`."""

    def __init__(self, storage: DirectoryStorage) -> None:
        self._storage = storage

    async def answer(self, request: Request, receive: Receive) -> Answer:
        """The object, or an empty 200 once it is stored.

        Raises:
            Refusal: See the classes above and those of `answers`.
        """
        if request.method not in METHODS:
            raise MethodNotAllowed(METHODS)
        key = decode_path(request.path.removeprefix(PREFIX))
        query = {name: values[-1] for name, values in request.query_fields().items()}
        try:
            grant = self._storage.verify(request.method, key, query)
            if isinstance(grant, UploadGrant):
                return await self._store(grant, request, receive)
            return self._fetch(grant, request)
        except StorageError as error:
            raise StorageRefusal(error) from error

    async def _store(self, grant: UploadGrant, request: Request, receive: Receive) -> Answer:
        if request.headers.get("content-type", "").lower() != grant.content_type.lower():
            raise SignatureInvalid(grant.key)
        declared = declared_size(request)
        if declared is not None:
            _check_size(declared, grant)
        received, more = 0, declared != 0
        with self._storage.begin(grant.key) as pending:
            while more:
                chunk, more = await next_chunk(receive)
                received += len(chunk)
                if received > grant.size_bytes:
                    raise PayloadTooLarge("The body is larger than what was signed.")
                pending.write(chunk)
            _check_size(received, grant)
            # Waiting for the disk must not keep other requests waiting.
            await asyncio.to_thread(pending.commit)
        return Answer(200)

    def _fetch(self, grant: DownloadGrant, request: Request) -> Answer:
        file = self._storage.open(grant.key)
        try:
            return _download(file, grant, request)
        except Refusal:
            file.close()
            raise


def _check_size(size: int, grant: UploadGrant) -> None:
    if size > grant.size_bytes:
        raise PayloadTooLarge("The body is larger than what was signed.")
    if size < grant.size_bytes:
        raise BadRequest("The body is smaller than what was signed.")


def _media_type(filename: str) -> str:
    """What a store that remembers content types would have said."""
    suffix = filename.rpartition(".")[2]
    return MEDIA_TYPES.get(suffix) or mimetypes.guess_type(filename)[0] or OPAQUE


def _download(file: BinaryIO, grant: DownloadGrant, request: Request) -> Answer:
    """The open file, or the part of it that was asked for."""
    # Asked of the open file: the object may be replaced meanwhile, this version stays.
    stat = os.fstat(file.fileno())
    tag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    headers: Headers = [
        (b"content-type", _media_type(grant.filename).encode()),
        (b"content-disposition", content_disposition(grant.filename).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"private, no-store"),
        (b"accept-ranges", b"bytes"),
        (b"etag", tag.encode()),
    ]
    wanted = request.headers.get("range", "")
    if request.headers.get("if-range", tag) != tag:
        wanted = ""  # Part of another version: the client must have the whole.
    span = _span(wanted, stat.st_size)
    if span is None:
        return Answer(200, headers, file=file, file_bytes=stat.st_size)
    start, end = span
    headers.append((b"content-range", f"bytes {start}-{end}/{stat.st_size}".encode()))
    file.seek(start)
    return Answer(206, headers, file=file, file_bytes=end - start + 1)


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a `Range`; None for the whole, also when it asks for several.

    Raises:
        RangeNotSatisfiable: It begins past the end.
    """
    asked = _RANGE.fullmatch(wanted.strip())
    if asked is None or asked[1] == asked[2] == "":
        return None
    if asked[1] == "":
        start, end = max(0, size - int(asked[2])), size - 1
    else:
        start, end = int(asked[1]), min(int(asked[2] or size - 1), size - 1)
        if asked[2] and int(asked[2]) < start:
            return None
    if start >= size:
        raise RangeNotSatisfiable(headers=[(b"content-range", b"bytes */%d" % size)])
    return start, end
