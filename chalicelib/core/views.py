"""What is declared on a view, and what its signature adds: all that is known of an endpoint.

`edge.py` runs requests by it, `openapi.py` documents by it.
"""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, get_type_hints

from pydantic import BaseModel

from chalicelib.core.auth import Role
from chalicelib.core.errors import Problem
from chalicelib.core.parsing import JSON

PUBLIC: frozenset[Role] = frozenset()
EVERYONE = frozenset(Role)
CREATED = frozenset((201, 202))
NOT_REPEATABLE = frozenset(("POST", "PATCH"))  # RFC 9110 promises it of every other method.
INJECTED = frozenset(("session", "principal", "call", "body", "query", "raw", "now", "prepared"))


@dataclass(frozen=True, kw_only=True)
class Declared:
    """The declarations on a view.

    Attributes:
        allow: Who may call; `admin` always may, `PUBLIC` needs no token.
        tenant: The only tenant whose users may call, where the rows belong to one.
        companies_only: The house may not call: the rows are a company's own.
        body: Model of the body.
        query: Model of the query string.
        status: Status of success.
        accepts: Media types of the body; more than JSON arrive as `raw`.
        raises: Refusals of the view, for the documentation.
        response: Model of the answer where the view returns a `Reply`, for the documentation.
        response_media_type: Media type of success, for the documentation.
        also_as: Other media types in which the view answers, for the documentation.
        may_answer: Other statuses that carry the response model, or lead elsewhere, for the
            documentation.
        before: Takes what a view may take but the session, and runs before the transaction:
            hashing a password or storing an object must not hold one open. The view gets its
            result as `prepared`.
        own_transactions: The view opens its own units of work and gets no session.
        autocommit: The view runs at most one writing statement.
        limit: A stricter policy of this endpoint's own, such as `30/minute`, counted by caller
            beside the general one.
        counted_as: Another endpoint's name, whose policy counts the requests of this one, too.
        unlimited: Requests are not counted: health checks and documentation.
        versioned: The answer carries an `ETag`, for the documentation; a view that changes what
            it stands for takes `If-Match`.
        identifies_caller: A public view that answers more to those who send a token.
        answers_credentials: The answer is, or holds, what lets its bearer in: nobody may keep
            it, neither a cache on the way nor `idempotency.py`.
        also_admits: Whether a bearer token that is no user's, but a program's, is let in.
        any_origin: Pages of every origin may read the answer, not those of `CORS_ORIGINS` only:
            it is everybody's.
        hidden: Left out of the documentation.
    """

    allow: Role | Collection[Role]
    tenant: str | None = None
    companies_only: bool = False
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    status: int = 200
    accepts: tuple[str, ...] = (JSON,)
    raises: tuple[type[Problem], ...] = ()
    response: type[BaseModel] | None = None
    response_media_type: str = JSON
    also_as: tuple[str, ...] = ()
    may_answer: tuple[int, ...] = ()
    before: Callable[..., Any] | None = None
    own_transactions: bool = False
    autocommit: bool = False
    limit: str | None = None
    counted_as: str | None = None
    unlimited: bool = False
    versioned: bool = False
    identifies_caller: bool = False
    answers_credentials: bool = False
    also_admits: Callable[[str], bool] | None = None
    any_origin: bool = False
    hidden: bool = False

    also_offered: ClassVar[frozenset[str]] = frozenset()
    """What views of this kind may take beside `INJECTED`."""

    @property
    def roles(self) -> frozenset[Role]:
        """Whose tokens are let in; empty where none is needed."""
        named = frozenset({self.allow} if isinstance(self.allow, Role) else self.allow)
        return named | {Role.ADMIN} if named else PUBLIC


@dataclass(frozen=True)
class View:
    """A view function with its declarations.

    Attributes:
        run: The function. It names what it needs: `session`, `principal`, `call`, `body`,
            `query`, `raw`, `now`, `prepared`; every other parameter is one of the path.
        declared: What is declared on it.
        roles: Whose tokens are let in; empty where none is needed.
        path: Path parameter -> annotation, by which it is converted.
        parameters: Names of all that the function takes.
        response: Model of the answer, if it has one.
        summary: First sentence of the docstring.
        description: The rest of it.
    """

    run: Callable[..., Any]
    declared: Declared
    roles: frozenset[Role]
    path: Mapping[str, Any]
    parameters: frozenset[str]
    response: Any
    summary: str
    description: str

    @classmethod
    def of(cls, run: Callable[..., Any], declared: Declared) -> Self:
        """Read the function's signature and docstring."""
        hints = get_type_hints(run, include_extras=True)
        names = parameters_of(run)
        summary, _, description = inspect.cleandoc(run.__doc__ or "").partition("\n\n")
        return cls(
            run=run,
            declared=declared,
            roles=declared.roles,
            path={name: hints[name] for name in names - INJECTED - declared.also_offered},
            parameters=names,
            response=declared.response or hints.get("return"),
            summary=" ".join(summary.split()).rstrip("."),
            description=description,
        )

    @property
    def takes_body(self) -> bool:
        """Whether the request has a body that matters."""
        return self.declared.body is not None or "raw" in self.parameters | self.before_parameters

    @property
    def needs_body(self) -> bool:
        """Whether a request without any body is malformed: not where every field has a default."""
        body = self.declared.body
        if body is None or "raw" in self.parameters | self.before_parameters:
            return self.takes_body
        return any(field.is_required() for field in body.model_fields.values())

    def takes_condition(self, method: str) -> bool:
        """Whether a request may carry an `If-Match`."""
        return self.declared.versioned and method == "PUT"

    def takes_key(self, method: str) -> bool:
        """Whether a request may carry an `Idempotency-Key`: it creates, and the view's answer
        can be kept by its transaction."""
        declared = self.declared
        is_kept = bool(self.roles) and not (
            declared.own_transactions or declared.answers_credentials
        )
        return method == "POST" and declared.status in CREATED and is_kept

    def refuses_key(self, method: str) -> bool:
        """Whether an `Idempotency-Key` would promise what is not kept.

        By methods that may be repeated anyway the header is left unread.
        """
        return method in NOT_REPEATABLE and not self.takes_key(method)

    @property
    def before_parameters(self) -> frozenset[str]:
        """Names of what runs before the transaction takes."""
        return parameters_of(self.declared.before) if self.declared.before else frozenset()


def parameters_of(function: Callable[..., Any]) -> frozenset[str]:
    """Names of a function's parameters."""
    return frozenset(inspect.signature(function).parameters)
