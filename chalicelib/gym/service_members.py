"""Members and plans."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.pages import AS_ID, PageQuery, fetch_page
from chalicelib.gym.errors import AlunoNotFound, PlanoForaDeOferta, PlanoUnknown
from chalicelib.gym.schemas import AlunoIn, PlanoIn
from chalicelib.gym.tables import Aluno, Plano, Vigencia


def register_aluno(session: Session, principal: Principal, new: AlunoIn, now: datetime) -> Aluno:
    """Register a member, active from now on.

    Raises:
        EmailTaken: Somebody has this e-mail.
        PlanoUnknown: There is no such plano; the message names those there are.
        PlanoForaDeOferta: It can no longer be taken up.
    """
    require_offered(session, new.plano_id)
    aluno = Aluno(
        nome=new.nome,
        email=new.email,
        telefone=new.telefone,
        data_nascimento=new.data_nascimento,
        plano_id=new.plano_id,
        matriculado_em=now,
        ativo=True,
        sintetico=False,
    )
    session.add(aluno)
    session.flush()
    session.add(Vigencia(aluno_id=aluno.id, desde=now, plano_id=new.plano_id, ativo=True))
    audit.record_by(session, principal, "aluno.registrado", f"aluno:{aluno.id}")
    return aluno


def create_plano(session: Session, principal: Principal, new: PlanoIn) -> Plano:
    """Put a plan on offer.

    Raises:
        PlanoNameTaken: There is one of this name.
    """
    plano = Plano(nome=new.nome, mensalidade=new.mensalidade, ativo=True)
    session.add(plano)
    session.flush()
    audit.record_by(session, principal, "plano.criado", f"plano:{plano.id}")
    return plano


def list_planos(
    session: Session, query: PageQuery
) -> tuple[list[Plano], str | None, tuple[int, bool]]:
    """The plans, newest first.

    Returns:
        The plans of the page, the cursor of the next one, and the total with its exactness.
    """
    return fetch_page(session, select(Plano), query, (Plano.id,), (AS_ID,))


def unknown_plano_message(session: Session) -> str:
    """What to tell somebody who named a plano that does not exist."""
    planos = session.execute(select(Plano.id, Plano.nome).where(Plano.ativo).order_by(Plano.id))
    names = ", ".join(f"{plano_id} ({nome})" for plano_id, nome in planos)
    return f"There is no plano under this plano_id. Use one of: {names or 'none yet'}."


def require_offered(session: Session, plano_id: int) -> None:
    """Refuse a plano that nobody can take up.

    Raises:
        PlanoUnknown: There is no such plano; the message names those there are.
        PlanoForaDeOferta: It has been taken off offer.
    """
    plano = session.get(Plano, plano_id)
    if plano is None:
        raise PlanoUnknown(unknown_plano_message(session))
    if not plano.ativo:
        raise PlanoForaDeOferta


def get_aluno(session: Session, aluno_id: int) -> Aluno:
    """One member.

    Raises:
        AlunoNotFound: There is none.
    """
    aluno = session.get(Aluno, aluno_id)
    if aluno is None:
        raise AlunoNotFound
    return aluno


def ensure_planos(session: Session, planos: dict[str, str]) -> dict[str, int]:
    """Make sure that plans of these names exist.

    Args:
        session: The transaction.
        planos: Name -> monthly price in BRL, as decimal text; an existing plan keeps its own.

    Returns:
        Name -> id.
    """
    session.execute(
        text(
            "INSERT INTO planos (nome, mensalidade)"
            " SELECT * FROM unnest(cast(:nomes AS text[]), cast(:precos AS numeric[]))"
            " ON CONFLICT (nome) DO NOTHING"
        ),
        {"nomes": list(planos), "precos": list(planos.values())},
    )
    rows = session.execute(select(Plano.nome, Plano.id).where(Plano.nome.in_(planos)))
    return {row.nome: row.id for row in rows}


def names_of(session: Session, alunos: Collection[int]) -> dict[int, str]:
    """Id -> present name of these members; who was erased is not among them."""
    rows = session.execute(select(Aluno.id, Aluno.nome).where(Aluno.id.in_(alunos)))
    return {row.id: row.nome for row in rows}
