"""Plans on offer, and those that no longer are."""

from typing import Any

from sqlalchemy import exists, select, text
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.gym.errors import PlanoEmUso, PlanoJaAtivo, PlanoJaInativo, PlanoNotFound
from chalicelib.gym.schemas import PlanoIn
from chalicelib.gym.tables import Aluno, Plano, Vigencia

# The model knows a plano by its name, so what is stored of these members is stale.
# One order for everybody: two transactions that touch the same members take turns, not a deadlock.
RAISE_REVISIONS = """
UPDATE alunos a SET revisao = revisao + 1
FROM (SELECT id FROM alunos WHERE plano_id = :plano_id ORDER BY id FOR NO KEY UPDATE) t
WHERE a.id = t.id
"""


def get_plano(session: Session, plano_id: int) -> Plano:
    """One plan.

    Raises:
        PlanoNotFound: There is none.
    """
    plano = session.get(Plano, plano_id)
    if plano is None:
        raise PlanoNotFound
    return plano


def update_plano(session: Session, principal: Principal, plano_id: int, new: PlanoIn) -> Plano:
    """Give a plan another name or price, for everybody who has it.

    Raises:
        PlanoNotFound: There is none.
        PlanoNameTaken: There is another one of this name.
    """
    plano = _lock(session, plano_id)
    changes: dict[str, Any] = {}
    if plano.mensalidade != new.mensalidade:
        changes["mensalidade"] = {"de": str(plano.mensalidade), "para": str(new.mensalidade)}
    if plano.nome != new.nome:
        changes["nome"] = {"de": plano.nome, "para": new.nome}
        session.execute(text(RAISE_REVISIONS), {"plano_id": plano_id})
    if changes:
        plano.nome, plano.mensalidade = new.nome, new.mensalidade
        audit.record_by(session, principal, "plano.alterado", f"plano:{plano_id}", **changes)
    return plano


def offer_plano(session: Session, principal: Principal, plano_id: int, *, on_offer: bool) -> Plano:
    """Put a plan on offer again, or take it off; who has it keeps it.

    Raises:
        PlanoNotFound: There is none.
        PlanoJaAtivo, PlanoJaInativo: So it is.
    """
    plano = _lock(session, plano_id)
    if plano.ativo == on_offer:
        raise PlanoJaAtivo if on_offer else PlanoJaInativo
    plano.ativo = on_offer
    acao = "plano.ativado" if on_offer else "plano.desativado"
    audit.record_by(session, principal, acao, f"plano:{plano_id}")
    return plano


def delete_plano(session: Session, principal: Principal, plano_id: int) -> None:
    """Delete a plan that nobody has or ever had.

    Raises:
        PlanoNotFound: There is none.
        PlanoEmUso: Somebody has or had it.
    """
    # Whoever is just taking it up holds a lock on its row, through the foreign key, that this one
    # waits for; the next statement sees what they did.
    plano = session.get(Plano, plano_id, with_for_update=True)
    if plano is None:
        raise PlanoNotFound
    users = select(Aluno.id).where(Aluno.plano_id == plano_id)
    history = select(Vigencia.aluno_id).where(Vigencia.plano_id == plano_id)
    if session.scalar(select(exists(users) | exists(history))):
        raise PlanoEmUso
    session.delete(plano)
    audit.record_by(session, principal, "plano.removido", f"plano:{plano_id}")


def _lock(session: Session, plano_id: int) -> Plano:
    """The plan, which nobody else changes until the transaction ends."""
    plano = session.get(Plano, plano_id, with_for_update={"key_share": True})
    if plano is None:
        raise PlanoNotFound
    return plano
