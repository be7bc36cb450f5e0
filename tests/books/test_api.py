"""The public catalogue: lists, filters, search, detail, statistics, similar books."""

import re
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
from tests.books.catalogue import publish_books, some_books
from tests.client import Answer, Client, assert_problem

FIELDS = ["id", "title", "price", "rating", "availability", "copies", "category", "image_url"]
FIELDS += ["upc", "url"]


@pytest.fixture
def api(environment: dict[str, str], tmp_path: Path) -> Client:
    """Anybody, at a catalogue of 25 books."""
    publish_books(tmp_path, some_books())
    return Client()


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


def ids(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.body
    return [item["id"] for item in answer.json["items"]]


def test_books_are_listed_to_anybody_with_exactly_the_fields_promised(api: Client) -> None:
    page = api.get("/api/v1/books").json
    assert (len(page["items"]), page["total"], page["total_exact"]) == (20, 25, True)
    assert list(page["items"][0]) == FIELDS
    first = page["items"][0]
    assert (first["price"], first["rating"], first["availability"], first["copies"]) == (
        10.0,
        1,
        True,
        1,
    )
    assert type(first["price"]) is float
    assert type(first["rating"]) is int


def test_pages_follow_each_other_by_cursor_by_number_and_by_skip(api: Client) -> None:
    for first in ("?limit=10", "?page=1&per_page=10", "?skip=0&limit=10", "?offset=0&page_size=10"):
        address, seen = f"/api/v1/books{first}", list[int]()
        while address:
            page = api.get(address)
            seen += ids(page)
            address = page.json["next"]
            assert bool(address) == ("Link" in page.headers)
        assert seen == list(range(1, 26)), first
    assert api.get("/api/v1/books?page=2&per_page=10").json["pages"] == 3
    assert ids(api.get("/api/v1/books?page=9")) == []


def test_every_order_is_stable_and_goes_on_by_cursor(api: Client) -> None:
    for sort in ("id", "-id", "price", "-price", "title", "-title", "rating", "-rating"):
        whole = ids(api.get("/api/v1/books", sort=sort, limit=100))
        address, seen = f"/api/v1/books?sort={sort}&limit=4", list[int]()
        while address:
            page = api.get(address)
            seen += ids(page)
            address = page.json["next"]
        assert seen == whole, sort
        assert sorted(seen) == list(range(1, 26))
    assert ids(api.get("/api/v1/books?sort=-price"))[0] == 25


@pytest.mark.parametrize(
    "written", ["sort=-price", "sort_by=price&order=desc", "order_by=price_desc", "sort=price:desc"]
)
def test_an_order_may_be_written_in_several_ways(api: Client, written: str) -> None:
    assert ids(api.get(f"/api/v1/books?{written}"))[:3] == [25, 24, 23]


def test_a_cursor_of_another_order_is_refused(api: Client) -> None:
    cursor = api.get("/api/v1/books?limit=2").json["next"].partition("cursor=")[2]
    assert_problem(api.get(f"/api/v1/books?sort=price&cursor={cursor}"), 400, "CursorInvalid")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("category=poetry", [1, 6, 11, 16, 21]),
        ("categoria=FICCAO+cientifica", [5, 10, 15, 20, 25]),
        ("category=Science", [4, 9, 14, 19, 24]),
        ("category=Trav", [2, 7, 12, 17, 22]),
        ("category=nada", []),
        ("rating=5&max_price=20", [5, 10]),
        ("min_rating=4&max_price=15", [4, 5]),
        ("min_price=10&max_price=12", [1, 2, 3]),
        ("min=0&max=11", [1, 2]),
        ("price=12.00", [3]),
        ("availability=false", [5, 10, 15, 20, 25]),
        ("in_stock=true&max_price=14", [1, 2, 3, 4]),
        ("availability=Out+of+stock&max_price=14", [5]),
    ],
)
def test_filters_leave_what_was_asked_for(api: Client, asked: str, expected: list[int]) -> None:
    answer = api.get(f"/api/v1/books?{asked}")
    assert ids(answer) == expected
    assert answer.json["total"] == len(expected)


@pytest.mark.parametrize(
    "nonsense",
    [
        "limit=0",
        "limit=1001",
        "limit=ten",
        "page=0",
        "skip=-1",
        "page=1&skip=0",
        "page=501&limit=100",
        "sort=weight",
        "order=sideways",
        "rating=6",
        "rating=4.5",
        "min_price=-1",
        "min_price=NaN",
        "min_price=20&max_price=10",
        "availability=perhaps",
        "fields=id,secret",
        "colour=red",
        "limit=5&per_page=5",
        "limit=5&limit=6",
        "category=Poetry&category=Travel",
        "colour=",
    ],
)
def test_nonsense_is_refused(api: Client, nonsense: str) -> None:
    assert_problem(api.get(f"/api/v1/books?{nonsense}"), 422, "ValidationFailed")


