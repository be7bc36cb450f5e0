"""The edge: where a request is authenticated, validated, run in one transaction and answered."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from chalice.app import Request, Response
from pydantic import BaseModel, TypeAdapter

from chalicelib.core import idempotency, ratelimit, route_minutes, telemetry
from chalicelib.core.answer_headers import complete_headers
from chalicelib.core.auth import FindCredential, Principal, TokenCache
from chalicelib.core.calls import (
    Reply,
    call_of,
    log_call,
    media_type_of,
    problem_response,
    request_id_of,
    source_ip_of,
)
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.errors import (
    CompaniesOnly,
    FieldError,
    Forbidden,
    InternalError,
    PayloadTooLarge,
    Problem,
    Unauthorized,
    UnsupportedMediaType,
    ValidationFailed,
)
from chalicelib.core.idempotency import IdempotencyKeyUnsupported, KeyedRequest
from chalicelib.core.parsing import (
    FORM,
    WHOLE_QUERY,
    RawBody,
    list_fields,
    parse_form,
    parse_json,
    refuse_nul,
    validated,
)
from chalicelib.core.settings import settings
from chalicelib.core.views import View

log = logging.getLogger("previsto.http")

LARGEST_BODY_BYTES = 4 * 1024 * 1024  # Lambda takes 6 MB, after base64.

_tokens: TokenCache | None = None
_others: dict[str, FindCredential] = {}


def authenticate_with(find_principal: Callable[[int], Principal | None]) -> None:
    """Say how the user behind a token is looked up; `identity` does so."""
    global _tokens
    _tokens = TokenCache(find_principal, _others)


def also_authenticate_with(prefix: str, find_credential: FindCredential) -> None:
    """Let in bearers of another kind of credential than access tokens.

    Args:
        prefix: What every credential of the kind begins with, and no access token does.
        find_credential: Finds who one stands for.
    """
    _others[prefix] = find_credential


def principal_of(token: str) -> Principal:
    """Who a credential stands for now.

    Raises:
        Unauthorized: It is no good.
    """
    if _tokens is None:
        raise Unauthorized
    return _tokens.principal(token, utc_now(), time.monotonic())


def forget_principals() -> None:
    """Look every caller up again at their next request."""
    if _tokens is not None:
        _tokens.forget()


class Edge:
    """One view, with the validators that its declarations need made once.

    The answers are data. Who answers otherwise says in a subclass who calls, what a view is
    offered, and what its result and a refusal look like.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._declared = view.declared
        self._path = {name: TypeAdapter(hint) for name, hint in view.path.items()}
        self._lists = list_fields(view.declared.query)
        self._before_parameters = view.before_parameters
        self._taken = view.parameters | self._before_parameters

    def answer(self, request: Request, path: Mapping[str, str]) -> Response:
        """Run the view; whatever happens becomes a response and one log line."""
        started = time.perf_counter()
        telemetry.ensure_logging(settings().log_level)
        identifier = request_id_of(request)
        with telemetry.correlated(identifier):
            principal, counted = None, dict[str, str]()
            try:
                principal = self._admit(request, counted)
                counted.update(
                    ratelimit.count_request(self._view, principal, source_ip_of(request))
                )
                response = self._run(request, path, principal)
            except Problem as problem:
                if problem.status >= 500:
                    log.warning("request not served", exc_info=True)
                response = self._refuse(request, problem, identifier)
            except Exception:  # The edge: whatever was not foreseen is a 500.
                where = {"method": request.method, "route": request.path}
                log.exception("unhandled error", extra=where)
                response = self._refuse(request, InternalError(), identifier)
            response.headers.update({**counted, "X-Request-Id": identifier})
            self._complete(request, response)
            log_call(request, response, principal, time.perf_counter() - started)
            route_minutes.flusher().after_request()
        return response

    def _refuse(
        self,
        request: Request,  # noqa: ARG002  # For who answers otherwise.
        problem: Problem,
        identifier: str,
    ) -> Response:
        """What a refusal looks like."""
        return problem_response(problem, identifier)

    def _complete(self, request: Request, response: Response) -> None:
        """Add the headers that every answer has."""
        complete_headers(request, response, any_origin=self._declared.any_origin)

    def _admit(self, request: Request, counted: dict[str, str]) -> Principal | None:
        """Who calls; whoever is not let in is counted by address, and `counted` says how often."""
        try:
            return self._authenticate(request)
        except (Unauthorized, Forbidden):
            counted.update(ratelimit.count_request(self._view, None, source_ip_of(request)))
            raise

    def _authenticate(self, request: Request) -> Principal | None:
        authorization = request.headers.get("authorization", "")
        if not self._view.roles and not (self._declared.identifies_caller and authorization):
            return None
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized
        if (admits := self._declared.also_admits) is not None and admits(token.strip()):
            return None
        principal = principal_of(token.strip())
        self._require(principal)
        return principal

    def _require(self, principal: Principal) -> None:
        """Refuse who may not call this view."""
        if self._declared.companies_only and not principal.is_of_company:
            raise CompaniesOnly
        if self._view.roles and principal.role not in self._view.roles:
            raise Forbidden
        if self._declared.tenant is not None and principal.tenant != self._declared.tenant:
            raise Forbidden

    def _run(
        self, request: Request, path: Mapping[str, str], principal: Principal | None
    ) -> Response:
        keyed = self._keyed(request, principal)
        offered = self._arguments(request, path, principal)
        if self._declared.before is not None:
            if keyed is not None and (kept := _answer_given_before(keyed)) is not None:
                return kept
            offered["prepared"] = self._declared.before(
                **{name: offered[name] for name in self._before_parameters}
            )
        if self._declared.own_transactions:
            return self._call(offered)
        tenant = principal.tenant if principal else None
        autocommit = self._declared.autocommit and keyed is None
        with unit_of_work(tenant=tenant, autocommit=autocommit) as session:
            work = partial(self._call, {**offered, "session": session})
            return work() if keyed is None else idempotency.answer_once(session, keyed, work)

    def _keyed(self, request: Request, principal: Principal | None) -> KeyedRequest | None:
        if idempotency.HEADER not in request.headers:
            return None
        if principal is not None and self._view.takes_key(request.method):
            return idempotency.keyed_request(request, principal)
        if self._view.refuses_key(request.method):
            raise IdempotencyKeyUnsupported
        return None

    def _call(self, offered: Mapping[str, Any]) -> Response:
        result = self._view.run(**{name: offered[name] for name in self._view.parameters})
        return self._respond(result if isinstance(result, Reply) else Reply(result))

    def _arguments(
        self, request: Request, path: Mapping[str, str], principal: Principal | None
    ) -> dict[str, Any]:
        """All that the view may take, but the session.

        Raises:
            ValidationFailed: Names everything that is wrong with path, query and body.
        """
        errors: list[FieldError] = []
        found: dict[str, Any] = {"principal": principal, "now": utc_now()}
        for name, adapter in self._path.items():
            found[name] = validated(partial(adapter.validate_python, path[name]), errors, name)
        if (query := self._declared.query) is not None:
            errors += self._repeated(request)
            found["query"] = validated(
                partial(query.model_validate, self._raw_query(request)), errors, whole=WHOLE_QUERY
            )
        if self._view.takes_body:
            found.update(self._bodies(request, errors))
        if errors:
            raise ValidationFailed(errors=errors)
        if "call" in self._taken:
            found["call"] = call_of(request)
        return found

    def _raw_query(self, request: Request) -> dict[str, Any]:
        """The query string as the model wants it: lists where it has lists, else the last value."""
        params = request.query_params
        raw = {name: params.getlist(name) for name in params} if params else {}
        refuse_nul(value for values in raw.values() for value in values)
        return {k: v if k in self._lists else v[-1] for k, v in raw.items()}

    def _repeated(self, request: Request) -> list[FieldError]:
        """What a query says twice, where there is one answer: none of them is meant more."""
        params = request.query_params
        return [
            FieldError(campo=name, erro="said more than once; send it once")
            for name in params or ()
            if params and name not in self._lists and len(params.getlist(name)) > 1
        ]

    def _bodies(self, request: Request, errors: list[FieldError]) -> dict[str, Any]:
        media_type = media_type_of(request)
        if media_type not in self._declared.accepts:
            offered = ", ".join(self._declared.accepts)
            raise UnsupportedMediaType(f"Send one of these content types: {offered}.")
        data = cast(bytes, request.raw_body)
        if len(data) > LARGEST_BODY_BYTES:
            raise PayloadTooLarge
        model = self._declared.body
        if "raw" in self._taken or model is None:
            return {"raw": RawBody(media_type, data)}
        if media_type == FORM:
            # A form has text only, where JSON has numbers.
            validate = partial(model.model_validate, parse_form(data), strict=False)
            return {"body": validated(validate, errors)}
        if not data and not self._view.needs_body:
            data = b"{}"
        return {"body": parse_json(model, data, errors)}

    def _respond(self, reply: Reply) -> Response:
        content = reply.content
        text = content.model_dump_json() if isinstance(content, BaseModel) else content
        headers: dict[str, str | list[str]] = dict(reply.headers)
        if text is not None:
            headers["Content-Type"] = reply.media_type
        if self._declared.answers_credentials:
            headers["Cache-Control"] = "no-store"
        return Response(
            body=text if text is not None else "",
            status_code=reply.status or self._declared.status,
            headers=headers,
        )


def _answer_given_before(keyed: KeyedRequest) -> Response | None:
    """Looked for ahead of what precedes the transaction, so that a repetition does none of it."""
    with unit_of_work(tenant=keyed.tenant, autocommit=True) as session:
        return idempotency.find_answer(session, keyed)
