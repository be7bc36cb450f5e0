"""Refusals as types: each knows its status, and its docstring is its message (RFC 9457)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, Field

MOST_FIELD_ERRORS = 100


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
    """The request could not be done.

    Attributes:
        motivo: The same to whom it is about, in Portuguese: of pages, and of jobs that ended so.
        status: Of the answer.
    """

    motivo: str = "Não foi possível fazer isso."
    status: ClassVar[int] = 400

    def __init__(
        self,
        detail: str | None = None,
        *,
        motivo: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Refuse.

        Args:
            detail: What to tell the client; the class's docstring when left out. Never put
                the client's own input nor anything internal into it.
            motivo: The same in Portuguese; the class's own when left out.
            errors: Fields that did not validate.
            headers: Headers of the answer, such as `Retry-After`.
        """
        self.detail = detail or self.default_detail()
        self.motivo = motivo or self.motivo
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        super().__init__(self.detail)

    @classmethod
    def default_detail(cls) -> str:
        """The message of the class: the first paragraph of its docstring in one line."""
        return " ".join((cls.__doc__ or cls.__name__).split("\n\n")[0].split())

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

    motivo = "O endereço ou o formulário não está completo."


class Unauthorized(Problem):
    """A valid access token is needed: send `Authorization: Bearer <token>`."""

    motivo = "Entre para continuar."
    status = 401

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Problem):
    """Your role does not allow this."""

    motivo = "Seu papel não permite isso. Peça a quem administra o sistema."
    status = 403


class CompaniesOnly(Forbidden):
    """This endpoint is for companies, and shows each one its own; you belong to the house."""

    motivo = "Esta página é das empresas, e mostra a cada uma o que é seu."


class NotFound(Problem):
    """There is nothing here under this id."""

    motivo = "O que você procura não está aqui. Pode ter sido removido."
    status = 404


class Gone(Problem):
    """What was here has been removed."""

    motivo = "O que havia aqui foi removido."
    status = 410


class Conflict(Problem):
    """The request contradicts the current state."""

    motivo = "Isso contradiz o estado atual. Recarregue a página e tente de novo."
    status = 409


class PreconditionFailed(Problem):
    """What you are changing has changed since you read it; read it again, then decide."""

    motivo = "Alguém mudou isso enquanto você editava. Confira e salve de novo."
    status = 412


class PayloadTooLarge(Problem):
    """The body is too large; use POST /uploads and send the object's key instead."""

    motivo = "O arquivo é grande demais para ser enviado assim."
    status = 413


class UnsupportedMediaType(Problem):
    """The body's content type is not one this endpoint takes."""

    motivo = "Este tipo de arquivo não serve aqui."
    status = 415


class Unprocessable(Problem):
    """The request is well-formed, but its content cannot be accepted."""

    motivo = "Algo no que foi enviado não pode ser aceito."
    status = 422


class ValidationFailed(Unprocessable):
    """Some fields did not validate; `errors` names them."""

    motivo = "Confira os campos marcados."

    def __init__(
        self, detail: str | None = None, *, errors: Sequence[FieldError] = (), **others: Any
    ) -> None:
        """Refuse, with the first `MOST_FIELD_ERRORS`: what is wrong may be as long as what came."""
        if len(errors) > MOST_FIELD_ERRORS:
            detail = detail or f"Many fields did not validate; `errors` names {MOST_FIELD_ERRORS}."
        super().__init__(detail, errors=errors[:MOST_FIELD_ERRORS], **others)


class TooManyRequests(Problem):
    """Too many requests; wait as long as `Retry-After` says."""

    motivo = "Foram pedidos demais em pouco tempo. Espere um instante."
    status = 429


class ServiceUnavailable(Problem):
    """A service this answer needs is not reachable right now; try again shortly."""

    motivo = "Um serviço de que isto precisa não responde. Tente de novo em instantes."
    status = 503


class InternalError(Problem):
    """Something went wrong on our side; it has been logged under this request_id."""

    motivo = "Algo deu errado do nosso lado, e ficou registrado."
    status = 500
