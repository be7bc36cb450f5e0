"""What a view gets of a request and gives as its answer, and what of both is logged."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from chalice.app import Request, Response
from pydantic import BaseModel

from chalicelib.core import metrics, telemetry
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Problem
from chalicelib.core.pages import Page
from chalicelib.core.parsing import JSON

log = logging.getLogger("previsto.http")

SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


@dataclass(frozen=True)
class Reply:
    """An answer that needs more than a model: another status, headers, or a media type."""

    content: BaseModel | str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = JSON


@dataclass(frozen=True)
class Call:
    """What a view may want to know about the request itself."""

    source_ip: str
    prefix: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]

    def link(self, path: str) -> str:
        """An address in this API for `Location`, the deployment stage included."""
        return f"{self.prefix}{path}"

    def next_page(self, cursor: str | None) -> str | None:
        """This list's address with another cursor; None without one."""
        if cursor is None:
            return None
        pairs = {**self.query, "cursor": [cursor]}
        return f"{self.link(self.path)}?{urlencode(pairs, doseq=True)}"


def page_reply(
    model: type[Page[Any]],
    rows: Sequence[Any],
    cursor: str | None,
    total: tuple[int, bool],
    call: Call,
) -> Reply:
    """The answer of a list: one page as JSON, the next one also as a `Link` header.

    Args:
        model: `Page[...]` of the items' model.
        rows: What the items are read off.
        cursor: Where the next page begins; None on the last one.
        total: The count and whether it is exact.
        call: The request, for the address of the next page.
    """
    address = call.next_page(cursor)
    count, exact = total
    page = model.model_validate(
        {"items": rows, "total": count, "total_exact": exact, "next": address},
        from_attributes=True,
    )
    return Reply(page, headers={"Link": f'<{address}>; rel="next"'} if address else {})


def request_id_of(request: Request) -> str:
    """The id the caller gave, if it is harmless, else the gateway's."""
    given = str(request.headers.get("x-request-id", ""))
    if SAFE_REQUEST_ID.fullmatch(given):
        return given
    return str(request.context.get("requestId") or telemetry.new_request_id())


def media_type_of(request: Request) -> str:
    """The media type of the body, in lower case and without parameters; JSON unless given."""
    given: str = request.headers.get("content-type", JSON)
    return given.partition(";")[0].strip().lower()


def source_ip_of(request: Request) -> str:
    """The caller's address, as the gateway saw it."""
    return str(request.context.get("identity", {}).get("sourceIp", ""))


def call_of(request: Request) -> Call:
    """What a view may know of a request."""
    resource = request.path
    for name, value in (request.uri_params or {}).items():
        resource = resource.replace("{" + name + "}", value)
    full = str(request.context.get("path") or resource)
    prefix = full.removesuffix(resource) if full.endswith(resource) else ""
    params = request.query_params
    return Call(
        source_ip=source_ip_of(request),
        prefix=prefix,
        path=resource,
        query={name: params.getlist(name) for name in params} if params else {},
        headers=request.headers,
    )


def problem_response(problem: Problem, identifier: str) -> Response:
    """A refusal as `application/problem+json`."""
    return Response(
        body=problem.document(identifier),
        status_code=problem.status,
        headers={"Content-Type": "application/problem+json", **problem.headers},
    )


def log_call(
    request: Request, response: Response, principal: Principal | None, seconds: float
) -> None:
    """One line of the access log, and one request in the metrics.

    Both name the route's template: paths hold ids, and there is no end to them.
    """
    status = response.status_code
    metrics.count_request(request.method, request.path, status, seconds)
    log.info(
        "request",
        extra={
            "method": request.method,
            "route": request.path,
            "status": status,
            "status_class": metrics.status_class(status),
            "ms": round(seconds * 1000, 2),
            "subject": principal.subject if principal else None,
            **metrics.embedded("method", "route", "status_class", ms="Milliseconds"),
        },
    )
