"""Visits of a file that lie before their member's registration.

They are taken as they are, in the history and in all that is counted: somebody tried the gym
before they joined, or the registration was typed in late. But it may also be a wrong card. Which
of these it is only the club can tell, so the import's report names the rows.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.import_notices import LINES_SHOWN, Noticed
from chalicelib.core.settings import settings

BEFORE_REGISTRATION = (
    "Antes do dia da matrícula do aluno: conta no histórico e na frequência. Confira o cartão e a"
    " data da matrícula."
)

# The day of the registration itself is none: who tries first and registers then is the rule.
COUNT_EARLY = """
SELECT count(*) AS rows, (array_agg(s.linha ORDER BY s.linha))[1:cast(:shown AS int)] AS first
FROM staged_checkins s JOIN alunos a ON a.id = s.aluno_id
WHERE coalesce(s.entrada, s.saida) < a.matriculado_em
  AND coalesce(s.entrada, s.saida) < date_trunc('day', a.matriculado_em, :zone)
"""


def early_visits(session: Session) -> dict[str, Noticed]:
    """What to say of the staged visits; nothing where there are no such."""
    values = {"zone": settings().local_timezone, "shown": LINES_SHOWN}
    found = session.execute(text(COUNT_EARLY), values).one()
    return {BEFORE_REGISTRATION: Noticed(found.rows, found.first)} if found.rows else {}
