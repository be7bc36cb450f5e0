"""Synthetic members: made, marked as such, and removed."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from sqlalchemy import delete, insert, select, text
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.clock import zone
from chalicelib.core.settings import settings
from chalicelib.gym.errors import PlanoUnknown
from chalicelib.gym.schemas_members import Perfil, SinteticosIn
from chalicelib.gym.service_members import unknown_plano_message
from chalicelib.gym.synthetic import SyntheticHistory, make_history
from chalicelib.gym.tables import Aluno, Plano, Vigencia

NAMES = {
    Perfil.ASSIDUO: "assíduo",
    Perfil.EM_QUEDA: "em queda",
    Perfil.IRREGULAR: "irregular",
    Perfil.NOVO: "novo",
    Perfil.SUMIDO: "sumido",
}
NOBODYS_DOMAIN = "sintetico.invalid"  # RFC 2606 keeps `.invalid` from ever being anybody's.

INSERT_VISITS = """
INSERT INTO checkins (aluno_id, entrada, saida)
SELECT * FROM unnest(
    cast(:ids AS bigint[]), cast(:entradas AS timestamptz[]), cast(:saidas AS timestamptz[]))
"""


def create_synthetic(
    session: Session, principal: Principal, wanted: SinteticosIn, now: datetime
) -> Sequence[Aluno]:
    """Make members of a profile, with the plans on offer in turn.

    Raises:
        PlanoUnknown: There is no plano on offer.
    """
    planos = session.scalars(select(Plano.id).where(Plano.ativo).order_by(Plano.id)).all()
    if not planos:
        raise PlanoUnknown(unknown_plano_message(session))
    local = now.astimezone(zone(settings().local_timezone))
    histories = [
        make_history(wanted.perfil, local, f"{wanted.semente}:{wanted.perfil}:{number}")
        for number in range(wanted.n)
    ]
    alunos = session.scalars(
        insert(Aluno).returning(Aluno, sort_by_parameter_order=True),
        [
            {
                "nome": f"Sintético {NAMES[wanted.perfil]} {number + 1}",
                "email": f"{wanted.perfil}.{uuid4().hex}@{NOBODYS_DOMAIN}",
                "plano_id": planos[number % len(planos)],
                "matriculado_em": history.matriculado_em,
                "sintetico": True,
            }
            for number, history in enumerate(histories)
        ],
    ).all()
    _insert_histories(session, alunos, histories)
    audit.record_by(
        session,
        principal,
        "sinteticos.criados",
        "alunos:sinteticos",
        n=wanted.n,
        perfil=wanted.perfil.value,
    )
    return alunos


def remove_synthetic(session: Session, principal: Principal) -> int:
    """Remove every synthetic member with all that hangs on them.

    Returns:
        How many there were.
    """
    removed = session.scalars(delete(Aluno).where(Aluno.sintetico).returning(Aluno.id)).all()
    audit.record_by(session, principal, "sinteticos.removidos", "alunos:sinteticos", n=len(removed))
    return len(removed)


def _insert_histories(
    session: Session, alunos: Sequence[Aluno], histories: Sequence[SyntheticHistory]
) -> None:
    session.execute(
        insert(Vigencia),
        [
            {"aluno_id": a.id, "desde": a.matriculado_em, "plano_id": a.plano_id, "ativo": True}
            for a in alunos
        ],
    )
    visits = [
        (aluno.id, entrada, saida)
        for aluno, history in zip(alunos, histories, strict=True)
        for entrada, saida in history.visits
    ]
    ids, entradas, saidas = (list(column) for column in zip(*visits, strict=True))
    session.execute(text(INSERT_VISITS), {"ids": ids, "entradas": entradas, "saidas": saidas})
