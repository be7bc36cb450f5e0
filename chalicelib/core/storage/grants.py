"""Signed URLs of the directory store: what they allow, and the proof that we said so."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from chalicelib.core.storage.contract import SignatureExpired, SignatureInvalid
from chalicelib.core.storage.keys import validate_key


@dataclass(frozen=True)
class UploadGrant:
    """May PUT exactly `size_bytes` of `content_type` under `key`."""

    key: str
    size_bytes: int
    content_type: str
    expires_at: datetime


@dataclass(frozen=True)
class DownloadGrant:
    """May GET or HEAD `key`, to be saved as `filename`."""

    key: str
    filename: str
    expires_at: datetime


Grant = UploadGrant | DownloadGrant


def signed_query(grant: Grant, secret: str) -> str:
    """The query string that proves the grant."""
    fields = {"expires": str(int(grant.expires_at.timestamp()))}
    if isinstance(grant, UploadGrant):
        fields |= {"size": str(grant.size_bytes), "type": grant.content_type}
    else:
        fields |= {"filename": grant.filename}
    return urlencode({**fields, "signature": _signature(grant, secret)})


def read_grant(
    method: str, key: str, query: Mapping[str, str], *, secret: str, now: datetime
) -> Grant:
    """What a signed request may do.

    Raises:
        InvalidKey: The key is none.
        SignatureInvalid: The query is incomplete, altered or signed for another use.
        SignatureExpired: It was true once.
    """
    grant = _claimed(method, validate_key(key), query)
    if not hmac.compare_digest(_signature(grant, secret), query.get("signature", "").encode()):
        raise SignatureInvalid(key)
    if grant.expires_at <= now:
        raise SignatureExpired(key)
    return grant


def _claimed(method: str, key: str, query: Mapping[str, str]) -> Grant:
    """The grant a query speaks of, not yet believed."""
    try:
        expires_at = datetime.fromtimestamp(int(query["expires"]), UTC)
        if method == "PUT":
            return UploadGrant(key, int(query["size"]), query["type"], expires_at)
        if method in {"GET", "HEAD"}:
            return DownloadGrant(key, query["filename"], expires_at)
    except (KeyError, ValueError, OverflowError, OSError) as cause:
        raise SignatureInvalid(key) from cause
    raise SignatureInvalid(key)


def _signature(grant: Grant, secret: str) -> bytes:
    expires = int(grant.expires_at.timestamp())
    # JSON keeps the fields apart: no two grants share a text, whatever a file name contains.
    if isinstance(grant, UploadGrant):
        fields = ["PUT", grant.key, grant.size_bytes, grant.content_type, expires]
    else:
        fields = ["GET", grant.key, grant.filename, expires]
    digest = hmac.new(secret.encode(), json.dumps(fields).encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=")
