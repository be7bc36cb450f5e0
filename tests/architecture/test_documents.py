"""What documents name is there: links, files, and the Makefile's words."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "README.md",
    *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("infra/**/*.md"))),
)
FOLDERS = "(?:chalicelib|functions|infra|notebooks|tests)"
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
FILE = re.compile(rf"`({FOLDERS}/[\w./-]+\.(?:py|md|ipynb|yml|json))`")
WORD = re.compile(r"\bmake ([a-z][a-z-]+)\b")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


def lost(document: str) -> Iterator[str]:
    """What a document names and nobody finds."""
    text, folder = (ROOT / document).read_text(), (ROOT / document).parent
    yield from (link for link in LINK.findall(text) if not (folder / link).exists())
    yield from (path for path in FILE.findall(text) if not (ROOT / path).exists())
    words = {word for code in CODE.findall(text) for word in WORD.findall(code)}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    yield from (f"make {word}" for word in sorted(words - targets))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_names_is_there(document: str) -> None:
    assert list(lost(document)) == []
