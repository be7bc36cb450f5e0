"""What the club edits: its alert rules, and its plays for whom they and the model name."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.pages import AS_ID, PageQuery, fetch_page
from chalicelib.gym.errors import JogadaNotFound, RegraEmUso, RegraNotFound
from chalicelib.gym.schemas_retention import JogadaIn, RegraIn
from chalicelib.gym.tables_retention import Jogada, RegraAlerta


def list_regras(
    session: Session, query: PageQuery
) -> tuple[list[RegraAlerta], str | None, tuple[int, bool]]:
    """The alert rules, newest first: a page, the next one's cursor, the total."""
    return fetch_page(session, select(RegraAlerta), query, (RegraAlerta.id,), (AS_ID,))


def create_regra(session: Session, principal: Principal, new: RegraIn) -> RegraAlerta:
    """Add an alert rule.

    Raises:
        RegraNameTaken: There is one of this name.
    """
    regra = RegraAlerta(**new.model_dump())
    session.add(regra)
    _record(session, principal, regra, "criada")
    return regra


def replace_regra(
    session: Session, principal: Principal, regra_id: int, new: RegraIn
) -> RegraAlerta:
    """Change an alert rule; the next worklist goes by it.

    Raises:
        RegraNotFound: There is none.
        RegraNameTaken: There is another one of this name.
    """
    regra = _regra(session, regra_id)
    for name, value in new.model_dump().items():
        setattr(regra, name, value)
    _record(session, principal, regra, "alterada")
    return regra


def delete_regra(session: Session, principal: Principal, regra_id: int) -> None:
    """Delete an alert rule.

    Raises:
        RegraNotFound: There is none.
        RegraEmUso: A play is for whom it names.
    """
    regra = _regra(session, regra_id)
    if session.scalar(select(exists().where(Jogada.regra_id == regra_id))):
        raise RegraEmUso
    session.delete(regra)
    _record(session, principal, regra, "removida")


def list_jogadas(
    session: Session, query: PageQuery
) -> tuple[list[Jogada], str | None, tuple[int, bool]]:
    """The plays, newest first: a page, the next one's cursor, the total."""
    return fetch_page(session, select(Jogada), query, (Jogada.id,), (AS_ID,))


def create_jogada(session: Session, principal: Principal, new: JogadaIn) -> Jogada:
    """Add a play.

    Raises:
        JogadaNameTaken: There is one of this name.
        RegraUnknown: It is for whom a rule names that there is not.
    """
    jogada = Jogada(**new.model_dump())
    session.add(jogada)
    _record(session, principal, jogada, "criada")
    return jogada


def replace_jogada(session: Session, principal: Principal, jogada_id: int, new: JogadaIn) -> Jogada:
    """Change a play.

    Raises:
        JogadaNotFound: There is none.
        JogadaNameTaken: There is another one of this name.
        RegraUnknown: It is for whom a rule names that there is not.
    """
    jogada = _jogada(session, jogada_id)
    for name, value in new.model_dump().items():
        setattr(jogada, name, value)
    _record(session, principal, jogada, "alterada")
    return jogada


def delete_jogada(session: Session, principal: Principal, jogada_id: int) -> None:
    """Delete a play; contacts that followed it stay.

    Raises:
        JogadaNotFound: There is none.
    """
    jogada = _jogada(session, jogada_id)
    session.delete(jogada)
    _record(session, principal, jogada, "removida")


def _regra(session: Session, regra_id: int) -> RegraAlerta:
    regra = session.get(RegraAlerta, regra_id, with_for_update=True)
    if regra is None:
        raise RegraNotFound
    return regra


def _jogada(session: Session, jogada_id: int) -> Jogada:
    jogada = session.get(Jogada, jogada_id, with_for_update=True)
    if jogada is None:
        raise JogadaNotFound
    return jogada


def _record(session: Session, principal: Principal, row: RegraAlerta | Jogada, done: str) -> None:
    session.flush()
    noun = "regra" if isinstance(row, RegraAlerta) else "jogada"
    audit.record_by(session, principal, f"{noun}.{done}", f"{noun}:{row.id}")