def test_what_is_wrong_with_a_query_as_a_whole_is_not_said_of_a_body(api: Client) -> None:
    asked = {"page=1&skip=0": "consulta", "colour=red": "colour", "min=2&max=1": "consulta"}
    for query, field in asked.items():
        errors = api.get(f"/api/v1/books?{query}").json["errors"]
        assert [each["campo"] for each in errors] == [field]
        assert "Extra inputs" not in errors[0]["erro"]


def test_what_is_said_twice_is_named(api: Client) -> None:
    twice = {"limit=5&per_page=6": "limit and per_page", "limit=5&limit=6": "more than once"}
    for query, said in twice.items():
        (error,) = api.get(f"/api/v1/books?{query}").json["errors"]
        assert said in error["erro"]


@pytest.mark.parametrize(
    "left_empty",
    [
        *("books?page=&limit=&sort=&order=&rating=&min_price=&availability=&fields=&cursor=",),
        *("books/price-range?min=&max=11", "books/search?title=&category=poetry&max_price="),
    ],
)
def test_what_a_form_leaves_empty_is_not_asked(api: Client, left_empty: str) -> None:
    path, _, query = left_empty.partition("?")
    said = "&".join(pair for pair in query.split("&") if not pair.endswith("="))
    assert (
        api.get(f"/api/v1/{left_empty}").json["items"]
        == (api.get(f"/api/v1/{path}?{said}").json["items"])
    )


@pytest.mark.parametrize(
    "path", ["categories?limit=2", "stats/categories?category=Poetry", "stats/overview?category=x"]
)
def test_a_question_that_would_not_be_answered_is_refused(api: Client, path: str) -> None:
    assert_problem(api.get(f"/api/v1/{path}"), 422, "ValidationFailed")


def test_only_the_fields_wanted_are_answered(api: Client) -> None:
    page = api.get("/api/v1/books?fields=price,id&limit=1").json
    assert page["items"] == [{"id": 1, "price": 10.0}]
    shown = api.get("/api/v1/books/1?fields=title,reviews").json
    assert list(shown) == ["title", "reviews"]


def test_nobody_waits_who_reads_a_thousand_books_one_by_one(api: Client) -> None:
    policy = api.get("/api/v1/books/1").headers["RateLimit-Policy"]
    quota = re.fullmatch(r'"address";q=(\d+);w=60', policy)
    assert quota, policy
    assert int(quota[1]) >= 2 * 1000 + 100, "each book and what is like it, and the lists"


def test_a_book_is_shown_whole(api: Client) -> None:
    book = api.get("/api/v1/books/3").json
    assert list(book)[: len(FIELDS)] == FIELDS
    assert (book["title"], book["category"], book["currency"]) == (
        "Ávila: uma Cidade 3",
        "Science Fiction",
        "GBP",
    )
    assert (book["gone_at"], book["snapshot"]) == (None, 1)
    assert_problem(api.get("/api/v1/books/99"), 404, "BookNotFound")
    assert_problem(api.get("/api/v1/books/abc"), 422, "ValidationFailed")
    assert_problem(api.get("/api/v1/books/0"), 422, "ValidationFailed")


@pytest.mark.parametrize("name", ["search", "top-rated", "price-range", "recommendations"])
def test_names_are_not_taken_for_ids(api: Client, name: str) -> None:
    answer = api.get(f"/api/v1/books/{name}?title=light&min=0&liked=1")
    assert b"book_id" not in answer.body
    assert api.get("/api/v1/books/search?title=light").status == 200
    assert api.get("/api/v1/books/top-rated").status == 200
    assert api.get("/api/v1/books/price-range?min=0").status == 200
    assert api.get("/api/v1/books/recommendations?liked=1").status == 200


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("title=light", [1, 5, 6, 10, 11, 15, 16, 20, 21, 25]),
        ("title=LIGHT+att", [1, 6, 11, 16, 21]),
        ("title=attic+light", [1, 6, 11, 16, 21]),
        ("title=avila", [3, 8, 13, 18, 23]),
        ("title=%C3%81VILA", [3, 8, 13, 18, 23]),
        ("title=womens", [4, 9, 14, 19, 24]),
        ("title=women%27s", [4, 9, 14, 19, 24]),
        ("title=its+himal", [2, 7, 12, 17, 22]),
        ("q=light&category=poetry", [1, 6, 11, 16, 21]),
        ("title=light&category=travel", []),
        ("title=&category=travel", [2, 7, 12, 17, 22]),
        ("title=ttic", []),
        ("title=%27%3B+DROP", []),
        ("title=!!!", []),
        ("title=light&max_price=15&sort=-price", [6, 5, 1]),
    ],
)
def test_a_search_finds_words_however_they_are_written(
    api: Client, asked: str, expected: list[int]
) -> None:
    answer = api.get(f"/api/v1/books/search?{asked}")
    assert ids(answer) == expected
    assert answer.json["total"] == len(expected)


