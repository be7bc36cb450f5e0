"""Objects in S3, or in a server that speaks its protocol, such as MinIO."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, BinaryIO, cast

from chalicelib.core.storage.contract import (
    ObjectInfo,
    ObjectNotFound,
    SignedRequest,
    StorageUnavailable,
)
from chalicelib.core.storage.keys import (
    content_disposition,
    validate_key,
    validate_prefix,
    validate_upload,
    whole_seconds,
)

_NOT_FOUND = {"404", "NoSuchKey", "NotFound"}
_PAST_THE_END = {"416", "InvalidRange"}


class S3Storage:
    """A `Storage` in one bucket, below an optional prefix that keys do not show.

    Credentials come from boto3's usual chain. A URL signed with temporary credentials (a
    Lambda's) ends with them, however long it was asked to live.

    Args:
        bucket: The bucket's name.
        prefix: Where in the bucket, without slashes around it.
        endpoint: Base URL of a server that is not AWS.
        public_endpoint: The same server as clients outside reach it; signed URLs name it,
            because the host is part of the signature.
        region: The bucket's region.
    """

    def __init__(
        self,
        bucket: str,
        *,
        prefix: str = "",
        endpoint: str | None = None,
        public_endpoint: str | None = None,
        region: str = "us-east-1",
    ) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._endpoint = endpoint
        self._public_endpoint = public_endpoint or endpoint
        self._region = region

    def put(
        self,
        key: str,
        data: bytes | BinaryIO,
        *,
        content_type: str = "application/octet-stream",
    ) -> ObjectInfo:
        # A file is sent in parts, several at a time, and appears when the last has arrived.
        # boto3 closes a small one when it is sent, and the file is the caller's: hence the view.
        body = io.BytesIO(data) if isinstance(data, bytes) else _Unclosable(data)
        with _typed_errors(key):
            self._client.upload_fileobj(
                body,
                self._bucket,
                self._name(key),
                ExtraArgs={"ContentType": content_type},
            )
            return self._head(key)

    def open(self, key: str, *, offset: int = 0) -> BinaryIO:
        if offset < 0:
            raise ValueError("offset must not be negative")
        arguments = {"Bucket": self._bucket, "Key": self._name(key)}
        if offset:
            arguments["Range"] = f"bytes={offset}-"
        try:
            with _typed_errors(key):
                body = self._client.get_object(**arguments)["Body"]
        except StorageUnavailable as refusal:
            if refusal.subject in _PAST_THE_END:
                return io.BytesIO()
            raise
        return cast(BinaryIO, io.BufferedReader(_BodyReader(key, body), 256 * 1024))

    def read(self, key: str) -> bytes:
        with self.open(key) as stream:
            return stream.read()

    def stat(self, key: str) -> ObjectInfo | None:
        try:
            with _typed_errors(key):
                return self._head(key)
        except ObjectNotFound:
            return None

    def delete(self, key: str) -> None:
        with _typed_errors(key):
            self._client.delete_object(Bucket=self._bucket, Key=self._name(key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        full = self._prefix + validate_prefix(prefix)
        with _typed_errors(prefix):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=full):
                for item in page.get("Contents", ()):
                    key = item["Key"].removeprefix(self._prefix)
                    yield ObjectInfo(key, item["Size"], item["LastModified"].astimezone(UTC))

    def signed_upload(
        self, key: str, *, size_bytes: int, content_type: str, expires_in: timedelta
    ) -> SignedRequest:
        validate_upload(size_bytes, content_type)
        expires_at = datetime.now(UTC) + expires_in
        # Both become signed headers: S3 answers 403 to another length or another type.
        parameters = {"ContentLength": size_bytes, "ContentType": content_type}
        url = self._presign("put_object", key, parameters, expires_in)
        headers = {"Content-Type": content_type, "Content-Length": str(size_bytes)}
        return SignedRequest("PUT", url, headers, expires_at)

    def signed_download(
        self, key: str, *, expires_in: timedelta, filename: str | None = None
    ) -> str:
        name = filename or key.rpartition("/")[2]
        parameters = {"ResponseContentDisposition": content_disposition(name)}
        return self._presign("get_object", key, parameters, expires_in)

    def remove_abandoned(self, *, older_than: timedelta) -> int:
        oldest, removed = datetime.now(UTC) - older_than, 0
        with _typed_errors(self._bucket):
            pages = self._client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
                for begun in page.get("Uploads", ()):
                    if begun["Initiated"] < oldest:
                        self._client.abort_multipart_upload(
                            Bucket=self._bucket, Key=begun["Key"], UploadId=begun["UploadId"]
                        )
                        removed += 1
        return removed

    def check(self) -> None:
        with _typed_errors(self._bucket, not_found=StorageUnavailable):
            self._client.head_bucket(Bucket=self._bucket)

    @cached_property
    def _client(self) -> Any:
        return _connect(self._endpoint, self._region)

    @cached_property
    def _signer(self) -> Any:
        if self._public_endpoint == self._endpoint:
            return self._client
        return _connect(self._public_endpoint, self._region)

    def _name(self, key: str) -> str:
        return self._prefix + validate_key(key)

    def _head(self, key: str) -> ObjectInfo:
        head = self._client.head_object(Bucket=self._bucket, Key=self._name(key))
        return ObjectInfo(key, head["ContentLength"], head["LastModified"].astimezone(UTC))

    def _presign(
        self, action: str, key: str, parameters: dict[str, Any], expires_in: timedelta
    ) -> str:
        target = {"Bucket": self._bucket, "Key": self._name(key)}
        seconds = whole_seconds(expires_in)
        with _typed_errors(key):
            url: str = self._signer.generate_presigned_url(
                action, Params=target | parameters, ExpiresIn=seconds
            )
        return url


def _connect(endpoint: str | None, region: str) -> Any:
    # Loading boto3 costs a cold Lambda more than the rest of the API: only who stores pays.
    from boto3.session import Session
    from botocore.config import Config

    config = Config(
        signature_version="s3v4",
        connect_timeout=3,
        read_timeout=30,
        retries={"mode": "adaptive", "max_attempts": 4},
        # Servers that are not AWS rarely have a host name per bucket.
        s3={
            "addressing_style": "path" if endpoint else "virtual",
            # By the same kind of name in every region: pages may ask that one only.
            "us_east_1_regional_endpoint": "regional",
        },
    )
    return Session().client("s3", endpoint_url=endpoint, region_name=region, config=config)


class _Unclosable(io.RawIOBase):
    """A file as boto3 may have it: readable, and not its to close."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


class _BodyReader(io.RawIOBase):
    """The body of an answer as a raw stream whose failures are ours."""

    def __init__(self, key: str, body: Any) -> None:
        self._key = key
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _typed_errors(self._key):
            chunk = self._body.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._body.close()
        super().close()


@contextmanager
def _typed_errors(
    key: str, *, not_found: type[ObjectNotFound | StorageUnavailable] = ObjectNotFound
) -> Iterator[None]:
    """Turn boto3's errors into ours; an unavailable store's subject is its error code."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as cause:
        code = str(cause.response.get("Error", {}).get("Code", "unknown"))
        raise (not_found(key) if code in _NOT_FOUND else StorageUnavailable(code)) from cause
    except (BotoCoreError, Boto3Error) as cause:
        raise StorageUnavailable(type(cause).__name__) from cause
