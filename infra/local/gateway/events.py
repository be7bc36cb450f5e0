"""A request as the event a Lambda function gets from API Gateway (REST API, proxy integration)."""

import base64
import time
from collections.abc import Container
from typing import Any

from infra.local.gateway.request import Request
from infra.local.gateway.routes import Match

STAGE = "local"


def proxy_event(
    request: Request, match: Match, body: bytes, *, method: str, binary_types: Container[str]
) -> dict[str, Any]:
    """The event. What is empty is None, as API Gateway has it.

    Args:
        request: The head.
        match: The resource that answers it.
        body: All of it; b"" when there is none.
        method: What the app is asked, GET for a HEAD.
        binary_types: Content types whose bodies travel in base64; `*/*` means all.
    """
    fields = request.query_fields() if request.query else None
    text, encoded = _body(body, request.headers.get("content-type", ""), binary_types)
    return {
        "resource": match.resource,
        "path": request.path,
        "httpMethod": method,
        "headers": request.headers,
        "multiValueHeaders": request.multi_headers,
        "queryStringParameters": {n: v[-1] for n, v in fields.items()} if fields else None,
        "multiValueQueryStringParameters": fields or None,
        "pathParameters": match.parameters,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": match.resource,
            # On AWS this one begins with the stage; here the stage has no part in the path.
            "path": request.path,
            "httpMethod": method,
            "stage": STAGE,
            "protocol": "HTTP/1.1",
            "domainName": request.headers.get("host", ""),
            "requestId": request.request_id,
            "requestTimeEpoch": int(time.time() * 1000),
            "identity": {
                "sourceIp": request.source_ip,
                "userAgent": request.headers.get("user-agent"),
            },
        },
        "body": text,
        "isBase64Encoded": encoded,
    }


def _body(body: bytes, content_type: str, binary_types: Container[str]) -> tuple[str | None, bool]:
    """The body as JSON can carry it, and whether that is base64."""
    if not body:
        return None, False
    if "*/*" not in binary_types and _media_type(content_type) not in binary_types:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass  # Bytes that claim to be text; the app shall see them as they came.
    return base64.b64encode(body).decode("ascii"), True


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
