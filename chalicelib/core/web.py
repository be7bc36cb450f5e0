"""`@endpoint`: a typed view on Chalice, and the edge at which a request begins and ends.

The declarations on a view (roles, body, query, status, response, refusals) are all there is:
they authenticate, validate and serialise here, and become OpenAPI in `openapi.py`.
"""

import inspect
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, cast, get_type_hints

from chalice.app import Blueprint, Request, Response
from pydantic import BaseModel, TypeAdapter

from chalicelib.core import telemetry
from chalicelib.core.auth import Principal, Role, TokenCache
from chalicelib.core.calls import Reply, call_of, log_call, problem_response, request_id_of
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.errors import (
    FieldError,
    Forbidden,
    InternalError,
    PayloadTooLarge,
    Problem,
    Unauthorized,
    UnsupportedMediaType,
    ValidationFailed,
)
from chalicelib.core.parsing import (
    FORM,
    JSON,
    RawBody,
    list_fields,
    parse_form,
    parse_json,
    refuse_nul,
    validated,
)
from chalicelib.core.settings import settings

log = logging.getLogger("previsto.http")

LARGEST_BODY_BYTES = 4 * 1024 * 1024  # Lambda takes 6 MB, after base64.
PUBLIC: frozenset[Role] = frozenset()
EVERYONE = frozenset(Role)


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
class EndpointSpec:
    """Everything declared on a view; `openapi.py` reads it."""

    allow: frozenset[Role]
    tenant: str | None
    status: int
    response: Any
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    path: Mapping[str, Any]
    accepts: tuple[str, ...]
    raises: tuple[type[Problem], ...]
    response_media_type: str
    may_answer: tuple[int, ...]
    own_transactions: bool
    autocommit: bool
    identifies_caller: bool
    parameters: frozenset[str]
    summary: str
    description: str
    hidden: bool


_tokens: TokenCache | None = None


def authenticate_with(find_principal: Callable[[int], Principal | None]) -> None:
    """Say how the user behind a token is looked up; `identity` does so."""
    global _tokens
    _tokens = TokenCache(find_principal)


def forget_principals() -> None:
    """Look every caller up again at their next request."""
    if _tokens is not None:
        _tokens.forget()


