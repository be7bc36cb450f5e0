"""gzip for text that is worth it."""

import zlib
from functools import lru_cache

from infra.local.gateway.answers import Answer

_MIN_BYTES = 1024
# While it packs, the process answers nobody else. Measured on JSON lists: 12 kB take 0.09 ms
# at either level, 117 kB take 0.54 ms at level 1 and 1.4 ms at 6, which saves a fifth more.
_SMALL_BYTES = 16 * 1024
_SMALL_LEVEL, _LARGE_LEVEL = 6, 1
_TEXT = {
    "application/javascript",
    "application/json",
    "application/manifest+json",
    "application/x-ndjson",
    "application/xml",
    "image/svg+xml",
}


def gzipped(content: bytes, level: int) -> bytes:
    """gzip without a time stamp: the same bytes for the same content."""
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an `Accept-Encoding` takes gzip (RFC 9110, 12.5.3)."""
    weights = {}
    for entry in accept_encoding.lower().split(","):
        coding, _, parameter = entry.partition(";")
        weights[coding.strip()] = _weight(parameter)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


@lru_cache(maxsize=256)
def is_text(content_type: str) -> bool:
    """Whether bytes of this content type shrink."""
    media_type = content_type.partition(";")[0].strip().lower()
    return (
        media_type in _TEXT
        or media_type.startswith("text/")
        or media_type.endswith(("+json", "+xml"))
    )


def compress(answer: Answer, accept_encoding: str) -> None:
    """Compress an answer in place when that is worth it and asked for.

    An entity tag becomes a weak one, since the bytes are no longer those it names; the
    comparison of `If-None-Match` is the weak one anyway (RFC 9110, 13.1.2).
    """
    if len(answer.body) < _MIN_BYTES or answer.status == 206:
        return
    headers = dict(answer.headers)
    if not is_text(headers.get(b"content-type", b"").decode("latin-1")):
        return
    if b"content-encoding" in headers or b"no-transform" in headers.get(b"cache-control", b""):
        return
    answer.headers.append((b"vary", b"Accept-Encoding"))
    if not accepts_gzip(accept_encoding):
        return
    level = _SMALL_LEVEL if len(answer.body) < _SMALL_BYTES else _LARGE_LEVEL
    answer.body = gzipped(answer.body, level)
    answer.headers = [(name, _weak(name, value)) for name, value in answer.headers]
    answer.headers.append((b"content-encoding", b"gzip"))


def _weak(name: bytes, value: bytes) -> bytes:
    return b"W/" + value if name == b"etag" and not value.startswith(b"W/") else value
