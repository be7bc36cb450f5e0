"""Refusals as types: each knows its status, and its docstring is its message (RFC 9457)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, Field


class FieldError(BaseModel):
    """One thing that is wrong with what the client sent."""

    campo: str = Field(description="Path of the field, dots between levels.", examples=["email"])
    erro: str = Field(description="What is wrong and what is expected.")


class ProblemDocument(BaseModel):
    """An error, as RFC 9457 `application/problem+json`."""

    type: str = Field(description="Identifies the kind of problem.", examples=["urn:previsto:X"])
    title: str = Field(description="Name of the kind of problem; stable, safe to branch on.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened and what to do.")
    request_id: str = Field(description="Quote it when you ask for help.")
    errors: list[FieldError] | None = Field(None, description="Fields that did not validate.")


class Problem(Exception):
    """The request could not be done."""

    status: ClassVar[int] = 400

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Refuse.

        Args:
            detail: What to tell the client; the class's docstring when left out. Never put
                the client's own input nor anything internal into it.
            errors: Fields that did not validate.
            headers: Headers of the answer, such as `Retry-After`.
        """
        self.detail = detail or self.default_detail()
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        super().__init__(self.detail)

    @classmethod
    def default_detail(cls) -> str:
        """The message of the class: its docstring in one line."""
        return " ".join((cls.__doc__ or cls.__name__).split())

    def document(self, request_id: str) -> dict[str, Any]:
        """The JSON body of the answer."""
        body: dict[str, Any] = {
            "type": f"urn:previsto:{type(self).__name__}",
            "title": type(self).__name__,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }
        if self.errors:
            body["errors"] = [error.model_dump() for error in self.errors]
        return body


class BadRequest(Problem):
    """The request is malformed."""


class Unauthorized(Problem):
    """A valid access token is needed: send `Authorization: Bearer <token>`."""

    status = 401

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Problem):
    """Your role does not allow this."""

    status = 403


class CompaniesOnly(Forbidden):
    """This endpoint is for companies, and shows each one its own; you belong to the house."""


class NotFound(Problem):
    """There is nothing here under this id."""

    status = 404


class Gone(Problem):
    """What was here has been removed."""

    status = 410


class Conflict(Problem):
    """The request contradicts the current state."""

    status = 409


class PreconditionFailed(Problem):
    """What you are changing has changed since you read it; read it again, then decide."""

    status = 412


class PayloadTooLarge(Problem):
    """The body is too large; use POST /uploads and send the object's key instead."""

    status = 413


class UnsupportedMediaType(Problem):
    """The body's content type is not one this endpoint takes."""

    status = 415


class Unprocessable(Problem):
    """The request is well-formed, but its content cannot be accepted."""

    status = 422


class ValidationFailed(Unprocessable):
    """Some fields did not validate; `errors` names them."""


class TooManyRequests(Problem):
    """Too many requests; wait as long as `Retry-After` says."""

    status = 429


class ServiceUnavailable(Problem):
    """A service this answer needs is not reachable right now; try again shortly."""

    status = 503


class InternalError(Problem):
    """Something went wrong on our side; it has been logged under this request_id."""

    status = 500
