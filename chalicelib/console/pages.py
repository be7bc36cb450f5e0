"""`@page`: a typed view that answers with a page, the sibling of `@endpoint`.

Declarations, transaction, limits and log line are `@endpoint`'s. What differs: who calls is known
by a cookie, a form carries a token, the answer is a template, a refusal is a page in Portuguese,
and a form that was refused is shown again with what was typed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ClassVar, cast
from urllib.parse import urlencode

from chalice.app import Blueprint, Request, Response

from chalicelib.console import layout
from chalicelib.console.forms import TOKEN, Form, read_form
from chalicelib.console.layout import Shown
from chalicelib.console.problems import told
from chalicelib.console.visits import FormNotOurs, Visit, begin_visit, visit_of
from chalicelib.core.answer_headers import complete_headers
from chalicelib.core.auth import Principal
from chalicelib.core.calls import Reply, media_type_of
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.edge import LARGEST_BODY_BYTES, Edge
from chalicelib.core.errors import (
    FieldError,
    NotFound,
    PayloadTooLarge,
    Problem,
    Unauthorized,
    ValidationFailed,
)
from chalicelib.core.parsing import FORM
from chalicelib.core.portuguese_faults import in_portuguese
from chalicelib.core.views import Declared, View, parameters_of

HTML = "text/html; charset=utf-8"
SIGN_IN = "/entrar"
KEPT = "envio."  # What a form held that was sent after the session's end.
MOST_KEPT_BYTES = 65_536


@dataclass(frozen=True)
class page(Declared):  # noqa: N801  # Read as a decorator.
    """Turn a typed function into a page; see `Declared` for what it may say.

    A view takes what an endpoint's does, and `visit` (who asks, and where to lead them) and
    `form`. It answers with `Shown`, with `visit.go(...)`, or with a `Reply`.

    Attributes:
        routes: The blueprint that holds the current request.
        again: Of a page that takes a form: shows it again where it was refused. It is called in a
            new transaction, with the form, its errors, and what else it names.
    """

    routes: Blueprint
    again: Callable[..., Shown] | None = field(default=None, kw_only=True)
    hidden: bool = field(default=True, kw_only=True)

    also_offered: ClassVar[frozenset[str]] = frozenset(("visit", "form"))

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Response]:
        """The view as Chalice calls it."""
        view = View.of(function, self)
        edge = PageEdge(view, self)

        @wraps(function)
        def answer(**path: str) -> Response:
            return edge.answer(self.routes.current_request, path)

        answer.__endpoint__ = view  # type: ignore[attr-defined]
        return answer


class PageEdge(Edge):
    """Where a page is asked for and answered."""

    def __init__(self, view: View, declared: page) -> None:
        super().__init__(view)
        self._again = declared.again
        self._again_takes = parameters_of(declared.again) if declared.again else frozenset()
        self._identified = bool(view.roles) or view.declared.identifies_caller

    def _authenticate(self, request: Request) -> Principal | None:
        visit = begin_visit(request, utc_now(), identified=self._identified)
        if self._view.roles:
            if visit.principal is None:
                raise Unauthorized
            self._require(visit.principal)
        return visit.principal

    def _run(
        self, request: Request, path: Mapping[str, str], principal: Principal | None
    ) -> Response:
        if request.method != "POST":
            return super()._run(request, path, principal)
        form = _form_of(request)
        try:
            _visit(request).check_form(form[TOKEN])
        except FormNotOurs:
            return self._ask_again(request)
        request.context[FORM] = form
        try:
            return super()._run(request, path, principal)
        except Problem as problem:
            if self._again is None or problem.status >= 500 or isinstance(problem, NotFound):
                raise
            return self._show_again(request, path, principal, problem)

    def _repeated(self, request: Request) -> list[FieldError]:  # noqa: ARG002
        """In a form the last field of a name wins."""
        return []

    def _ask_again(self, request: Request) -> Response:
        """Show what a form holds that is of an earlier session, as of another tab's: it is sent by
        a form of this session, if the person wants that.

        Raises:
            FormNotOurs: It need not come from a page of ours.
        """
        visit = _visit(request)
        kept = _kept_fields(request, visit)
        if not kept or not self._view.roles or not visit.is_surely_from_here():
            raise FormNotOurs
        fields = {name.removeprefix(KEPT): value for name, value in kept.items()}
        shown = Shown("console/resume.html", back=_address(visit), kept=fields)
        return _rendered(shown, visit, FormNotOurs.status)

    def _show_again(
        self,
        request: Request,
        path: Mapping[str, str],
        principal: Principal | None,
        problem: Problem,
    ) -> Response:
        offered = self._arguments(request, path, principal)
        form: Form = offered["form"]
        form.told = told(problem).text
        form.errors = {error.campo: in_portuguese(error.erro) for error in problem.errors}
        assert self._again is not None  # noqa: S101  # Asked before.
        tenant = principal.tenant if principal else None
        with unit_of_work(tenant=tenant, autocommit=True) as session:
            offered["session"] = session
            shown = self._again(**{name: offered[name] for name in self._again_takes})
            return _rendered(shown, offered["visit"], problem.status)

    def _arguments(
        self, request: Request, path: Mapping[str, str], principal: Principal | None
    ) -> dict[str, Any]:
        try:
            found = super()._arguments(request, path, principal)
        except ValidationFailed as problem:
            if {error.campo for error in problem.errors} & path.keys():
                raise NotFound from None  # No page has such an address.
            raise
        found["visit"] = visit = _visit(request)
        found["call"] = visit.call
        found["form"] = request.context.get(FORM) or Form()
        return found

    def _call(self, offered: Mapping[str, Any]) -> Response:
        result = self._view.run(**{name: offered[name] for name in self._view.parameters})
        if isinstance(result, Shown):
            return _rendered(result, offered["visit"], self._declared.status)
        return self._respond(result if isinstance(result, Reply) else Reply(result))

    def _refuse(self, request: Request, problem: Problem, identifier: str) -> Response:
        visit = visit_of(request)
        if visit is None:  # It did not come so far as to know who asks.
            visit = begin_visit(request, utc_now(), identified=False)
        if isinstance(problem, Unauthorized) and self._view.roles:
            return _lead_to_sign_in(request, visit)
        shown = Shown("console/problem.html", problem=told(problem), request_id=identifier)
        response = _rendered(shown, visit, problem.status)
        response.headers.update(problem.headers)
        return response

    def _complete(self, request: Request, response: Response) -> None:
        visit = visit_of(request)
        if visit is not None and visit.set_cookies:
            response.headers["Set-Cookie"] = visit.set_cookies
        if str(response.headers.get("Content-Type", HTML)).startswith("text/html"):
            response.headers.setdefault("Cache-Control", "no-store")
        # Browsers name no origin to a form of a page that sends no referrer at all.
        response.headers.setdefault("Referrer-Policy", "same-origin")
        complete_headers(request, response)


def _visit(request: Request) -> Visit:
    found = visit_of(request)
    assert found is not None  # noqa: S101  # `_authenticate` has made it.
    return found


def _form_of(request: Request) -> Form:
    data = cast(bytes, request.raw_body)
    if len(data) > LARGEST_BODY_BYTES:
        raise PayloadTooLarge
    return read_form(media_type_of(request), request.headers.get("content-type", ""), data)


def _rendered(shown: Shown, visit: Visit, status: int) -> Response:
    content = layout.render(shown, visit)
    headers: dict[str, str | list[str]] = {
        "Content-Type": HTML,
        "Content-Security-Policy": layout.policy(shown.images),
    }
    return Response(content, headers, shown.status or status)


def _address(visit: Visit) -> str:
    """Of this page, of this installation."""
    query = visit.call.query
    return visit.call.path + (f"?{urlencode(query, doseq=True)}" if query else "")


def _lead_to_sign_in(request: Request, visit: Visit) -> Response:
    """To the form for signing in; what was typed into another one comes along."""
    back = _address(visit)
    kept = _kept_fields(request, visit)
    if kept:
        shown = Shown("console/sign_in.html", form=Form(), back=back, kept=kept)
        return _rendered(shown, visit, 401)
    where = {"volta": back, **({"fim": "1"} if visit.has_ended else {})}
    return Response("", {"Location": visit.link(f"{SIGN_IN}?{urlencode(where)}")}, 303)


def _kept_fields(request: Request, visit: Visit) -> dict[str, str]:
    """The fields of a form that came after the session's end, from a page of ours."""
    is_ours = request.method == "POST" and media_type_of(request) == FORM and visit.is_from_here()
    if not is_ours or len(request.raw_body) > MOST_KEPT_BYTES:
        return {}
    try:
        values = _form_of(request).values
    except Problem:
        return {}
    return {
        f"{KEPT}{name}": value
        for name, value in values.items()
        if name != TOKEN and not name.startswith(("senha", "password", KEPT))
    }