def test_a_search_says_what_it_found(api: Client) -> None:
    facets = api.get("/api/v1/books/search?title=light").json["facets"]
    assert facets == {
        "category": [
            {"value": "Ficção Científica", "count": 5},
            {"value": "Poetry", "count": 5},
        ],
        "rating": [{"value": 1, "count": 5}, {"value": 5, "count": 5}],
        "availability": [{"value": False, "count": 5}, {"value": True, "count": 5}],
    }


def test_a_search_for_nothing_is_refused(api: Client) -> None:
    for asked in ("", "?title=", "?title=+&category="):
        assert_problem(api.get(f"/api/v1/books/search{asked}"), 422, "ValidationFailed")


def test_best_rated_come_first(api: Client) -> None:
    items = api.get("/api/v1/books/top-rated?limit=7").json["items"]
    assert [item["rating"] for item in items] == [5, 5, 5, 5, 5, 4, 4]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("min=10&max=12", [1, 2, 3]),
        ("min=0&max=10", [1]),
        ("min=34", [25]),
        ("max=10", [1]),
        ("min_price=10&max_price=11", [1, 2]),
        ("min=0&max=0", []),
    ],
)
def test_a_range_of_prices_includes_its_bounds(
    api: Client, asked: str, expected: list[int]
) -> None:
    assert ids(api.get(f"/api/v1/books/price-range?{asked}")) == expected


@pytest.mark.parametrize(
    "asked", ["", "?min=20&max=10", "?min=-1", "?min=x", "?min=10,5", "?min=&max="]
)
def test_a_range_that_is_none_is_refused(api: Client, asked: str) -> None:
    assert_problem(api.get(f"/api/v1/books/price-range{asked}"), 422, "ValidationFailed")


def test_categories_are_listed_with_how_many_books_they_have(api: Client) -> None:
    found = api.get("/api/v1/categories").json
    assert found["total"] == 5
    assert found["items"][1] == {"id": 1, "name": "Poetry", "books": 5} | {
        "id": found["items"][1]["id"]
    }


def test_overview_tells_the_catalogue_in_numbers(api: Client) -> None:
    found = api.get("/api/v1/stats/overview").json
    assert found["total_books"] == 25
    assert (found["average_price"], found["min_price"], found["max_price"]) == (22.0, 10.0, 34.0)
    assert found["rating_distribution"] == {"1": 5, "2": 5, "3": 5, "4": 5, "5": 5}
    assert (found["categories"], found["available_books"], found["currency"]) == (5, 20, "GBP")


def test_categories_are_told_in_numbers(api: Client) -> None:
    found = api.get("/api/v1/stats/categories").json["items"]
    assert found[1] == {
        "category": "Poetry",
        "total_books": 5,
        "average_price": 20.0,
        "min_price": 10.0,
        "max_price": 30.0,
        "average_rating": 1.0,
        "available_books": 5,
        "total_copies": 55,
    }


def test_similar_books_come_nearest_first(api: Client) -> None:
    found = api.get("/api/v1/books/1/similar?limit=4").json
    assert [item["category"] for item in found["items"]] == ["Poetry"] * 4
    nearness = [item["similarity"] for item in found["items"]]
    assert nearness == sorted(nearness, reverse=True)
    assert_problem(api.get("/api/v1/books/99/similar"), 404, "BookNotFound")


def test_recommendations_are_like_what_is_liked_and_none_of_it(api: Client) -> None:
    for asked in ("liked=1,6", "liked=1&liked=6", "liked=1,6,6"):
        found = api.get(f"/api/v1/books/recommendations?{asked}&limit=3").json
        assert found["liked"] == [1, 6]
        assert {item["id"] for item in found["items"]} == {11, 16, 21}
        assert all(set(item["because_of"]) == {1, 6} for item in found["items"])
    for asked in ("", "?liked=", "?liked=a", "?liked=0"):
        refused = api.get(f"/api/v1/books/recommendations{asked}")
        assert_problem(refused, 422, "ValidationFailed")
    assert_problem(api.get("/api/v1/books/recommendations?liked=1,99"), 422, "LikedUnknown")


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
