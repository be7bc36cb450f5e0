"""Cross-origin rules of what the gateway answers itself; the app has its own."""

from collections.abc import Sequence

from chalicelib.core.answer_headers import ALLOWED, EXPOSED, PREFLIGHT_SECONDS
from infra.local.gateway.answers import Answer, Headers

_ALLOWED_HEADERS = ", ".join(ALLOWED).lower().encode()
_EXPOSED_HEADERS = ", ".join(EXPOSED).lower().encode()


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
            (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
        ]
        return Answer(204, headers)
