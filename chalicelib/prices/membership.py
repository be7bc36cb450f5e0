"""Who may do what in a project."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.identity.errors import NotAUser
from chalicelib.prices.errors import PapelInsuficiente, ProjetoNotFound
from chalicelib.prices.tables import Membro, Projeto


class Papel(StrEnum):
    """What somebody may do in a project, the least first; each may do what those before may."""

    LEITOR = "leitor"
    TREINADOR = "treinador"
    ADMIN = "admin"
    DONO = "dono"

    def allows(self, needed: "Papel") -> bool:
        """Whether who has this role may do what needs that one."""
        order = list(Papel)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True)
class Acesso:
    """A project, and what the caller is in it."""

    projeto: Projeto
    papel: Papel


def user_of(principal: Principal) -> int:
    """The id of the user who calls; projects belong to people.

    Raises:
        NotAUser: It is a program's key.
    """
    if principal.usuario_id is None:
        raise NotAUser
    return principal.usuario_id


def acesso_of(
    session: Session, principal: Principal, projeto_id: UUID, *, lock: bool = False
) -> Acesso:
    """A project that the caller owns or that is shared with them, and their role.

    Args:
        session: The session.
        principal: Who asks. A role outside of projects counts for nothing here: an admin of the
            house does not see what is not shared with them.
        projeto_id: Which project.
        lock: Nobody else changes the project before this transaction ends.

    Raises:
        ProjetoNotFound: There is none, it was deleted, or it is somebody else's.
        NotAUser: The caller is a program's key.
    """
    me = user_of(principal)
    statement = (
        select(Projeto, Membro.papel)
        .outerjoin(Membro, and_(Membro.projeto_id == Projeto.id, Membro.usuario_id == me))
        .where(
            Projeto.id == projeto_id,
            Projeto.excluido_em.is_(None),
            or_(Projeto.dono_id == me, Membro.usuario_id == me),
        )
    )
    if lock:
        statement = statement.with_for_update(of=Projeto, key_share=True)
    found = session.execute(statement).one_or_none()
    if found is None:
        raise ProjetoNotFound
    projeto, papel = found
    return Acesso(projeto, Papel.DONO if projeto.dono_id == me else Papel(papel))


def projeto_of(
    session: Session, principal: Principal, projeto_id: UUID, papel: Papel, *, lock: bool = False
) -> Projeto:
    """A project in which the caller has a role or a higher one; see `acesso_of`.

    Raises:
        ProjetoNotFound: There is none, it was deleted, or it is somebody else's.
        PapelInsuficiente: Their role is a lower one.
        NotAUser: The caller is a program's key.
    """
    acesso = acesso_of(session, principal, projeto_id, lock=lock)
    if not acesso.papel.allows(papel):
        raise PapelInsuficiente
    return acesso.projeto
