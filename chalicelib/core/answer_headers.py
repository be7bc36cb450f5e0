"""What every answer tells browsers: who may read it, and what they must not make of it.

Deployed, nothing of ours stands between API Gateway and the app, so the app says it itself.
"""

from collections.abc import Mapping, Sequence
from functools import cache

from chalice.app import Request, Response

from chalicelib.core.settings import settings

EXPOSED = (
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-Id",
)
ALLOWED = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Request-Id",
)
PREFLIGHT_SECONDS = 3600
HSTS_SECONDS = 31_536_000  # A year.


def complete_headers(request: Request, response: Response, *, any_origin: bool = False) -> None:
    """Add what the view has not said otherwise.

    Args:
        request: What was asked.
        response: What is answered.
        any_origin: Whether pages of every origin may read it; else those of the settings.
    """
    found = settings()
    allowed = ("*",) if any_origin else found.cors_origins
    headers = {
        **security_headers(found.base_url),
        **origin_headers(request.headers.get("origin"), allowed),
    }
    if "authorization" in request.headers:
        headers["Cache-Control"] = "no-store"  # It may be for this caller only.
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    if (varies := str(response.headers["Vary"])) != "Origin":
        response.headers["Vary"] = f"{varies}, Origin"


@cache
def security_headers(base_url: str) -> Mapping[str, str]:
    """For answers that are data: a browser that is shown one runs and frames nothing.

    Args:
        base_url: Where clients reach the API.
    """
    headers = {
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    if base_url.startswith("https://"):
        headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}"
    return headers


def origin_headers(origin: str | None, allowed: Sequence[str]) -> dict[str, str]:
    """Whether a page of this origin may read the answer.

    Credentials are never allowed: the API takes bearer tokens, which a page adds itself.

    Args:
        origin: As the browser says; None where it is no page of another origin.
        allowed: Origins such as `https://painel.example.com`; `*` allows every one.
    """
    headers = {"Vary": "Origin"}
    if origin is not None and (origin in allowed or "*" in allowed):
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = ", ".join(EXPOSED)
    return headers
