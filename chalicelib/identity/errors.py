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


class LoginLocked(TooManyRequests):
    """Too many failed sign-ins; try again after the seconds that `Retry-After` gives."""


class RefreshTokenInvalid(Unauthorized):
    """This refresh token is unknown, expired or already used; sign in again."""


class LoginTaken(Conflict):
    """There is already a user with this login."""


class UsuarioNotFound(NotFound):
    """There is no user under this id."""


class NotAUser(Forbidden):
    """A key stands for a program, not for a user; sign in as one at POST /auth/token."""


class LastAdmin(Conflict):
    """This is the last active admin; make another one first."""


class CompanyRole(Unprocessable):
    """The role empresa belongs to a company's own users, not to those of the house."""


class PasswordWrong(Unprocessable):
    """The current password is wrong."""
