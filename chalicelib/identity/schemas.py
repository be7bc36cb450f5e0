"""Requests and responses of identity."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints

from chalicelib.core.auth import Role
from chalicelib.core.pages import PageQuery
from chalicelib.core.types import FromRow, Id, ShortText, Strict, WrittenAs

Login = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True),
    WrittenAs(r"^[A-Za-z0-9._@+-]{3,100}$", "use 3 to 100 letters, digits and any of . _ @ + -"),
    Field(examples=["recepcao"]),
]
Senha = Annotated[str, Field(min_length=8, max_length=200, examples=["cavalo-bateria-grampo"])]


class TokenIn(BaseModel):
    """Credentials, in the field names of OAuth2's password grant."""

    model_config = ConfigDict(extra="ignore")  # OAuth2 clients send scope, client_id and more.

    grant_type: Literal["password"] = "password"
    username: str = Field(min_length=1, max_length=100, examples=["admin"])
    password: str = Field(min_length=1, max_length=200, examples=["a-senha-do-admin"])


class LoginIn(TokenIn):
    """Credentials, by the names that clients of `/api/v1` use for them."""

    username: str = Field(
        min_length=1,
        max_length=100,
        validation_alias=AliasChoices("username", "login", "email", "user", "usuario"),
        examples=["admin"],
    )
    password: str = Field(
        min_length=1,
        max_length=200,
        validation_alias=AliasChoices("password", "senha"),
        examples=["a-senha-do-admin"],
    )


class RefreshIn(BaseModel):
    """A refresh token, in OAuth2's field names."""

    model_config = ConfigDict(extra="ignore")

    grant_type: Literal["refresh_token"] = "refresh_token"
    refresh_token: str = Field(min_length=1, max_length=200)


class RenewIn(BaseModel):
    """A refresh token, unless it comes as the bearer token of the request."""

    model_config = ConfigDict(extra="ignore")

    refresh_token: str | None = Field(
        None,
        min_length=1,
        max_length=2000,  # An access token sent by mistake is to hear what it is.
        validation_alias=AliasChoices("refresh_token", "refresh", "token"),
    )


class TokenOut(BaseModel):
    """A pair of tokens."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[900])
    refresh_token: str = Field(description="Usable once, at POST /auth/refresh.")


class NovoUsuario(Strict):
    """A new user, but for the password."""

    login: Login
    nome: ShortText = Field(examples=["Recepção"])
    papel: Role


class UsuarioIn(NovoUsuario):
    """A new user."""

    senha: Senha


class UsuarioPatch(Strict):
    """What an admin changes of a user; what is left out stays."""

    nome: ShortText | None = None
    papel: Role | None = None
    ativo: bool | None = None


class UsuarioOut(FromRow):
    """A user."""

    id: Id
    login: str
    nome: str
    papel: Role
    ativo: bool
    criado_em: datetime


class SenhaIn(Strict):
    """A change of one's own password."""

    senha_atual: str | None = Field(
        None, max_length=200, description="Left out by who has had no password yet."
    )
    senha_nova: Senha


class SenhaReset(Strict):
    """A new password, set by an admin."""

    senha_nova: Senha


class UsuarioQuery(PageQuery):
    """Filters of the list of users."""

    papel: Role | None = None
    ativo: bool | None = None
