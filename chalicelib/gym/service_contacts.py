"""The contact log: who is to speak with whom by when, and what came of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, not_, select
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal, Role
from chalicelib.core.clock import local_day
from chalicelib.core.pages import AS_ID, fetch_page
from chalicelib.core.settings import settings
from chalicelib.gym.errors import (
    AlunoNoControle,
    AlunoNotFound,
    ContatoNotFound,
    JogadaUnknown,
    ResponsavelUnknown,
)
from chalicelib.gym.schemas_retention import ContatoIn, ContatoPatch, ContatosQuery, Grupo
from chalicelib.gym.tables import Aluno
from chalicelib.gym.tables_retention import Contato, GrupoRetencao, Jogada
from chalicelib.identity.tables import Usuario

_CAN_BE_GIVEN = and_(Usuario.ativo, Usuario.papel.in_((Role.ADMIN, Role.OPERADOR)))


def list_contatos(
    session: Session, query: ContatosQuery, now: datetime
) -> tuple[list[Contato], str | None, tuple[int, bool]]:
    """The contacts that were asked for, newest first: a page, the next one's cursor, the total."""
    statement = select(Contato)
    if query.aluno_id is not None:
        statement = statement.where(Contato.aluno_id == query.aluno_id)
    if query.responsavel_id is not None:
        statement = statement.where(Contato.responsavel_id == query.responsavel_id)
    is_open = Contato.concluido_em.is_(None)
    if query.aberto is not None:
        statement = statement.where(is_open if query.aberto else not_(is_open))
    if query.atrasado is not None:
        today = local_day(now, settings().local_timezone)
        # A day that was never named is never past.
        late = and_(is_open, Contato.prazo.is_not(None), Contato.prazo < today)
        statement = statement.where(late if query.atrasado else late.is_not(True))
    return fetch_page(session, statement, query, (Contato.id,), (AS_ID,))


def create_contato(
    session: Session, principal: Principal, new: ContatoIn, now: datetime
) -> Contato:
    """Open a contact, or log one that was made.

    Raises:
        AlunoNotFound: There is no such aluno.
        AlunoNoControle: They are held out, and `forcar` was not given.
        ContatoEmAberto: One with them is open already.
        ResponsavelUnknown: Nobody can be given it under this id.
        JogadaUnknown: There is no such play.
    """
    # Nobody is erased while this is being decided.
    held = {"read": True, "key_share": True}
    if session.get(Aluno, new.aluno_id, with_for_update=held) is None:
        raise AlunoNotFound
    group = session.get(GrupoRetencao, new.aluno_id)
    is_held_out = group is not None and group.grupo == Grupo.CONTROLE
    if is_held_out and not new.forcar:
        raise AlunoNoControle
    _require_responsavel(session, new.responsavel_id)
    if new.jogada_id is not None and session.get(Jogada, new.jogada_id) is None:
        raise JogadaUnknown
    contato = Contato(
        **new.model_dump(exclude={"forcar"}),
        criado_por=principal.subject,
        criado_em=now,
        concluido_em=now if new.desfecho else None,
    )
    session.add(contato)
    forced = {"contra_o_controle": True} if is_held_out else {}
    _record(session, principal, contato, "aluno.contato_registrado", **forced)
    return contato


def change_contato(
    session: Session, principal: Principal, contato_id: int, change: ContatoPatch, now: datetime
) -> Contato:
    """Change a contact; an outcome concludes it, another one later corrects the first.

    Raises:
        ContatoNotFound: There is none.
        ResponsavelUnknown: Nobody can be given it under this id.
    """
    contato = session.get(Contato, contato_id, with_for_update=True)
    if contato is None:
        raise ContatoNotFound
    _require_responsavel(session, change.responsavel_id)
    for name in change.model_fields_set:
        setattr(contato, name, getattr(change, name))
    if contato.desfecho is not None and contato.concluido_em is None:
        contato.concluido_em = now
    _record(session, principal, contato, "aluno.contato_alterado")
    return contato


def list_responsaveis(session: Session) -> list[tuple[int, str]]:
    """Who can be given a contact: id and name, by name."""
    statement = select(Usuario.id, Usuario.nome).where(_CAN_BE_GIVEN).order_by(Usuario.nome)
    return [(row.id, row.nome) for row in session.execute(statement)]


def _require_responsavel(session: Session, usuario_id: int | None) -> None:
    if usuario_id is None:
        return
    found = session.scalar(select(Usuario.id).where(Usuario.id == usuario_id, _CAN_BE_GIVEN))
    if found is None:
        raise ResponsavelUnknown


def _record(
    session: Session, principal: Principal, contato: Contato, acao: str, **detalhes: Any
) -> None:
    """Put it on the member's trail; the note, which may be personal, stays out of it."""
    session.flush()
    audit.record_by(
        session,
        principal,
        acao,
        f"aluno:{contato.aluno_id}",
        contato=contato.id,
        canal=contato.canal,
        desfecho=contato.desfecho,
        **detalhes,
    )
