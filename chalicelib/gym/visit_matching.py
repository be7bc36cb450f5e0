"""Which exit ends which visit: the one rule, for the desk, for files and for corrections.

What is known of a member is a set of events, in whatever order, how often and in how many files
they came. An entry is named by its instant, an exit of its own by its instant, and a
`chave_evento` that was seen before adds nothing. The visits follow from the set:

- Every entry is a visit.
- An exit of its own belongs to the member's latest entry before it, at most 24 hours before. An
  entry at the very instant of an exit is not before it.
- Where several exits belong to a visit, the earliest ends it; the others are kept and end nothing.
- An exit that came in one row with its entry ends that visit, whatever others there are; of
  several that came with one entry, the earliest.
- What the desk has corrected stands against all of these, and a visit that it struck stays struck.
- A visit without exit is `aberta` while nothing of the member follows it and it is younger than
  six hours; then it is `sem_saida`. It counts as a visit, and for no duration.
- An exit with no entry in the 24 hours before it is kept in `saidas` as `sem_entrada`; it counts
  for nothing until such an entry comes.

Order matters in three places only: of events that contradict each other under one key the first
counts; the desk refuses an entry while a visit younger than six hours is open and an exit without
key that ends nothing, and what was refused is not in the set; and a correction is of what was
known then.
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

OPEN_FOR = "interval '6 hours'"
LONGEST = "interval '24 hours'"

# An event touches two visits at the most: the one it begins, and the one before it. `mudou` has
# the instants at which something was added or taken away.
MATCH = f"""
WITH mudou AS MATERIALIZED ({{changed}}), tocada AS (
    SELECT m.aluno_id, a.entrada FROM mudou m
    CROSS JOIN LATERAL (
        SELECT c.entrada FROM checkins c
        WHERE c.aluno_id = m.aluno_id AND c.entrada < m.em AND c.entrada >= m.em - {LONGEST}
        ORDER BY c.entrada DESC LIMIT 1
    ) a
    UNION
    SELECT m.aluno_id, m.em FROM mudou m
), devida AS (
    SELECT t.aluno_id, t.entrada, s.saida,
           s.saida IS NULL AND (p.entrada IS NOT NULL
               OR t.entrada <= cast(:now AS timestamptz) - {OPEN_FOR}) AS sem_saida
    FROM tocada t
    LEFT JOIN LATERAL (
        SELECT c.entrada FROM checkins c
        WHERE c.aluno_id = t.aluno_id AND c.entrada > t.entrada ORDER BY c.entrada LIMIT 1
    ) p ON true
    LEFT JOIN LATERAL (
        SELECT x.saida FROM saidas x
        WHERE x.aluno_id = t.aluno_id AND x.saida > t.entrada
          AND x.saida <= least(p.entrada, t.entrada + {LONGEST}) AND NOT x.anulada
        ORDER BY x.saida LIMIT 1
    ) s ON true
), casada AS (
    UPDATE checkins c
    SET saida = d.saida, sem_saida = d.sem_saida,
        fonte_saida = CASE WHEN d.saida IS NOT NULL THEN 'evento' END
    FROM devida d
    WHERE c.aluno_id = d.aluno_id AND c.entrada = d.entrada
      AND (c.fonte_saida = 'evento' OR c.fonte_saida IS NULL AND c.saida IS NULL)
      AND (c.saida, c.sem_saida) IS DISTINCT FROM (d.saida, d.sem_saida)
)
UPDATE saidas x SET sem_entrada = NOT x.sem_entrada
FROM (
    SELECT DISTINCT s.aluno_id, s.saida FROM mudou m
    CROSS JOIN LATERAL (
        SELECT * FROM saidas k
        WHERE k.aluno_id = m.aluno_id AND k.saida >= m.em AND k.saida <= m.em + {LONGEST}
    ) s
    WHERE s.sem_entrada = EXISTS (
        SELECT 1 FROM checkins c WHERE c.aluno_id = s.aluno_id
          AND c.entrada < s.saida AND c.entrada >= s.saida - {LONGEST} OFFSET 0)
) w
WHERE x.aluno_id = w.aluno_id AND x.saida = w.saida
"""

# Most files are of whole visits: of those only the ones near an exit of its own have to be looked
# at. OFFSET keeps the planner from reading all exits there are to find that out.
STAGED = f"""
SELECT s.aluno_id, coalesce(s.entrada, s.saida) AS em FROM staged_checkins s
WHERE s.eh_saida OR EXISTS (
    SELECT 1 FROM saidas x WHERE x.aluno_id = s.aluno_id
      AND x.saida > s.entrada AND x.saida <= s.entrada + {LONGEST} OFFSET 0)
"""
ONE = "SELECT cast(:aluno_id AS bigint) AS aluno_id, cast(:em AS timestamptz) AS em"

MATCH_STAGED = text(MATCH.format(changed=STAGED))
MATCH_ONE = text(MATCH.format(changed=ONE))

FORGOTTEN = f"saida IS NULL AND NOT sem_saida AND entrada <= cast(:now AS timestamptz) - {OPEN_FOR}"
# One order for everybody who changes several members: they take turns, not a deadlock.
BUMP_FORGOTTEN = f"""
UPDATE alunos a SET revisao = revisao + 1
FROM (SELECT id FROM alunos WHERE id IN (SELECT aluno_id FROM checkins WHERE {FORGOTTEN})
      ORDER BY id FOR NO KEY UPDATE) t
WHERE a.id = t.id
"""


def match_staged(session: Session, now: datetime) -> None:
    """Match anew what the rows of `staged_checkins` touch, once they are in their tables."""
    session.execute(MATCH_STAGED, {"now": now})


def match_around(session: Session, aluno_id: int, em: datetime, now: datetime) -> None:
    """Match anew around an instant at which a member's event was added or taken away.

    Whoever calls it has changed the member's row in a statement before: so it runs after every
    event that was being recorded meanwhile, and sees it.
    """
    session.execute(MATCH_ONE, {"aluno_id": aluno_id, "em": em, "now": now})


def flag_forgotten(session: Session, now: datetime) -> int:
    """Flag the visits that nobody closed within six hours; returns how many."""
    session.execute(text(BUMP_FORGOTTEN), {"now": now})
    flagged = session.execute(
        text(f"UPDATE checkins SET sem_saida = true WHERE {FORGOTTEN} RETURNING 1"), {"now": now}
    )
    return len(flagged.all())
