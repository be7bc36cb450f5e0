"""Object storage behind one contract: a directory on a laptop, S3 or MinIO elsewhere.

Large data never passes the API: clients send and fetch it with the short-lived, signed
URLs made here. Objects are stored before the database row that names them, and every key
begins with the tenant it belongs to (the caller's duty).

    file:///srv/previsto/objects
    s3://bucket/prefix?region=sa-east-1
    s3://bucket/prefix?endpoint=http://minio:9000&public_endpoint=http://localhost:9000
"""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from chalicelib.core.storage.contract import (
    MAX_UPLOAD_BYTES,
    InvalidKey,
    ObjectInfo,
    ObjectNotFound,
    SignatureExpired,
    SignatureInvalid,
    SignedRequest,
    Storage,
    StorageError,
    StorageUnavailable,
)
from chalicelib.core.storage.directory import DirectoryStorage, PendingObject
from chalicelib.core.storage.grants import DownloadGrant, UploadGrant
from chalicelib.core.storage.keys import content_disposition
from chalicelib.core.storage.s3 import S3Storage

__all__ = [
    "MAX_UPLOAD_BYTES",
    "DirectoryStorage",
    "DownloadGrant",
    "InvalidKey",
    "ObjectInfo",
    "ObjectNotFound",
    "PendingObject",
    "S3Storage",
    "SignatureExpired",
    "SignatureInvalid",
    "SignedRequest",
    "Storage",
    "StorageError",
    "StorageUnavailable",
    "UploadGrant",
    "content_disposition",
    "open_storage",
    "upload_origin",
]


def open_storage(url: str, *, signing_key: str, public_url: str) -> Storage:
    """The store a URL names. Nothing is contacted until it is used.

    Args:
        url: `file:///directory` or `s3://bucket/prefix?endpoint=&public_endpoint=&region=`.
        signing_key: Secret of the URLs a directory signs; S3 signs with its own credentials.
        public_url: Where clients reach the gateway that serves a directory's signed URLs.

    Raises:
        ValueError: The URL names no store known here.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and len(parts.path) > 1:
        root = Path(unquote(parts.path))
        return DirectoryStorage(root, signing_key=signing_key, public_url=public_url)
    if parts.scheme == "s3" and parts.netloc:
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        unknown = options.keys() - {"endpoint", "public_endpoint", "region"}
        if not unknown:
            return S3Storage(parts.netloc, prefix=parts.path.strip("/"), **options)
    raise ValueError(
        "STORAGE_URL must be file:///directory or "
        "s3://bucket/prefix?endpoint=...&public_endpoint=...&region=..."
    )


def upload_origin(url: str) -> str:
    """Whose signed addresses a browser sends files to; empty where it is the gateway itself.

    Args:
        url: As `open_storage` takes it.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3":
        return ""
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    region = f".{options['region']}" if "region" in options else ""
    amazon = f"https://{parts.netloc}.s3{region}.amazonaws.com"
    return options.get("public_endpoint") or options.get("endpoint") or amazon
