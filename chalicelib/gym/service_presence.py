"""Who is inside right now."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.gym.visit_matching import OPEN_FOR

INSIDE = f"""
SELECT c.aluno_id, a.nome, c.entrada, count(*) OVER () AS total
FROM checkins c
JOIN alunos a ON a.id = c.aluno_id AND NOT a.sintetico
WHERE c.saida IS NULL AND NOT c.sem_saida
  AND c.entrada > cast(:now AS timestamptz) - {OPEN_FOR} AND c.entrada <= :now
"""


@dataclass(frozen=True)
class Presence:
    """A member who is inside.

    Attributes:
        entrada: Since when.
    """

    aluno_id: int
    nome: str
    entrada: datetime


def who_is_inside(session: Session, now: datetime, limit: int) -> tuple[list[Presence], int]:
    """Who has entered, not left, and not been forgotten: a visit counts as open for six hours.

    Returns:
        The last to enter first, so many at the most, and how many there are in all.
    """
    statement = text(f"{INSIDE} ORDER BY c.entrada DESC, c.aluno_id LIMIT :limit")
    rows = session.execute(statement, {"now": now, "limit": limit}).all()
    found = [Presence(row.aluno_id, row.nome, row.entrada) for row in rows]
    return found, rows[0].total if rows else 0


def inside_since(session: Session, alunos: Collection[int], now: datetime) -> dict[int, datetime]:
    """Since when those of these members who are inside are."""
    statement = text(f"{INSIDE} AND c.aluno_id = ANY(cast(:ids AS bigint[]))")
    rows = session.execute(statement, {"now": now, "ids": list(alunos)})
    return {row.aluno_id: row.entrada for row in rows}
