"""Who did something in a company, as people call them: its users, and programs by their keys."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.core.jobs import SYSTEM
from chalicelib.credit.tables_companies import ChaveApi
from chalicelib.identity import service

KEY = "chave:"


def authors(session: Session, subjects: Collection[str | None]) -> dict[str, str]:
    """Subject -> what it is called, of those that the session's tenant knows."""
    known = {each for each in subjects if each is not None}
    ids = [UUID(each.removeprefix(KEY)) for each in known if each.startswith(KEY)]
    keys = session.execute(select(ChaveApi.id, ChaveApi.nome).where(ChaveApi.id.in_(ids)))
    named = {f"{KEY}{row.id}": f"chave “{row.nome}”" for row in keys}
    return {SYSTEM: "sistema", **named, **service.names_of(session, known)}
