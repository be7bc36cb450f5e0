"""What the app serves, told apart: data for programs, and pages for people."""

from collections.abc import Iterator
from typing import Any

from app import app
from chalicelib.console.pages import page
from chalicelib.core.views import View


def _views() -> Iterator[tuple[str, str, View]]:
    for path, methods in app.routes.items():
        for method, entry in methods.items():
            yield path, method, getattr(entry.view_function, "__endpoint__")  # noqa: B009


def api_views() -> Iterator[tuple[str, str, View]]:
    """Path, method and declarations of every endpoint, preflights included."""
    return (found for found in _views() if not isinstance(found[2].declared, page))


def page_views() -> Iterator[tuple[str, str, Any]]:
    """Path, method and declarations of every page of the console."""
    return (found for found in _views() if isinstance(found[2].declared, page))
