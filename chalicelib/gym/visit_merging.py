"""A file's visits, staged in a temporary table, merged into those that are known, in sets.

Who merges has changed the rows of all the members first, as everybody does who records a visit:
until the end of the transaction nobody else adds one of theirs, and what the statements see of
them stays true.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chalicelib.core.clock import utc_now
from chalicelib.core.imports import Merged
from chalicelib.core.jobs import SYSTEM
from chalicelib.gym.early_visits import early_visits
from chalicelib.gym.service_recounts import ask_for_staged_recounts
from chalicelib.gym.visit_matching import match_staged

UNKNOWN_ALUNO = "Aluno desconhecido."
UNIQUE_VIOLATION = "23505"

STAGED_CHECKINS = "staged_checkins"
STAGED_COLUMNS = """
linha int, aluno_id bigint, email text, entrada timestamptz, saida timestamptz,
eh_saida boolean, chave text
"""

RESOLVE_EMAILS = """
UPDATE staged_checkins s SET aluno_id = a.id FROM alunos a
WHERE s.aluno_id IS NULL AND a.email = s.email
"""
REFUSE_UNKNOWN = """
DELETE FROM staged_checkins s
WHERE NOT EXISTS (SELECT 1 FROM alunos a WHERE a.id = s.aluno_id)
RETURNING linha
"""
# One order for everybody: two imports that touch the same members take turns, not a deadlock.
BUMP_REVISIONS = """
UPDATE alunos a SET revisao = revisao + 1
FROM (SELECT id FROM alunos WHERE id IN (SELECT aluno_id FROM staged_checkins)
      ORDER BY id FOR NO KEY UPDATE) t
WHERE a.id = t.id
"""
# What the desk has struck stays struck: it is known already.
DROP_STRUCK = """
DELETE FROM staged_checkins s USING visitas_anuladas z
WHERE z.aluno_id = s.aluno_id AND NOT s.eh_saida
  AND (z.entrada = s.entrada OR z.chave_evento = s.chave)
"""
CLOSE_SUPERSEDED = """
UPDATE checkins c SET sem_saida = true
FROM (SELECT aluno_id, max(entrada) AS entrada FROM staged_checkins
      WHERE NOT eh_saida GROUP BY aluno_id) s
WHERE c.aluno_id = s.aluno_id AND c.saida IS NULL AND NOT c.sem_saida AND c.entrada < s.entrada
"""
COUNT_KINDS = """
SELECT count(*) FILTER (WHERE eh_saida) AS exits,
       count(*) FILTER (WHERE NOT eh_saida AND saida IS NULL) AS entries,
       count(*) FILTER (WHERE NOT eh_saida AND saida IS NOT NULL) AS visits,
       EXISTS (SELECT 1 FROM saidas) AS has_exits
FROM staged_checkins
"""
# Whether anything is known of the time that the chunk covers, member by member: one look into
# the index for each instead of one for each visit. OFFSET keeps it from becoming a join.
IS_CHARTED = """
SELECT EXISTS (
    SELECT 1 FROM (SELECT aluno_id, min(entrada) AS first, max(entrada) AS last
                   FROM staged_checkins WHERE NOT eh_saida GROUP BY aluno_id) s
    WHERE EXISTS (SELECT 1 FROM checkins c WHERE c.aluno_id = s.aluno_id
                  AND c.entrada BETWEEN s.first AND s.last OFFSET 0)
)
"""
ANEW = {"distinct": "DISTINCT ON (s.aluno_id, s.entrada)", "conflict": ""}
UNLESS_KNOWN = {"distinct": "", "conflict": "ON CONFLICT DO NOTHING"}
INSERT_WHOLE_VISITS = """
INSERT INTO checkins (aluno_id, entrada, saida, chave_evento)
SELECT {distinct} s.aluno_id, s.entrada, s.saida, s.chave FROM staged_checkins s
WHERE NOT s.eh_saida AND s.saida IS NOT NULL
ORDER BY s.aluno_id, s.entrada, s.saida
{conflict}
"""
# An entry without exit is open only if it is recent and nothing of the member follows it.
INSERT_ENTRIES = """
INSERT INTO checkins (aluno_id, entrada, sem_saida, chave_evento)
SELECT {distinct} s.aluno_id, s.entrada,
       s.entrada <= cast(:now AS timestamptz) - interval '6 hours' OR s.entrada < t.ultima
           OR EXISTS (SELECT 1 FROM checkins d
                      WHERE d.aluno_id = s.aluno_id AND d.entrada > s.entrada),
       s.chave
