"""The public catalogue: search, the best, ranges, figures, and what is alike."""

import pytest

from tests.books.asking import ids
from tests.client import Client, assert_problem


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
