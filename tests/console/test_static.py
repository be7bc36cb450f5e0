"""Styles and scripts, and what pages are sent with."""

import re
from collections import Counter
from pathlib import Path

from tests.console.browsing import Browser


def test_page_names_its_files_by_content_and_they_are_kept_for_ever(desk: Browser) -> None:
    found = re.findall(r'(?:href|src)="(/console/static/[^"]+)"', desk.get("/").source)
    assert any(".css?v=" in path for path in found)
    for path in found:
        answer = Browser().get(path).answer
        assert answer.status == 200, path
        assert "immutable" in answer.headers["Cache-Control"]


def test_file_that_is_known_is_not_sent_again(desk: Browser) -> None:
    first = desk.get("/console/static/console.css").answer
    assert first.headers["Cache-Control"] == "public, max-age=3600"
    again = Browser()._send(
        "GET", "/console/static/console.css", b"", if_none_match=first.headers["ETag"]
    )
    assert (again.status, again.answer.body) == (304, b"")


def test_nothing_else_is_served(environment: dict[str, str]) -> None:
    for name in ("nada.css", "..%2Fapp.py", "base.html"):
        assert Browser().get(f"/console/static/{name}").status == 404


def test_pages_run_our_own_scripts_only_and_are_kept_by_nobody(desk: Browser) -> None:
    page = desk.get("/")
    policy = page.answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.answer.headers["Cache-Control"] == "no-store"
    assert "<script>" not in page.source
    assert not re.search(r"\son\w+=", page.source)


DECLARED = re.compile(r"^(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)


def test_no_two_scripts_name_the_same_thing() -> None:
    """Scripts of a page share one scope: the later name would take the earlier one's place."""
    named = Counter[str]()
    for script in Path("chalicelib").glob("*/static/*.js"):
        named.update(set(DECLARED.findall(script.read_text())))
    assert [name for name, scripts in named.items() if scripts > 1] == []
