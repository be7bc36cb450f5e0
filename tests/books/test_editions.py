"""An answer stands as long as its edition: tags, what is kept, and what an answer costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from chalicelib.books import edition
from chalicelib.books.edition import Edition, Written, WrittenAnswers
from chalicelib.core.db import DatabaseRole, engine
from tests.books.asking import ids
from tests.books.catalogue import publish_books, some_books
from tests.client import Client


@contextmanager
def checkouts() -> Iterator[list[Any]]:
    """Each statement of a session in autocommit takes a connection from the pool."""
    taken: list[Any] = []

    def note(*found: Any) -> None:
        taken.append(found)

    pool = engine(DatabaseRole.APP).pool
    event.listen(pool, "checkout", note)
    yield taken
    event.remove(pool, "checkout", note)


def test_an_answer_is_known_by_its_tag_until_the_catalogue_changes(
    api: Client, tmp_path: Path
) -> None:
    first = api.get("/api/v1/books?limit=5")
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "public, max-age=60"
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = api.request("GET", "/api/v1/books?limit=5", headers={"if-none-match": known})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    other = api.request("GET", "/api/v1/books?limit=6", headers={"if-none-match": tag})
    assert (other.status, other.headers["ETag"] != tag) == (200, True)
    publish_books(tmp_path, some_books(26))
    changed = api.request("GET", "/api/v1/books?limit=5", headers={"if-none-match": tag})
    assert (changed.status, changed.json["total"]) == (200, 26)


@pytest.mark.parametrize(
    "path",
    [
        "books",
        "books/1",
        "books/search?title=light",
        "books/top-rated",
        "books/price-range?min=1",
        "books/1/similar",
        "books/recommendations?liked=1",
        "categories",
        "stats/overview",
        "stats/categories",
    ],
)
def test_everything_public_has_a_tag(api: Client, path: str) -> None:
    tag = api.get(f"/api/v1/{path}").headers["ETag"]
    again = api.request("GET", f"/api/v1/{path}", headers={"if-none-match": tag})
    assert (again.status, again.body) == (304, b"")


def test_ids_stay_and_what_is_gone_is_kept_but_not_listed(api: Client, tmp_path: Path) -> None:
    api.get("/api/v1/stats/overview")
    publish_books(tmp_path, some_books()[5:])
    assert ids(api.get("/api/v1/books?limit=100")) == list(range(6, 26))
    gone = api.get("/api/v1/books/1").json
    assert (gone["availability"], gone["copies"], bool(gone["gone_at"])) == (False, 0, True)
    assert api.get("/api/v1/stats/overview").json["total_books"] == 20
    assert 1 not in ids(api.get("/api/v1/books/11/similar?limit=20"))
    assert api.get("/api/v1/categories").json["items"][1]["books"] == 4


def test_health_tells_of_the_catalogue(
    environment: dict[str, str], anonymous: Client, tmp_path: Path
) -> None:
    assert anonymous.get("/api/v1/health").json["status"] == "empty"
    assert anonymous.get("/api/v1/books").json["items"] == []
    assert anonymous.get("/api/v1/stats/overview").json["total_books"] == 0
    publish_books(tmp_path, some_books())
    found = anonymous.get("/api/v1/health").json
    assert (found["status"], found["books"], found["made_up"]) == ("ok", 25, False)


def test_a_database_that_is_away_is_told(
    environment: dict[str, str], anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres@127.0.0.1:9/nothing")
    from tests.conftest import forget_process_state

    forget_process_state()
    answer = anonymous.get("/api/v1/health")
    assert (answer.status, answer.json["status"]) == (503, "down")


@pytest.mark.parametrize(
    ("path", "first", "again"),
    [
        ("books", 1, 1),
        ("books?sort=-price&page=2", 1, 1),
        ("books?rating=3", 2, 1),
        ("books?category=poetry", 3, 1),
        ("books/search?category=poetry", 3, 1),
        ("books/search?title=light", 5, 1),
        ("books/search?title=light&category=poetry", 6, 1),
        ("books/1", 1, 1),
        ("books/1/similar", 1, 1),
        ("books/recommendations?liked=1,2", 1, 1),
        ("categories", 2, 1),
        ("stats/overview", 2, 1),
    ],
)
def test_an_answer_takes_so_many_statements(
    api: Client, path: str, first: int, again: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edition, "TRUSTED_SECONDS", 0.0)
    for expected in (first, again):
        with checkouts() as taken:
            assert api.get(f"/api/v1/{path}").status == 200
        assert len(taken) == expected


def test_a_known_answer_takes_no_statement_a_moment_after_a_look(
    api: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edition, "TRUSTED_SECONDS", 3600.0)
    for path in ("books?limit=7", "books/1"):
        for expected in (1, 1 if path == "books?limit=7" else 0, 0):
            with checkouts() as taken:
                assert api.get(f"/api/v1/{path}").status == 200
            assert len(taken) == expected
    publish_books(tmp_path, some_books(26))
    assert api.get("/api/v1/books?limit=7").json["total"] == 26, "who changes it looks again"


def test_a_count_is_made_once_for_all_pages(api: Client) -> None:
    for page, expected in ((1, 2), (2, 1)):
        with checkouts() as taken:
            assert api.get(f"/api/v1/books?in_stock=true&page={page}&limit=5").status == 200
        assert len(taken) == expected


def test_what_was_answered_before_is_not_answered_of_another_catalogue(
    api: Client, tmp_path: Path
) -> None:
    paths = ("books?limit=100", "books/3", "books/search?title=light", "stats/overview")
    before = [api.get(f"/api/v1/{path}").json for path in paths]
    assert [api.get(f"/api/v1/{path}").json for path in paths] == before
    changed = [book.model_copy(update={"price": Decimal("99.00")}) for book in some_books()]
    publish_books(tmp_path, changed)
    after = [api.get(f"/api/v1/{path}").json for path in paths]
    assert after[1]["price"] == after[0]["items"][0]["price"] == after[3]["max_price"] == 99.0
    assert after[2]["items"][0]["price"] == 99.0


def test_answers_are_kept_within_their_bound(api: Client) -> None:
    kept = WrittenAnswers(most_bytes=10_000)
    for number in range(50):
        kept.keep(number, Written(Edition(), "x" * 1000))
    assert [number for number in range(50) if kept.find(number)] == [45, 46, 47, 48, 49]
    kept.keep(49, Written(Edition(), "x" * 9000))
    assert [number for number in range(50) if kept.find(number)] == [49]
    kept.keep(50, Written(Edition(), "x" * 90_000))
    assert kept.find(50) is None


@pytest.mark.parametrize("character", ["a", "😀", "字"])
def test_the_longest_title_fits_its_indexes(api: Client, tmp_path: Path, character: str) -> None:
    title = f"Longo {character}'" + f"{character}'" * 496
    publish_books(tmp_path, [some_books(1)[0].model_copy(update={"title": title})])
    assert ids(api.get("/api/v1/books/search?title=longo")) == [1]
    assert ids(api.get("/api/v1/books?sort=title")) == [1]
