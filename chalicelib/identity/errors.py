"""Refusals of identity."""

from chalicelib.core.errors import (
    Conflict,
    Forbidden,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unprocessable,
)


class CredentialsWrong(Unauthorized):
    """Login or password is wrong, or the user has been deactivated."""

    motivo = "Usuário ou senha não confere, ou o acesso foi desativado."


class LoginLocked(TooManyRequests):
    """Too many failed sign-ins; try again after the seconds that `Retry-After` gives."""

    motivo = "Houve tentativas demais. Espere alguns minutos e tente de novo."


class RefreshTokenInvalid(Unauthorized):
    """This refresh token is unknown, expired or already used; sign in again. It is the
    `refresh_token` of the last answer that renews, not the access token.
    """


class LoginTaken(Conflict):
    """There is already a user with this login."""

    motivo = "Já há um usuário com este nome de acesso."


class UsuarioNotFound(NotFound):
    """There is no user under this id."""

    motivo = "Este usuário não existe."


class NotAUser(Forbidden):
    """A key stands for a program, not for a user; sign in as one at POST /auth/token."""

    motivo = "Uma chave é de um programa. Entre como uma pessoa."


class LastAdmin(Conflict):
    """This is the last active admin; make another one first."""

    motivo = "É a última pessoa que administra. Dê esse papel a outra antes."


class CompanyRole(Unprocessable):
    """The role empresa belongs to a company's own users, not to those of the house."""

    motivo = "Este papel é dos usuários de uma empresa."


class PasswordWrong(Unprocessable):
    """The current password is wrong."""

    motivo = "A senha atual não confere."
