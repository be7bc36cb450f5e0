"""Passwords, hashed with argon2id; about 50 ms each, so never inside a transaction."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import CHEAPEST

from chalicelib.core.settings import Environment, settings


def _hasher() -> PasswordHasher:
    return _hasher_of(settings().environment)


@cache
def _hasher_of(environment: Environment) -> PasswordHasher:
    # The project's tests sign thousands of made-up people in, who have no secrets.
    if environment is Environment.TEST:
        return PasswordHasher.from_parameters(CHEAPEST)
    return PasswordHasher()


@cache
def _nobodys_hash(hasher: PasswordHasher) -> str:
    return hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    """The argon2id hash, salt and parameters included."""
    return _hasher().hash(password)


def verify_password(password: str, hashed: str | None) -> bool:
    """Whether the password fits; takes as long where there is no user to compare with."""
    hasher = _hasher()
    try:
        return hasher.verify(hashed or _nobodys_hash(hasher), password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(hashed: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher().check_needs_rehash(hashed)
