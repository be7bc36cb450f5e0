"""Refused sign-ins in the trail, which is never deleted: so without names and addresses."""

import hashlib
import hmac

from sqlalchemy import select

from chalicelib.core import audit
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.settings import HOUSE, settings
from chalicelib.identity.tables import Usuario

PSEUDONYM_DIGITS = 16


def record_refusal(acao: str, login: str, source_ip: str) -> None:
    """Record that a sign-in was refused, in a transaction of its own: the request has none.

    A user is named by id, in their tenant's trail. A login that is nobody's, which may well be a
    password in the wrong field, and the caller's address are there under pseudonyms: the same
    ones each time, so that attacks can be followed.

    Args:
        acao: What the trail calls it.
        login: Whose sign-in, in lower case.
        source_ip: Where it came from.
    """
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        usuario = session.scalar(select(Usuario).where(Usuario.login == login))
        audit.record(
            session,
            tenant=usuario.tenant if usuario else HOUSE,
            ator=audit.ANONYMOUS,
            acao=acao,
            objeto=f"usuario:{usuario.id}" if usuario else f"conta:{pseudonym(login)}",
            endereco=pseudonym(source_ip),
        )


def pseudonym(value: str) -> str:
    """Another name for a value, that only who holds the signing key could test a guess against."""
    key = settings().signing_key.get_secret_value().encode()
    digest = hmac.new(key, f"auditoria {value}".encode(), hashlib.sha256)
    return digest.hexdigest()[:PSEUDONYM_DIGITS]
