"""The Chalice app as the Lambda function behind the gateway."""

import base64
import logging
import threading
from typing import Any

from chalice.app import Chalice, ChaliceAuthorizer
from chalice.local import (
    LambdaContext,
    LocalChalice,
    LocalGatewayAuthorizer,
    LocalGatewayException,
)

from infra.local.gateway.answers import Answer, BadGateway, Refusal

_logger = logging.getLogger(__name__)
_TIMEOUT_MS = 29_000  # What API Gateway waits for an integration.
_MEMORY_MB = 1024
# The gateway frames the message; what an app says about that would contradict it.
_FRAMING = {b"content-length", b"transfer-encoding", b"connection"}


class UnsupportedRoute(Exception):
    """Only authorizers written in the app can be run here. Serving this route without its
    authorizer or API key would let anyone in."""


class Unauthorized(Refusal):
    """The request carries no credentials."""

    status = 401


class Forbidden(Refusal):
    """The authorizer refuses this request."""

    status = 403


class Function:
    """Invokes the app with an event, as the Lambda service would.

    The app's class changes: see `per_thread`.

    Raises:
        UnsupportedRoute: A route is guarded by what only AWS can ask.
    """

    def __init__(self, app: Chalice) -> None:
        per_thread(app)
        self._app = app
        self._authorizer = LocalGatewayAuthorizer(app)
        self._guarded = _guarded_routes(app)

    def __call__(self, event: dict[str, Any]) -> Answer:
        """The app's answer.

        Raises:
            Refusal: An authorizer refused, or the app gave no answer that HTTP can carry.
        """
        requested = event["requestContext"]
        context = LambdaContext(self._app.app_name, _MEMORY_MB, _TIMEOUT_MS)
        context.aws_request_id = requested["requestId"]
        if (requested["resourcePath"], requested["httpMethod"]) in self._guarded:
            self._authorize(event, context)
        try:
            return _answer(self._app(event, context))
        except Exception as cause:
            # This is the Lambda service's edge: whatever escapes a function is a 502 there,
            # and Chalice serialises bodies outside of its own error handling.
            _logger.exception("no answer from the app, request_id=%s", requested["requestId"])
            raise BadGateway from cause

    def _authorize(self, event: dict[str, Any], context: LambdaContext) -> None:
        try:
            self._authorizer.authorize(event["path"], event, context)
        except LocalGatewayException as refusal:
            raise {401: Unauthorized, 403: Forbidden}.get(refusal.CODE, BadGateway)() from refusal


def per_thread(app: Chalice) -> None:
    """Keep the app's current request and Lambda context apart for each thread.

    Chalice stores both on the app, which Lambda never shares. Here calls may overlap, and
    without this one reads another's token. `chalice local` does the same with its class.
    """
    if isinstance(app, LocalChalice):
        return
    calls = threading.local()
    app.__class__ = type(
        f"Local{type(app).__name__}",
        (LocalChalice, type(app)),
        {
            "_THREAD_LOCAL": calls,
            "lambda_context": property(
                lambda _: calls.lambda_context,
                lambda _, context: setattr(calls, "lambda_context", context),
            ),
        },
    )


def _guarded_routes(app: Chalice) -> set[tuple[str, str]]:
    """Resource and method of the routes that have an authorizer of the app's own."""
    guarded = set()
    for resource, methods in app.routes.items():
        for method, entry in methods.items():
            if entry.api_key_required or (
                entry.authorizer and not isinstance(entry.authorizer, ChaliceAuthorizer)
            ):
                raise UnsupportedRoute(f"{UnsupportedRoute.__doc__} [{method} {resource}]")
            if entry.authorizer:
                guarded.add((resource, method))
    return guarded


def _answer(response: dict[str, Any]) -> Answer:
    """A proxy integration's response as HTTP.

    Raises:
        ValueError: What API Gateway calls a malformed Lambda proxy response.
    """
    headers = [_header(name, value) for name, value in response["headers"].items()]
    for name, values in response["multiValueHeaders"].items():
        headers += [_header(name, value) for value in values]
    headers = [header for header in headers if header[0] not in _FRAMING]
    body = response["body"] or ""
    if response.get("isBase64Encoded"):
        content = base64.b64decode(body)
    elif isinstance(body, str):
        content = body.encode()
    else:
        raise ValueError("bytes need a Content-Type that app.api.binary_types lists")
    if content and all(name != b"content-type" for name, _ in headers):
        headers.append((b"content-type", b"application/json"))
    return Answer(response["statusCode"], headers, content, is_the_apps=True)


def _header(name: str, value: Any) -> tuple[bytes, bytes]:
    text = str(value)
    if "\n" in text or "\r" in text:
        raise ValueError(f"line break in header {name}")
    return name.lower().encode("latin-1"), text.encode("latin-1")