FROM staged_checkins s
JOIN (SELECT aluno_id, max(entrada) AS ultima FROM staged_checkins
      WHERE NOT eh_saida GROUP BY aluno_id) t ON t.aluno_id = s.aluno_id
WHERE NOT s.eh_saida AND s.saida IS NULL
ORDER BY s.aluno_id, s.entrada
{conflict}
"""
# A visit known without its exit, or with one of its own or a later one, sent again with it.
COMPLETE_VISITS = """
UPDATE checkins c SET saida = s.saida, sem_saida = false, fonte_saida = NULL
FROM (SELECT DISTINCT ON (aluno_id, entrada) * FROM staged_checkins
      WHERE NOT eh_saida AND saida IS NOT NULL ORDER BY aluno_id, entrada, saida) s
WHERE c.aluno_id = s.aluno_id AND c.entrada = s.entrada
  AND c.fonte_saida IS DISTINCT FROM 'corrigida'
  AND (c.fonte_saida = 'evento' OR c.saida IS NULL OR c.saida > s.saida)
"""
INSERT_EXITS = """
INSERT INTO saidas (aluno_id, saida, chave_evento)
SELECT aluno_id, saida, chave FROM staged_checkins WHERE eh_saida
ORDER BY aluno_id, saida, linha
ON CONFLICT DO NOTHING
"""


def merge_checkins(session: Session) -> Merged:
    """Merge what is staged."""
    now = utc_now()
    session.execute(text(RESOLVE_EMAILS))
    refused = {row.linha: UNKNOWN_ALUNO for row in session.execute(text(REFUSE_UNKNOWN))}
    early = early_visits(session)
    session.execute(text(BUMP_REVISIONS))
    session.execute(text(DROP_STRUCK))
    session.execute(text(CLOSE_SUPERSEDED))
    counts = session.execute(text(COUNT_KINDS)).one()
    accepted = _merge(session, counts, now)
    if counts.exits or counts.has_exits:
        match_staged(session, now)
    if accepted:
        ask_for_staged_recounts(session, owner=SYSTEM, now=now)
    return Merged(accepted, refused, early)


def _merge(session: Session, counts: Any, now: datetime) -> int:
    """Add what is new; returns how many rows were."""
    is_charted = session.execute(text(IS_CHARTED)).scalar_one()
    accepted = 0
    if counts.visits:
        accepted += _insert(session, INSERT_WHOLE_VISITS, now, is_new=not is_charted)
    if counts.entries:
        is_new = not is_charted and not counts.visits
        accepted += _insert(session, INSERT_ENTRIES, now, is_new=is_new)
    if accepted < counts.visits + counts.entries:
        accepted += _changed(session, COMPLETE_VISITS)
    if counts.exits:
        accepted += _changed(session, INSERT_EXITS)
    return accepted


def _insert(session: Session, statement: str, now: datetime, *, is_new: bool) -> int:
    """Insert visits; what is known, by its key or by itself, stays as it is.

    ON CONFLICT costs a fifth of the insert. Where nothing is known of the time, a visit could
    only be refused for its key, and seldom is.
    """
    if is_new:
        try:
            with session.begin_nested():
                return _changed(session, statement.format(**ANEW), now=now)
        except IntegrityError as error:
            if error.orig is None or error.orig.args[0]["C"] != UNIQUE_VIOLATION:
                raise
    return _changed(session, statement.format(**UNLESS_KNOWN), now=now)


def _changed(session: Session, statement: str, **values: Any) -> int:
    """Execute; returns how many rows it inserted or updated."""
    result: Any = session.execute(text(statement), values)
    count: int = result.rowcount
    return count
