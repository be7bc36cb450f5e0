"""`@endpoint`: a typed view on Chalice.

The declarations on a view (roles, body, query, status, response, refusals) are all there is:
they authenticate, validate and serialise in `edge.py`, and become OpenAPI in `openapi.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from chalice.app import Blueprint, Response

from chalicelib.core.edge import (
    Edge,
    also_authenticate_with,
    authenticate_with,
    forget_principals,
)
from chalicelib.core.views import EVERYONE, PUBLIC, Declared, View

__all__ = [
    "EVERYONE",
    "PUBLIC",
    "Routes",
    "also_authenticate_with",
    "authenticate_with",
    "endpoint",
    "forget_principals",
]


class Routes(Blueprint):
    """A Chalice blueprint whose routes leave the check of content types to `@endpoint`.

    Chalice would answer 415 in a shape of its own, before any code of ours runs.
    """

    def route(self, path: str, **kwargs: Any) -> Callable[..., Any]:
        """Register a route that takes any content type."""
        kwargs.setdefault("content_types", ["*/*"])
        found: Callable[..., Any] = super().route(path, **kwargs)
        return found


@dataclass(frozen=True)
class endpoint(Declared):  # noqa: N801  # Read as a decorator.
    """Turn a typed function into a Chalice view; see `Declared` and `View` for what it may say.

    Attributes:
        routes: The blueprint that holds the current request.
    """

    routes: Blueprint

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Response]:
        """The view as Chalice calls it."""
        view = View.of(function, self)
        edge = Edge(view)

        @wraps(function)
        def answer(**path: str) -> Response:
            return edge.answer(self.routes.current_request, path)

        answer.__endpoint__ = view  # type: ignore[attr-defined]
        return answer
