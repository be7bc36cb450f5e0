"""Our own styles and scripts: served by the app, so that they are wherever it runs."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chalicelib.core.calls import Call, Reply
from chalicelib.core.errors import NotFound

LIBRARY = Path(__file__).parents[1]
PATH = "/console/static"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
ONE_HOUR = "public, max-age=3600"
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class StaticFile:
    """A file in memory."""

    content: str
    media_type: str
    digest: str


def address(name: str) -> str:
    """Where a file is, in this very version of it."""
    return f"{PATH}/{name}?v={_files()[name].digest}"


def serve(name: str, call: Call) -> Reply:
    """The file, or 304 where the browser has it.

    Raises:
        NotFound: There is none of this name.
    """
    found = _files().get(name)
    if found is None:
        raise NotFound
    is_named = call.query.get("v") == [found.digest]
    headers = {
        "ETag": f'"{found.digest}"',
        "Cache-Control": FOR_EVER if is_named else ONE_HOUR,
    }
    if found.digest in call.headers.get("if-none-match", ""):
        return Reply(status=304, headers=headers)
    return Reply(found.content, headers=headers, media_type=found.media_type)


@cache
def _files() -> dict[str, StaticFile]:
    """Every file by its name; a name is looked up here and never joined to a folder."""
    paths = [path for path in LIBRARY.glob("*/static/*") if path.suffix in MEDIA_TYPES]
    return {path.name: _read(path) for path in paths}


def _read(path: Path) -> StaticFile:
    content = path.read_text(encoding="utf-8")
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return StaticFile(content, MEDIA_TYPES[path.suffix], digest)
