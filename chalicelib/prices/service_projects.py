"""Projects: made, listed, changed, passed on, deleted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.jobs import enqueue
from chalicelib.core.pages import AS_INSTANT, AS_UUID, PageQuery, fetch_page
from chalicelib.identity.tables import Usuario
from chalicelib.prices.errors import PessoaNotFound
from chalicelib.prices.membership import Acesso, Papel, acesso_of, projeto_of, user_of
from chalicelib.prices.models import price_model_name
from chalicelib.prices.queues import PRICES_REMOVAL_QUEUE, RemocaoMessage
from chalicelib.prices.schemas_projects import ProjetoIn, ProjetoPatch
from chalicelib.prices.tables import Membro, Projeto


@dataclass(frozen=True)
class ProjetoVisto:
    """A project as one of its people sees it."""

    projeto: Projeto
    papel: Papel
    dono: str

    @property
    def id(self) -> UUID:
        """Its id."""
        return self.projeto.id

    @property
    def nome(self) -> str:
        """Its name."""
        return self.projeto.nome

    @property
    def descricao(self) -> str:
        """What it is for."""
        return self.projeto.descricao

    @property
    def criado_em(self) -> datetime:
        """Since when it is there."""
        return self.projeto.criado_em


def create_projeto(
    session: Session, principal: Principal, new: ProjetoIn, now: datetime
) -> Projeto:
    """Make a project of the caller's own.

    Raises:
        NotAUser: The caller is a program's key.
    """
    projeto = Projeto(
        tenant=principal.tenant,
        nome=new.nome,
        descricao=new.descricao,
        dono_id=user_of(principal),
        criado_em=now,
    )
    session.add(projeto)
    session.flush()
    record(session, principal, projeto.id, "projeto.criado")
    return projeto


def list_projetos(
    session: Session, principal: Principal, query: PageQuery
) -> tuple[list[ProjetoVisto], str | None, tuple[int, bool]]:
    """The caller's projects and those shared with them, newest first.

    Returns:
        The page, the cursor of the next one, and the total with its exactness.

    Raises:
        NotAUser: The caller is a program's key.
    """
    me = user_of(principal)
    shared = select(Membro.projeto_id).where(Membro.usuario_id == me)
    statement = select(Projeto).where(
        or_(Projeto.dono_id == me, Projeto.id.in_(shared)), Projeto.excluido_em.is_(None)
    )
    key = (Projeto.criado_em, Projeto.id)
    found, cursor, total = fetch_page(session, statement, query, key, (AS_INSTANT, AS_UUID))
    roles = _roles(session, me, found)
    logins = logins_of(session, {each.dono_id for each in found})
    seen = [
        ProjetoVisto(
            each, Papel.DONO if each.dono_id == me else roles[each.id], logins[each.dono_id]
        )
        for each in found
    ]
    return seen, cursor, total


def _roles(session: Session, usuario_id: int, projetos: Sequence[Projeto]) -> dict[UUID, Papel]:
    statement = select(Membro.projeto_id, Membro.papel).where(
        Membro.usuario_id == usuario_id, Membro.projeto_id.in_([each.id for each in projetos])
    )
    return {projeto_id: Papel(papel) for projeto_id, papel in session.execute(statement)}


def logins_of(session: Session, ids: Collection[int]) -> dict[int, str]:
    """User's id -> login."""
    statement = select(Usuario.id, Usuario.login).where(Usuario.id.in_(ids))
    return dict(session.execute(statement).all())


def see_projeto(session: Session, principal: Principal, projeto_id: UUID) -> ProjetoVisto:
    """One project.

    Raises:
        ProjetoNotFound: There is none of theirs, nor one shared with them, under this id.
    """
    return _seen(session, acesso_of(session, principal, projeto_id))


def _seen(session: Session, acesso: Acesso) -> ProjetoVisto:
    dono_id = acesso.projeto.dono_id
    return ProjetoVisto(acesso.projeto, acesso.papel, logins_of(session, {dono_id})[dono_id])


def change_projeto(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    change: ProjetoPatch,
    now: datetime,
) -> ProjetoVisto:
    """Name or describe a project anew, or pass it on.

    Raises:
        ProjetoNotFound: There is none of theirs, nor one shared with them, under this id.
        PapelInsuficiente: They are neither admin nor owner; or not its owner, who alone passes
            it on.
        PessoaNotFound: Nobody active has the login of who is to own it.
    """
    needed = Papel.ADMIN if change.dono is None else Papel.DONO
    projeto = projeto_of(session, principal, projeto_id, needed, lock=True)
    for name in ("nome", "descricao"):
        if (value := getattr(change, name)) is not None:
            setattr(projeto, name, value)
    changed = sorted(change.model_fields_set - {"dono"})
    record(session, principal, projeto_id, "projeto.alterado", campos=changed)
    if change.dono is not None:
        _pass_on(session, principal, projeto, find_person(session, change.dono), now)
    session.flush()
    return see_projeto(session, principal, projeto_id)


def _pass_on(
    session: Session, principal: Principal, projeto: Projeto, heir: Usuario, now: datetime
) -> None:
    if heir.id == projeto.dono_id:
        return
    session.execute(
        delete(Membro).where(Membro.projeto_id == projeto.id, Membro.usuario_id == heir.id)
    )
    former = Membro(
        projeto_id=projeto.id,
        usuario_id=projeto.dono_id,
        tenant=projeto.tenant,
        papel=Papel.ADMIN.value,
        desde=now,
    )
    session.add(former)
    projeto.dono_id = heir.id
    record(session, principal, projeto.id, "projeto.transferido", dono=heir.id)


def find_person(session: Session, login: str) -> Usuario:
    """An active user of the tenant.

    Raises:
        PessoaNotFound: There is none with this login.
    """
    found = session.scalar(select(Usuario).where(Usuario.login == login, Usuario.ativo))
    if found is None:
        raise PessoaNotFound
    return found


def delete_projeto(session: Session, principal: Principal, projeto_id: UUID, now: datetime) -> None:
    """Let nobody see a project any more; jobs remove what it has stored.

    Raises:
        ProjetoNotFound: There is none of theirs, nor one shared with them, under this id.
        PapelInsuficiente: They do not own it.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.DONO, lock=True)
    projeto.excluido_em = now
    record(session, principal, projeto_id, "projeto.excluido")
    for prefixo in (objects_of(projeto), stored_models_of(projeto)):
        enqueue(
            session,
            PRICES_REMOVAL_QUEUE,
            RemocaoMessage(prefixo=prefixo),
            tenant=principal.tenant,
            owner=principal.subject,
        )


def objects_of(projeto: Projeto) -> str:
    """What the keys of all objects of a project begin with."""
    return f"{projeto.tenant}/precos/{projeto.id.hex}/"


def stored_models_of(projeto: Projeto) -> str:
    """What the keys of its models begin with, which the registry has chosen."""
    return f"{projeto.tenant}/models/{price_model_name(projeto.tenant, projeto.id).model}/"


def record(
    session: Session, principal: Principal, projeto_id: UUID, acao: str, **detalhes: object
) -> None:
    """Put a change of a project on the trail."""
    audit.record_by(session, principal, acao, f"projeto:{projeto_id}", **detalhes)