def endpoint(
    routes: Blueprint,
    *,
    allow: Role | Collection[Role],
    tenant: str | None = None,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    status: int = 200,
    accepts: tuple[str, ...] = (JSON,),
    raises: tuple[type[Problem], ...] = (),
    response: type[BaseModel] | None = None,
    response_media_type: str = JSON,
    may_answer: tuple[int, ...] = (),
    own_transactions: bool = False,
    autocommit: bool = False,
    identifies_caller: bool = False,
    hidden: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Turn a typed function into a Chalice view.

    The function names what it needs: `session`, `principal`, `call`, `body`, `query`, `raw`,
    `now`; every other parameter is a path parameter, converted by its annotation.

    Args:
        routes: The blueprint that holds the current request.
        allow: Who may call; `admin` always may, `PUBLIC` needs no token.
        tenant: The only tenant whose users may call, where the rows belong to one.
        body: Model of the body.
        query: Model of the query string.
        status: Status of success.
        accepts: Media types of the body; more than JSON arrive as `raw`.
        raises: Refusals of the view, for the documentation.
        response: Model of the answer where the view returns a `Reply`, for the documentation.
        response_media_type: Media type of success, for the documentation.
        may_answer: Other statuses that carry the response model, for the documentation.
        own_transactions: The view opens its own units of work (it must not hold one while it
            hashes a password, for example) and gets no session.
        autocommit: The view runs at most one writing statement.
        identifies_caller: A public view that answers more to those who send a token.
        hidden: Left out of the documentation.
    """
    allowed = frozenset({allow} if isinstance(allow, Role) else allow)

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        spec = _spec_of(
            view,
            allow=allowed | {Role.ADMIN} if allowed else PUBLIC,
            tenant=tenant,
            body=body,
            query=query,
            status=status,
            accepts=accepts,
            raises=raises,
            response=response,
            response_media_type=response_media_type,
            may_answer=may_answer,
            own_transactions=own_transactions,
            autocommit=autocommit,
            identifies_caller=identifies_caller,
            hidden=hidden,
        )
        runner = _Runner(view, spec)

        @wraps(view)
        def edge(**path: str) -> Response:
            return runner.answer(routes.current_request, path)

        edge.__endpoint__ = spec  # type: ignore[attr-defined]
        return edge

    return decorate


_INJECTED = ("session", "principal", "call", "body", "query", "raw", "now")


def _spec_of(view: Callable[..., Any], **declared: Any) -> EndpointSpec:
    hints = get_type_hints(view, include_extras=True)
    names = frozenset(inspect.signature(view).parameters)
    summary, _, description = inspect.cleandoc(view.__doc__ or "").partition("\n\n")
    declared["response"] = declared["response"] or hints.get("return")
    return EndpointSpec(
        path={name: hints[name] for name in names if name not in _INJECTED},
        parameters=names,
        summary=" ".join(summary.split()).rstrip("."),
        description=description,
        **declared,
    )


class _Runner:
    """One view, with the validators that its declarations need made once."""

    def __init__(self, view: Callable[..., Any], spec: EndpointSpec) -> None:
        self._view = view
        self._spec = spec
        self._path = {name: TypeAdapter(hint) for name, hint in spec.path.items()}
        self._lists = list_fields(spec.query)

    def answer(self, request: Request, path: Mapping[str, str]) -> Response:
        """Run the view; whatever happens becomes a response and one log line."""
        started = time.perf_counter()
        telemetry.ensure_logging(settings().log_level)
        identifier = request_id_of(request)
        with telemetry.correlated(identifier):
            principal = None
            try:
                principal = self._authenticate(request)
                response = self._run(request, path, principal)
            except Problem as problem:
                if problem.status >= 500:
                    log.warning("request not served", exc_info=True)
                response = problem_response(problem, identifier)
            except Exception:  # The edge: whatever was not foreseen is a 500.
                log.exception("unhandled error")
                response = problem_response(InternalError(), identifier)
            response.headers["X-Request-Id"] = identifier
            log_call(request, response, principal, time.perf_counter() - started)
        return response

    def _authenticate(self, request: Request) -> Principal | None:
        authorization = request.headers.get("authorization", "")
        if not self._spec.allow and not (self._spec.identifies_caller and authorization):
            return None
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token or _tokens is None:
            raise Unauthorized
        principal = _tokens.principal(token.strip(), utc_now(), time.monotonic())
        if self._spec.allow and principal.role not in self._spec.allow:
            raise Forbidden
        if self._spec.tenant is not None and principal.tenant != self._spec.tenant:
            raise Forbidden
        return principal

    def _run(
        self, request: Request, path: Mapping[str, str], principal: Principal | None
    ) -> Response:
        arguments = self._arguments(request, path, principal)
        if self._spec.own_transactions:
            return self._respond(self._view(**arguments))
        tenant = principal.tenant if principal else None
        with unit_of_work(tenant=tenant, autocommit=self._spec.autocommit) as session:
            if "session" in self._spec.parameters:
                arguments["session"] = session
            return self._respond(self._view(**arguments))

    def _arguments(
        self, request: Request, path: Mapping[str, str], principal: Principal | None
    ) -> dict[str, Any]:
        spec, errors = self._spec, list[FieldError]()
        found: dict[str, Any] = {}
        for name, adapter in self._path.items():
            found[name] = validated(partial(adapter.validate_python, path[name]), errors, name)
        if spec.query is not None:
            raw_query = self._raw_query(request)
            found["query"] = validated(partial(spec.query.model_validate, raw_query), errors)
        found.update(self._bodies(request, errors))
        if errors:
            raise ValidationFailed(errors=errors)
        offered = {"principal": principal, "now": utc_now()}
        found.update({k: v for k, v in offered.items() if k in spec.parameters})
        if "call" in spec.parameters:
            found["call"] = call_of(request)
        return found

    def _raw_query(self, request: Request) -> dict[str, Any]:
        """The query string as the model wants it: lists where it has lists, else the last value."""
        params = request.query_params
        raw = {name: params.getlist(name) for name in params} if params else {}
        refuse_nul(value for values in raw.values() for value in values)
        return {k: v if k in self._lists else v[-1] for k, v in raw.items()}

    def _bodies(self, request: Request, errors: list[FieldError]) -> dict[str, Any]:
        spec = self._spec
        if spec.body is None and "raw" not in spec.parameters:
            return {}
        media_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
        if media_type not in spec.accepts:
            offered = ", ".join(spec.accepts)
            raise UnsupportedMediaType(f"Send one of these content types: {offered}.")
        data = cast(bytes, request.raw_body)
        if len(data) > LARGEST_BODY_BYTES:
            raise PayloadTooLarge
        if "raw" in spec.parameters:
            return {"raw": RawBody(media_type, data)}
        model = spec.body
        if model is None:
            return {}
        if media_type == FORM:
            return {"body": validated(lambda: model.model_validate(parse_form(data)), errors)}
        return {"body": parse_json(model, data, errors)}

    def _respond(self, result: Any) -> Response:
        reply = result if isinstance(result, Reply) else Reply(result)
        content = reply.content
        text = content.model_dump_json() if isinstance(content, BaseModel) else content
        headers: dict[str, str | list[str]] = dict(reply.headers)
        if text is not None:
            headers["Content-Type"] = reply.media_type
        return Response(
            body=text if text is not None else "",
            status_code=reply.status or self._spec.status,
            headers=headers,
        )
