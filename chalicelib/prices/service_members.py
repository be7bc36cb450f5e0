"""Who a project is shared with."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.pages import AS_ID, PageQuery, fetch_page
from chalicelib.identity.tables import Usuario
from chalicelib.prices.errors import DonoNaoMembro, MembroNotFound, MembrosDemais
from chalicelib.prices.membership import Papel, acesso_of, projeto_of
from chalicelib.prices.schemas_projects import MembroOut, PapelDeMembro
from chalicelib.prices.service_projects import find_person, record
from chalicelib.prices.tables import Membro

MOST_MEMBERS = 500


def list_members(
    session: Session, principal: Principal, projeto_id: UUID, query: PageQuery
) -> tuple[list[MembroOut], str | None, tuple[int, bool]]:
    """Who a project is shared with, the newest user first; its owner is not among them.

    Returns:
        The page, the cursor of the next one, and the total with its exactness.

    Raises:
        ProjetoNotFound: There is none of theirs, nor one shared with them, under this id.
    """
    projeto_of(session, principal, projeto_id, Papel.LEITOR)
    statement = select(Membro).where(Membro.projeto_id == projeto_id)
    found, cursor, total = fetch_page(session, statement, query, (Membro.usuario_id,), (AS_ID,))
    ids = [each.usuario_id for each in found]
    people = {each.id: each for each in session.scalars(select(Usuario).where(Usuario.id.in_(ids)))}
    return [_member_out(each, people[each.usuario_id]) for each in found], cursor, total


def _member_out(membro: Membro, person: Usuario) -> MembroOut:
    return MembroOut(
        login=person.login,
        nome=person.nome,
        papel=PapelDeMembro(membro.papel),
        desde=membro.desde,
    )


def share(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    login: str,
    papel: PapelDeMembro,
    now: datetime,
) -> MembroOut:
    """Share a project with somebody, or as something else than before.

    Raises:
        ProjetoNotFound: There is none of theirs, nor one shared with them, under this id.
        PapelInsuficiente: They are neither admin nor owner.
        PessoaNotFound: Nobody active has this login.
        DonoNaoMembro: It is the owner's login.
        MembrosDemais: It is shared with too many.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.ADMIN, lock=True)
    person = find_person(session, login)
    if person.id == projeto.dono_id:
        raise DonoNaoMembro
    values = {"tenant": projeto.tenant, "papel": papel.value, "desde": now}
    statement = (
        insert(Membro)
        .values(projeto_id=projeto_id, usuario_id=person.id, **values)
        .on_conflict_do_update(
            index_elements=["projeto_id", "usuario_id"], set_={"papel": papel.value}
        )
        .returning(Membro)
    )
    membro = session.scalars(statement, execution_options={"populate_existing": True}).one()
    count = select(func.count()).select_from(Membro).where(Membro.projeto_id == projeto_id)
    # The project's lock lets one at a time count.
    if (session.scalar(count) or 0) > MOST_MEMBERS:
        raise MembrosDemais
    record(session, principal, projeto_id, "projeto.compartilhado", com=person.id, papel=papel)
    return _member_out(membro, person)


def unshare(session: Session, principal: Principal, projeto_id: UUID, login: str) -> None:
    """Share a project with somebody no longer; everybody may leave by themselves.

    Raises:
        ProjetoNotFound: There is none of theirs, nor one shared with them, under this id.
        PapelInsuficiente: It is about somebody else, and they are neither admin nor owner.
        MembroNotFound: It is not shared with anybody of this login.
    """
    acesso = acesso_of(session, principal, projeto_id, lock=True)
    person = session.scalar(select(Usuario).where(Usuario.login == login))
    leaves = person is not None and person.id == principal.usuario_id
    if not leaves:
        projeto_of(session, principal, projeto_id, Papel.ADMIN)
    membro = None if person is None else session.get(Membro, (acesso.projeto.id, person.id))
    if membro is None:
        raise MembroNotFound
    session.delete(membro)
    record(session, principal, projeto_id, "projeto.descompartilhado", com=membro.usuario_id)
