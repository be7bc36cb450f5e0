"""What the gateway sends back: answers, and refusals as RFC 9457 problems."""

import inspect
import json
from dataclasses import dataclass, field
from typing import BinaryIO

from chalicelib.core.answer_headers import security_headers

_GUARDS = security_headers("")
Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Answer:
    """One HTTP answer. Header names are lower-case; `Content-Length` is added when it is sent.

    With `file` the body is its next `file_bytes` bytes, streamed, and `body` is empty.
    """

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    file: BinaryIO | None = None
    file_bytes: int = 0
    is_the_apps: bool = False


class Refusal(Exception):
    """The gateway itself refuses. The class name is the problem's title, this its detail."""

    status = 500

    def __init__(self, detail: str | None = None, headers: Headers | None = None) -> None:
        self.title = type(self).__name__
        self.detail = detail or inspect.cleandoc(type(self).__doc__ or "")
        self.headers = headers or []
        super().__init__(self.detail)

    def answer(self, request_id: str) -> Answer:
        """The refusal as `application/problem+json`."""
        problem = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }
        headers = [
            (b"content-type", b"application/problem+json"),
            *((name.lower().encode(), value.encode()) for name, value in _GUARDS.items()),
            *self.headers,
        ]
        return Answer(self.status, headers, json.dumps(problem).encode())


class BadRequest(Refusal):
    """The request is malformed."""

    status = 400


class RouteNotFound(Refusal):
    """Nothing is served at this path."""

    status = 404


class MethodNotAllowed(Refusal):
    """This path does not answer this method."""

    status = 405

    def __init__(self, allowed: list[str]) -> None:
        super().__init__(headers=[(b"allow", ", ".join(allowed).encode())])


class RequestTimeout(Refusal):
    """The request's body did not arrive in time."""

    status = 408


class PayloadTooLarge(Refusal):
    """The request's body is too large. Send large data by a signed upload."""

    status = 413


class BadGateway(Refusal):
    """The application failed to give an answer."""

    status = 502


def with_head(methods: set[str]) -> list[str]:
    """The methods a path answers, for `Allow`: HEAD where there is GET, and OPTIONS always."""
    return sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))
