"""What the desk puts right about visits, and the exits it should look into."""

from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.db import unit_of_work
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.pages import AS_ID, AS_INSTANT, PageQuery, fetch_page
from chalicelib.gym.errors import AlunoNotFound, VisitaNotFound
from chalicelib.gym.schemas import CheckinOut
from chalicelib.gym.service_checkins import CLOCK_SKEW, RAISE_REVISION, visit_at
from chalicelib.gym.service_recounts import ask_for_recounts
from chalicelib.gym.tables import Saida
from chalicelib.gym.visit_matching import flag_forgotten, match_around

CORRECT_EXIT = """
UPDATE checkins SET saida = cast(:saida AS timestamptz),
                    sem_saida = cast(:saida AS timestamptz) IS NULL, fonte_saida = 'corrigida'
WHERE aluno_id = :aluno_id AND entrada = :entrada
RETURNING 1
"""
# The exit that ended the visit goes with it: it was the same wrong card.
STRIKE = """
WITH tirada AS (
    DELETE FROM checkins WHERE aluno_id = :aluno_id AND entrada = :entrada
    RETURNING aluno_id, entrada, saida, fonte_saida, chave_evento
), saida_tirada AS (
    UPDATE saidas s SET anulada = true FROM tirada t
    WHERE t.fonte_saida = 'evento' AND s.aluno_id = t.aluno_id AND s.saida = t.saida
)
INSERT INTO visitas_anuladas AS v (aluno_id, entrada, chave_evento)
SELECT aluno_id, entrada, chave_evento FROM tirada
ON CONFLICT (aluno_id, entrada) DO UPDATE
    SET chave_evento = coalesce(excluded.chave_evento, v.chave_evento)
RETURNING 1
"""


def correct_exit(
    session: Session,
    principal: Principal,
    aluno_id: int,
    entrada: datetime,
    *,
    saida: datetime | None,
    now: datetime,
) -> CheckinOut:
    """Say when a visit ended, or that nobody knows; no event changes that any more.

    Raises:
        AlunoNotFound, VisitaNotFound: There is no such visit.
        VisitaImpossivel: The exit does not follow the entry by 24 hours at the most.
        ValidationFailed: It lies in the future.
    """
    if saida is not None and saida > now + CLOCK_SKEW:
        raise ValidationFailed(errors=[FieldError(campo="saida", erro="lies in the future")])
    _lock(session, aluno_id)
    values = {"aluno_id": aluno_id, "entrada": entrada, "saida": saida}
    if session.execute(text(CORRECT_EXIT), values).one_or_none() is None:
        raise VisitaNotFound
    audit.record_by(
        session, principal, "visita.corrigida", f"aluno:{aluno_id}", entrada=entrada.isoformat()
    )
    return visit_at(session, aluno_id, entrada)


def strike_visit(
    session: Session, principal: Principal, aluno_id: int, entrada: datetime, now: datetime
) -> None:
    """Take a visit out that never was, for good: the same events sent again do not bring it back.

    Raises:
        AlunoNotFound, VisitaNotFound: There is no such visit.
    """
    _lock(session, aluno_id)
    values = {"aluno_id": aluno_id, "entrada": entrada}
    if session.execute(text(STRIKE), values).one_or_none() is None:
        raise VisitaNotFound
    match_around(session, aluno_id, entrada, now)
    ask_for_recounts(session, [entrada], owner=principal.subject, now=now)
    audit.record_by(
        session, principal, "visita.anulada", f"aluno:{aluno_id}", entrada=entrada.isoformat()
    )


def list_exits_without_entry(
    session: Session, query: PageQuery
) -> tuple[list[Saida], str | None, tuple[int, bool]]:
    """Exits that no entry of the 24 hours before is known of, latest first.

    Returns:
        The exits of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = select(Saida).where(Saida.sem_entrada, ~Saida.anulada)
    return fetch_page(session, statement, query, (Saida.saida, Saida.aluno_id), (AS_INSTANT, AS_ID))


def close_forgotten_visits(now: datetime) -> int:
    """Flag every visit that nobody closed; see `visit_matching`."""
    with unit_of_work() as session:
        return flag_forgotten(session, now)


def _lock(session: Session, aluno_id: int) -> None:
    raised = session.execute(text(f"{RAISE_REVISION} RETURNING 1"), {"aluno_id": aluno_id})
    if raised.one_or_none() is None:
        raise AlunoNotFound
