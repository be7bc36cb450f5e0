"""The gateway itself, an ASGI application."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from chalice.app import Chalice

from chalicelib.core.storage import DirectoryStorage
from infra.local.gateway import assets as asset_files
from infra.local.gateway import objects
from infra.local.gateway.answers import (
    Answer,
    MethodNotAllowed,
    PayloadTooLarge,
    Refusal,
    RouteNotFound,
    with_head,
)
from infra.local.gateway.assets import AssetLibrary
from infra.local.gateway.compression import compress
from infra.local.gateway.cors import CorsPolicy
from infra.local.gateway.events import proxy_event
from infra.local.gateway.function import Function
from infra.local.gateway.lost import answer_to
from infra.local.gateway.objects import ObjectDoor
from infra.local.gateway.request import (
    Receive,
    Request,
    Scope,
    Send,
    drain,
    read_body,
    read_request,
)
from infra.local.gateway.routes import RouteTable

_logger = logging.getLogger(__name__)
MAX_BODY_BYTES = 4 * 1024 * 1024
_PIECE_BYTES = 256 * 1024


class Gateway:
    """Serves a Chalice app, and beside it objects and assets.

    Args:
        app: Any Chalice app; its class is changed so that calls do not share a request.
        storage: Whose signed URLs are served under `/_objects/`; None serves none.
        assets: Package name to the directory whose files `/assets/<package>/` serves.
        cors_origins: Origins whose pages may read answers.
        max_body_bytes: Of a request to the app. Lambda takes 6 MB after base64.
        threads: How many calls of the app may run at once in this process.
        trust_forwarded_for: Only behind a proxy that sets `X-Forwarded-For`.
    """

    def __init__(
        self,
        app: Chalice,
        *,
        storage: DirectoryStorage | None,
        assets: Mapping[str, Path],
        cors_origins: Sequence[str],
        max_body_bytes: int = MAX_BODY_BYTES,
        threads: int = 1,
        trust_forwarded_for: bool = False,
    ) -> None:
        self._function = Function(app)
        self._methods = {resource: set(methods) for resource, methods in app.routes.items()}
        self._routes = RouteTable(self._methods)
        self._binary_types = frozenset(app.api.binary_types)
        self._assets = AssetLibrary(assets)
        self._objects = None if storage is None else ObjectDoor(storage)
        self._cors = CorsPolicy(cors_origins)
        self._max_body_bytes = max_body_bytes
        self._threads = ThreadPoolExecutor(threads, "app") if threads > 1 else None
        self._trust_forwarded_for = trust_forwarded_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = read_request(scope, trust_forwarded_for=self._trust_forwarded_for)
        unread = False
        try:
            answer = await self._answer(request, receive)
        except Refusal as refusal:
            _log_refusal(request, refusal)
            answer = answer_to(request, refusal)
            unread = isinstance(refusal, PayloadTooLarge)
        self._finish(answer, request)
        await _deliver(answer, request, receive, send)
        if unread:
            await drain(receive)

    async def _answer(self, request: Request, receive: Receive) -> Answer:
        if request.path.startswith(asset_files.PREFIX):
            if request.method == "OPTIONS":
                return self._cors.preflight(with_head({"GET"}))
            return self._assets.answer(request)
        if request.path.startswith(objects.PREFIX):
            if self._objects is None:
                raise RouteNotFound
            if request.method == "OPTIONS":
                return self._cors.preflight(objects.METHODS)
            return await self._objects.answer(request, receive)
        return await self._invoke(request, receive)

    async def _invoke(self, request: Request, receive: Receive) -> Answer:
        """The app's answer, or the preflight's where the app has none of its own."""
        match = self._routes.match(request.path)
        methods = self._methods[match.resource]
        method = request.method
        if method not in methods:
            if method == "OPTIONS":
                return self._cors.preflight(with_head(methods))
            if method != "HEAD" or "GET" not in methods:
                raise MethodNotAllowed(with_head(methods))
            method = "GET"
        body = await read_body(request, receive, max_bytes=self._max_body_bytes)
        event = proxy_event(request, match, body, method=method, binary_types=self._binary_types)
        # Reads are done in well under a millisecond of this thread's own work. Writes wait for the
        # disk: several at once share one flush of the write-ahead log.
        if self._threads is None or method == "GET":
            return self._function(event)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._function, event)

    def _finish(self, answer: Answer, request: Request) -> None:
        """Add what every answer has, whoever gave it."""
        compress(answer, request.headers.get("accept-encoding", ""))
        present = {name for name, _ in answer.headers}
        if not answer.is_the_apps:  # Which says itself who may read it, as it must when deployed.
            answer.headers += self._cors.headers(request.headers.get("origin"))
            answer.headers.append((b"vary", b"Origin"))
        if b"x-request-id" not in present:
            answer.headers.append((b"x-request-id", request.request_id.encode()))
        if answer.status not in {204, 304}:
            length = answer.file_bytes if answer.file else len(answer.body)
            answer.headers.append((b"content-length", b"%d" % length))


def _log_refusal(request: Request, refusal: Refusal) -> None:
    level = logging.WARNING if refusal.status >= 500 else logging.INFO
    # Without the path: whoever asks for what is not there may have put anything into it.
    _logger.log(
        level,
        "%d %s: %s, request_id=%s",
        refusal.status,
        refusal.title,
        request.method,
        request.request_id,
    )


async def _deliver(answer: Answer, request: Request, receive: Receive, send: Send) -> None:
    start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
    if answer.file is not None:
        with answer.file as file:
            await send(start)
            if request.method != "HEAD":
                await _stream(file, answer.file_bytes, receive, send)
                return
    else:
        await send(start)
    body = b"" if request.method == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})


async def _stream(file: BinaryIO, left: int, receive: Receive, send: Send) -> None:
    """Send the next `left` bytes as fast as the client takes them, until it leaves."""
    await receive()  # The request's empty body; what comes after is that the client left.
    gone = asyncio.ensure_future(receive())
    try:
        while not gone.done():
            piece = file.read(min(left, _PIECE_BYTES))
            left -= len(piece)
            more = left > 0 and bool(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            if not more:
                return
    finally:
        gone.cancel()
