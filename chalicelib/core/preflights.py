"""Preflights: before a page of another origin sends a token, its browser asks whether it may."""

from collections.abc import Callable, Mapping

from chalice.app import Chalice

from chalicelib.core.answer_headers import ALLOWED, PREFLIGHT_SECONDS
from chalicelib.core.calls import Reply
from chalicelib.core.views import View
from chalicelib.core.web import PUBLIC, Routes, endpoint


def answer_preflights(app: Chalice, routes: Mapping[str, Mapping[str, object]]) -> None:
    """Answer OPTIONS on every path that does not yet.

    Chalice's own way (`cors=True`) has API Gateway answer, with origins that are fixed when the
    app is imported.

    Args:
        app: Whose paths they are.
        routes: Path -> its methods.
    """
    preflights = Routes(__name__)
    for path, methods in tuple(routes.items()):
        if "OPTIONS" in methods:
            continue
        offered = ", ".join(sorted({*methods, "OPTIONS"}))
        any_origin = any(_is_everybodys(entry) for entry in methods.values())
        answer = _preflight(preflights, offered, any_origin=any_origin)
        preflights.route(path, methods=["OPTIONS"])(answer)
    app.register_blueprint(preflights)


def _is_everybodys(entry: object) -> bool:
    view = getattr(getattr(entry, "view_function", None), "__endpoint__", None)
    return isinstance(view, View) and view.declared.any_origin


def _preflight(routes: Routes, methods: str, *, any_origin: bool) -> Callable[..., object]:
    @endpoint(
        routes,
        allow=PUBLIC,
        own_transactions=True,
        hidden=True,
        unlimited=True,
        any_origin=any_origin,
        status=204,
    )
    def options() -> Reply:
        """Say what this path takes; who may send it is said on every answer."""
        return Reply(
            headers={
                "Allow": methods,
                "Access-Control-Allow-Methods": methods,
                "Access-Control-Allow-Headers": ", ".join(ALLOWED),
                "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            }
        )

    return options
