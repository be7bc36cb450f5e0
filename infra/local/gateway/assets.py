"""Files of installed wheels, served from memory: on AWS the assets bucket holds them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.gateway.answers import Answer, Headers, MethodNotAllowed, RouteNotFound
from infra.local.gateway.compression import accepts_gzip, gzipped
from infra.local.gateway.request import Request, decode_path

PREFIX = "/assets/"
_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_ALREADY_SMALL = {".png", ".webp", ".woff2"}
_ONE_HOUR = b"public, max-age=3600"
_FOR_EVER = b"public, max-age=31536000, immutable"


def served_files(directories: Mapping[str, Path]) -> dict[str, Path]:
    """What pages load of these packages, by `<package>/<file>`."""
    return {
        f"{package}/{file.name}": file
        for package, directory in directories.items()
        for file in sorted(directory.iterdir())
        if file.suffix in _CONTENT_TYPES and file.is_file()
    }


def content_type(file: Path) -> str:
    """As whoever serves the file has to say."""
    return _CONTENT_TYPES[file.suffix]


@dataclass(frozen=True, slots=True)
class _Asset:
    """A file in memory; `packed` is None where gzip would not help."""

    content_type: bytes
    plain: bytes
    packed: bytes | None
    digest: bytes


class AssetLibrary:
    """Serves `/assets/<package>/<file>` from the top level of each package's directory.

    A path is looked up among the names that were found there, never joined to a directory,
    so it cannot climb. Only what a page loads is served; a wheel's Python files are not.
    """

    def __init__(self, directories: Mapping[str, Path]) -> None:
        self._files = served_files(directories)
        self._loaded: dict[str, _Asset] = {}

    def answer(self, request: Request) -> Answer:
        """The file, or 304 when the client has it.

        Raises:
            RouteNotFound: No such file.
            MethodNotAllowed: Neither GET nor HEAD.
        """
        name = decode_path(request.path.removeprefix(PREFIX))
        if name not in self._files:
            raise RouteNotFound
        if request.method not in {"GET", "HEAD"}:
            raise MethodNotAllowed(["GET", "HEAD", "OPTIONS"])
        asset = self._load(name)
        packed = asset.packed
        if packed is not None and not accepts_gzip(request.headers.get("accept-encoding", "")):
            packed = None
        # A strong tag names bytes, so the packed file has its own.
        tag = b'"%s%s"' % (asset.digest, b"-gzip" if packed else b"")
        headers: Headers = [
            (b"content-type", asset.content_type),
            (b"etag", tag),
            (
                b"cache-control",
                _FOR_EVER if any(request.query_fields().get("v", ())) else _ONE_HOUR,
            ),
            (b"x-content-type-options", b"nosniff"),
            (b"vary", b"Accept-Encoding"),
        ]
        if has_tag(request.headers.get("if-none-match", ""), tag):
            return Answer(304, headers[1:])
        if packed:
            headers.append((b"content-encoding", b"gzip"))
        return Answer(200, headers, packed or asset.plain)

    def _load(self, name: str) -> _Asset:
        asset = self._loaded.get(name)
        if asset is None:
            path = self._files[name]
            plain = path.read_bytes()
            asset = _Asset(
                _CONTENT_TYPES[path.suffix].encode(),
                plain,
                None if path.suffix in _ALREADY_SMALL else gzipped(plain, level=9),
                hashlib.sha256(plain).hexdigest()[:32].encode(),
            )
            self._loaded[name] = asset
        return asset


def has_tag(if_none_match: str, tag: bytes) -> bool:
    """Whether an `If-None-Match` names this tag, compared weakly."""
    tags = {candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")}
    return "*" in tags or tag.decode() in tags
