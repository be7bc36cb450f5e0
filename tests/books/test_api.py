"""The public catalogue: lists, filters, search, detail, statistics, similar books."""

import re

import pytest

from tests.books.asking import ids
from tests.client import Client, assert_problem

FIELDS = ["id", "title", "price", "rating", "availability", "copies", "category", "image_url"]
FIELDS += ["upc", "url"]


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
