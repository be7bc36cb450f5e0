"""From paths to resources, without a server."""

import pytest

from infra.local.gateway.answers import BadRequest, RouteNotFound
from infra.local.gateway.routes import RouteTable

TABLE = RouteTable(
    [
        "/",
        "/books",
        "/books/search",
        "/books/{id}",
        "/books/{id}/reviews",
        "/books/search/recent",
        "/{tenant}/orders/{order}",
        "/books/{id}/parts/{part}",
    ]
)


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/", "/", None),
        ("/books", "/books", None),
        ("/books/", "/books", None),
        ("/b%6Foks", "/books", None),
        ("/books/search", "/books/search", None),
        ("/books/7", "/books/{id}", {"id": "7"}),
        ("/books/7/", "/books/{id}", {"id": "7"}),
        ("/books/search/reviews", "/books/{id}/reviews", {"id": "search"}),
        ("/books/search/recent", "/books/search/recent", None),
        ("/books/a%2Fb%20c", "/books/{id}", {"id": "a/b c"}),
        ("/books/%C3%A9", "/books/{id}", {"id": "é"}),
        ("/books/é", "/books/{id}", {"id": "é"}),
        ("/books/%252F", "/books/{id}", {"id": "%2F"}),
        ("/books/+", "/books/{id}", {"id": "+"}),
        ("/books/..", "/books/{id}", {"id": ".."}),
        ("/books/orders/7", "/{tenant}/orders/{order}", {"tenant": "books", "order": "7"}),
        ("/acme/orders/7", "/{tenant}/orders/{order}", {"tenant": "acme", "order": "7"}),
        ("/books/1/parts/2", "/books/{id}/parts/{part}", {"id": "1", "part": "2"}),
        ("/unknown", None, None),
        ("/books//reviews", None, None),
        ("//", None, None),
        ("/books/7//", None, None),
        ("books", None, None),
        ("*", None, None),
        ("", None, None),
        ("/Books", None, None),
    ],
)
def test_literal_segments_win_and_parameters_are_decoded(
    path: str, resource: str | None, parameters: dict[str, str] | None
) -> None:
    if resource is None:
        with pytest.raises(RouteNotFound):
            TABLE.match(path)
    else:
        match = TABLE.match(path)
        assert (match.resource, match.parameters) == (resource, parameters)


@pytest.mark.parametrize("path", ["/books/%", "/books/%zz", "/books/%FF", "/books/a%00b", "/%2"])
def test_a_path_that_is_no_text_is_malformed(path: str) -> None:
    with pytest.raises(BadRequest):
        TABLE.match(path)
