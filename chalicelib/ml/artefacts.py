"""The digest that ties stored bytes to the registry row that names them."""

from __future__ import annotations

import hashlib
import hmac


class DigestMismatch(RuntimeError):
    """The stored model is not the one that was registered; it must not be loaded."""


class WidthMismatch(RuntimeError):
    """The stored model reads another number of columns than its encoder writes."""


def sha256_of(data: bytes) -> str:
    """Digest as 64 lowercase hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def verify_digest(data: bytes, sha256: str) -> None:
    """Check bytes before anything reads them.

    Raises:
        DigestMismatch: They are not what `sha256` was taken of.
    """
    found = sha256_of(data)
    if not hmac.compare_digest(found, sha256):
        raise DigestMismatch(f"expected sha256 {sha256[:12]}..., found {found[:12]}...")
