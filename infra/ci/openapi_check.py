"""Would a client of the API as it was still be served by the API as it is?

    python -m infra.ci.openapi_check [origin/main]

Compares two OpenAPI documents; what clients cannot notice, or may ignore, is no fault.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.aws.pythons import ROOT

DEEPEST = 8  # Of nested schemas; one that holds itself ends here.
PRINT_DOCUMENT = """
import json
from app import app
from chalicelib.core.openapi import build_document
print(json.dumps(build_document(app.routes)))
"""

Document = Mapping[str, Any]


def breaking_changes(before: Document, after: Document) -> Iterator[str]:
    """What a client that knows `before` would trip over, a sentence each."""
    for path, operations in before["paths"].items():
        for method, old in operations.items():
            name = f"{method.upper()} {path}"
            new = after["paths"].get(path, {}).get(method)
            if new is None:
                yield f"{name} is gone"
                continue
            yield from _parameters(name, old, new)
            yield from _requests(name, (before, old), (after, new))
            yield from _answers(name, (before, old), (after, new))


def _parameters(name: str, old: Document, new: Document) -> Iterator[str]:
    known = {(p["in"], p["name"]): p for p in old.get("parameters", [])}
    now = {(p["in"], p["name"]): p for p in new.get("parameters", [])}
    for key in known.keys() - now.keys():
        yield f"{name} does not take {key[1]} any more"
    for key, parameter in now.items():
        was_required = known.get(key, {}).get("required", False)
        if parameter.get("required", False) and not was_required:
            yield f"{name} requires {key[1]}"


def _requests(
    name: str, old: tuple[Document, Document], new: tuple[Document, Document]
) -> Iterator[str]:
    before, after = _bodies(old[1].get("requestBody", {})), _bodies(new[1].get("requestBody", {}))
    if new[1].get("requestBody", {}).get("required") and not before:
        yield f"{name} requires a body"
    for kind, schema in before.items():
        if kind not in after:
            yield f"{name} takes no {kind} any more"
            continue
        sides = (old[0], schema), (new[0], after[kind])
        yield from _differences(f"{name}, body", *sides, is_request=True)


def _answers(
    name: str, old: tuple[Document, Document], new: tuple[Document, Document]
) -> Iterator[str]:
    for status, answer in old[1].get("responses", {}).items():
        if not status.startswith("2"):
            continue
        if status not in new[1].get("responses", {}):
            yield f"{name} does not answer {status} any more"
            continue
        now = _bodies(new[1]["responses"][status])
        for kind, schema in _bodies(answer).items():
            if kind not in now:
                yield f"{name} answers {status} with no {kind} any more"
                continue
            sides = (old[0], schema), (new[0], now[kind])
            yield from _differences(f"{name}, {status}", *sides, is_request=False)


def _bodies(content: Document) -> dict[str, Document]:
    return {kind: each.get("schema", {}) for kind, each in content.get("content", {}).items()}


def _differences(
    place: str,
    old: tuple[Document, Document],
    new: tuple[Document, Document],
    *,
    is_request: bool,
    depth: int = 0,
) -> Iterator[str]:
    """What two schemas differ in that the side which writes, or reads, cannot bear."""
    was, now = _resolved(*old), _resolved(*new)
    if depth > DEEPEST or was == now == {}:
        return
    yield from _kinds(place, was, now, is_request=is_request)
    fields, found = was.get("properties", {}), now.get("properties", {})
    required, needed = set(was.get("required", [])), set(now.get("required", []))
    if is_request:
        yield from (f"{place}: {name} is required" for name in sorted(needed - required))
    else:
        gone = (required - needed) & found.keys()
        yield from (f"{place}: {name} may be missing" for name in sorted(gone))
    for name in sorted(fields.keys() - found.keys()):
        if found or not is_request:
            yield f"{place}: {name} is gone"
    inner = {name: (fields[name], found[name]) for name in fields.keys() & found.keys()}
    if "items" in was and "items" in now:
        inner["items"] = (was["items"], now["items"])
    for name, (one, other) in inner.items():
        sides = (old[0], one), (new[0], other)
        yield from _differences(f"{place}.{name}", *sides, is_request=is_request, depth=depth + 1)


def _kinds(place: str, was: Document, now: Document, *, is_request: bool) -> Iterator[str]:
    one, other = _types(was), _types(now)
    lost = one - other if is_request else other - one
    if one and other and lost:
        yield f"{place}: {'no longer takes' if is_request else 'may be'} {', '.join(sorted(lost))}"
    values, found = set(map(str, was.get("enum", []))), set(map(str, now.get("enum", [])))
    if is_request and found and (gone := values - found):
        yield f"{place}: no longer takes {', '.join(sorted(gone))}"


def _types(schema: Document) -> set[str]:
    options = schema.get("anyOf", [schema])
    return {str(option["type"]) for option in options if isinstance(option.get("type"), str)}


def _resolved(document: Document, schema: Document) -> Document:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def document_of(folder: Path) -> dict[str, Any]:
    """The API's description by the sources of a folder."""
    printed = subprocess.run(
        [sys.executable, "-c", PRINT_DOCUMENT],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(printed.stdout)
    return found


def document_at(revision: str) -> dict[str, Any]:
    """The same by the sources of a commit."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "sources.tar"
        command = ["git", "archive", "--output", str(archive), revision, "app.py", "chalicelib"]
        subprocess.run(command, cwd=ROOT, check=True)
        subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)  # noqa: S607
        return document_of(Path(folder))


def main() -> int:
    """Compare, and say what would break; the exit status is 1 when something would."""
    revision = sys.argv[1] if len(sys.argv) > 1 else "origin/main"
    found = list(breaking_changes(document_at(revision), document_of(ROOT)))
    for change in found:
        print(change)
    print(f"{len(found)} changes since {revision} that clients would trip over.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
