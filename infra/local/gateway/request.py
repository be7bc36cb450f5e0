"""The request as the rest of the gateway reads it, from an ASGI scope and channel."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes
from uuid import uuid4

from infra.local.gateway.answers import BadRequest, PayloadTooLarge, Refusal, RequestTimeout

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

IDLE_SECONDS = 30
DRAIN_BYTES = 16 * 1024 * 1024
DRAIN_SECONDS = 5
_MAX_QUERY_FIELDS = 1000
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(slots=True)
class Request:
    """The head of one request.

    Attributes:
        path: As sent, percent-encoded, without the query.
        query: As sent, without the question mark.
        headers: Lower-case name to its last value.
        multi_headers: Lower-case name to all its values, in order.
        source_ip: Who asks.
        request_id: New for each request; a client cannot choose it.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    multi_headers: dict[str, list[str]]
    source_ip: str
    request_id: str

    def query_fields(self) -> dict[str, list[str]]:
        """The query decoded, blank values kept.

        Raises:
            BadRequest: It is not UTF-8, or has over a thousand fields.
        """
        try:
            return parse_qs(
                self.query,
                keep_blank_values=True,
                errors="strict",
                max_num_fields=_MAX_QUERY_FIELDS,
            )
        except ValueError as cause:
            raise BadRequest("The query string is malformed.") from cause


def read_request(scope: Scope, *, trust_forwarded_for: bool) -> Request:
    """The head of a request.

    Args:
        scope: ASGI's, of type http.
        trust_forwarded_for: Take the address from the last entry of `X-Forwarded-For`, the
            one that a proxy of ours has added. Clients can write the header themselves.
    """
    headers: dict[str, str] = {}
    multi_headers: dict[str, list[str]] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = value
        multi_headers.setdefault(name, []).append(value)
    source_ip = scope["client"][0]
    if trust_forwarded_for and "x-forwarded-for" in headers:
        source_ip = headers["x-forwarded-for"].rpartition(",")[2].strip()
    return Request(
        method=scope["method"],
        # The server has refused, with 400, what is not UTF-8.
        path=scope["raw_path"].decode(),
        query=scope["query_string"].decode(),
        headers=headers,
        multi_headers=multi_headers,
        source_ip=source_ip,
        request_id=str(uuid4()),
    )


def decode_path(encoded: str) -> str:
    """A path or one segment of it, percent-decoded.

    Raises:
        BadRequest: A broken escape, bytes that are not UTF-8, or a NUL, which no database
            takes as text.
    """
    if "%" not in encoded:
        return encoded
    try:
        decoded = unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError as cause:
        raise BadRequest("The path is not UTF-8.") from cause
    if _BROKEN_ESCAPE.search(encoded) or "\0" in decoded:
        raise BadRequest("The path is malformed.")
    return decoded


def declared_size(request: Request) -> int | None:
    """The body's size in bytes, or None when it comes in chunks of unknown total."""
    if "transfer-encoding" in request.headers:
        return None
    # The server has refused, with 400, a length that is no number.
    return int(request.headers.get("content-length", 0))


async def read_body(request: Request, receive: Receive, *, max_bytes: int) -> bytes:
    """The whole body, never more than `max_bytes` of it in memory.

    Raises:
        PayloadTooLarge: It is larger; the rest is left unread.
        BadRequest: It broke off.
        RequestTimeout: Nothing came for IDLE_SECONDS.
    """
    size = declared_size(request)
    if size == 0:
        return b""
    if size is not None and size > max_bytes:
        raise PayloadTooLarge
    chunks: list[bytes] = []
    received, more = 0, True
    while more:
        chunk, more = await next_chunk(receive)
        received += len(chunk)
        if received > max_bytes:
            raise PayloadTooLarge
        chunks.append(chunk)
    return b"".join(chunks)


async def next_chunk(receive: Receive) -> tuple[bytes, bool]:
    """The next bytes of a body, and whether more follow.

    Raises:
        BadRequest: The client left, or its chunks are malformed.
        RequestTimeout: Nothing came for IDLE_SECONDS.
    """
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            message = await receive()
    except TimeoutError as cause:
        raise RequestTimeout from cause
    if message["type"] == "http.disconnect":
        raise BadRequest("The body broke off.")
    return message.get("body", b""), message.get("more_body", False)


async def drain(receive: Receive) -> None:
    """Throw away what still comes of a refused body, up to DRAIN_BYTES and DRAIN_SECONDS.

    A client that sends before it reads would find its connection reset, and never see why,
    if the server closed with unread bytes.
    """
    left, more = DRAIN_BYTES, True
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while more and left > 0:
                chunk, more = await next_chunk(receive)
                left -= len(chunk)
    except (TimeoutError, Refusal):
        return
