"""The alphabet of keys, and the other inputs a signed URL carries."""

import re
from datetime import timedelta
from urllib.parse import quote

from chalicelib.core.storage.contract import MAX_SIGNED_LIFE, MAX_UPLOAD_BYTES, InvalidKey

MAX_KEY_LENGTH = 700
# A first dot is refused so that no segment is `.` or `..` and the directory store has names
# of its own. 200 characters leave room under the 255 bytes a file name may have.
_SEGMENT = r"[A-Za-z0-9_=+@,-][A-Za-z0-9._=+@,-]{0,199}"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)*(?:{_SEGMENT})?")
_CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(?:; ?[\w-]+=[\w.+-]+)*", re.ASCII)


def validate_key(key: str) -> str:
    """The key itself.

    Raises:
        InvalidKey: It is outside the alphabet, absolute, climbs, or is too long.
    """
    if len(key) > MAX_KEY_LENGTH or not _KEY.fullmatch(key):
        raise InvalidKey(key[:100])
    return key


def validate_prefix(prefix: str) -> str:
    """The beginning of a key, possibly empty or ending in a slash.

    Raises:
        InvalidKey: No key can begin so.
    """
    if len(prefix) > MAX_KEY_LENGTH or not _PREFIX.fullmatch(prefix):
        raise InvalidKey(prefix[:100])
    return prefix


def validate_upload(size_bytes: int, content_type: str) -> None:
    """Raises ValueError for what no store would take in one PUT."""
    if not 0 <= size_bytes <= MAX_UPLOAD_BYTES:
        raise ValueError(f"size_bytes must be between 0 and {MAX_UPLOAD_BYTES}, not {size_bytes}")
    if not _CONTENT_TYPE.fullmatch(content_type):
        raise ValueError(f"not a content type: {content_type!r}")


def whole_seconds(expires_in: timedelta) -> int:
    """A signed URL's life in seconds; ValueError when it has none or too much of it."""
    if not timedelta(seconds=1) <= expires_in <= MAX_SIGNED_LIFE:
        raise ValueError(f"expires_in must be between one second and {MAX_SIGNED_LIFE}")
    return int(expires_in.total_seconds())


def content_disposition(filename: str) -> str:
    """`Content-Disposition` that saves under `filename`, whatever characters it has (RFC 6266)."""
    visible = "".join(c for c in filename if c.isprintable() and c not in '/\\"').strip(" .")
    ascii_only = visible.encode("ascii", "replace").decode().replace("?", "_") or "download"
    return f"attachment; filename=\"{ascii_only}\"; filename*=UTF-8''{quote(visible, safe='')}"
