"""Cross-origin rules: which pages elsewhere may read the answers."""

from collections.abc import Sequence

from infra.local.gateway.answers import Answer, Headers

_ALLOWED_HEADERS = b"authorization, content-type, idempotency-key, if-none-match, x-request-id"
_EXPOSED_HEADERS = b"etag, idempotent-replayed, link, location, retry-after, x-request-id"
_PREFLIGHT_SECONDS = b"600"


class CorsPolicy:
    """Answers for pages of the allowed origins, such as `https://app.example.com`.

    Credentials are never allowed: the API takes bearer tokens, which a page adds itself.
    `*` among the origins allows every one.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origin.rstrip("/") for origin in origins)

    def headers(self, origin: str | None) -> Headers:
        """What lets a page of this origin read an answer; nothing when it may not."""
        if origin is None or not (origin in self._origins or "*" in self._origins):
            return []
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", _EXPOSED_HEADERS),
        ]

    def preflight(self, methods: list[str]) -> Answer:
        """What a path allows; `headers` adds for whom."""
        allowed = ", ".join(methods).encode()
        headers = [
            (b"allow", allowed),
            (b"access-control-allow-methods", allowed),
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        ]
        return Answer(204, headers)
