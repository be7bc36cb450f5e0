"""A member's history as JSON; long pages of it are kept in Redis.

Finding one there takes a statement for the revisão and a trip to Redis, which is half of what a
short page costs; not finding it, nearly twice the page. The longer the page and the history, the
more is won and the less is lost (decision 0008, with figures).
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from chalicelib.core.cache import AnswerCache, answer_cache, answer_key, origin_sql
from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.statements import HotStatement
from chalicelib.gym.errors import AlunoNotFound
from chalicelib.gym.schemas import FrequenciaOut, FrequenciaQuery
from chalicelib.gym.service_frequency import Frequency, frequency

KIND = "frequencia-1"  # Raise the number when fields of the answer change.
LONG_PAGE = 50
LONGEST_LIFE = timedelta(hours=12)

REVISION = HotStatement(f"""
SELECT a.revisao, {origin_sql("alunos")} AS origem FROM alunos a WHERE a.id = :aluno_id
""")


@dataclass(frozen=True)
class History:
    """One page of a member's history.

    Attributes:
        cursor: Of the next page; empty on the last one.
        content: JSON of a `FrequenciaOut` without `next`.
    """

    cursor: str
    content: str

    def json(self, next_page: str | None) -> str:
        """The JSON of the whole `FrequenciaOut`."""
        return f'{{"next":{json.dumps(next_page)},{self.content[1:]}'


def history(session: Session, aluno_id: int, query: FrequenciaQuery, now: datetime) -> History:
    """Figures, weekly series and one page of visits.

    Raises:
        AlunoNotFound: There is no such aluno.
        CursorInvalid: The cursor is not of this list.
    """
    cache = answer_cache()
    if cache is None or cache.is_away or query.limit < LONG_PAGE:
        return _compute(session, aluno_id, query, now)[0]
    row = REVISION.one_or_none(session, aluno_id=aluno_id)
    if row is None:
        raise AlunoNotFound
    kept = cache.get(_key(aluno_id, query, row.revisao, row.origem), now)
    if kept is not None:
        return History(*kept.split("\n", 1))
    found, figures = _compute(session, aluno_id, query, now)
    _keep(cache, aluno_id, query, found, figures, now)
    return found


def _compute(
    session: Session, aluno_id: int, query: FrequenciaQuery, now: datetime
) -> tuple[History, Frequency]:
    found = frequency(session, aluno_id, query, now)
    answer = FrequenciaOut(**found.fields, next=None)
    return History(found.cursor or "", answer.model_dump_json(exclude={"next"})), found


def _keep(
    cache: AnswerCache,
    aluno_id: int,
    query: FrequenciaQuery,
    found: History,
    figures: Frequency,
    now: datetime,
) -> None:
    if figures.changes_at is None:
        return
    # The revisão that these figures were read with, which may be newer than the one looked for.
    key = _key(aluno_id, query, figures.revisao, figures.origem)
    until = min(figures.changes_at, now + LONGEST_LIFE)
    cache.put(key, f"{found.cursor}\n{found.content}", since=now, until=until)


def _key(aluno_id: int, query: FrequenciaQuery, revisao: int, origem: str) -> str:
    zone = settings().local_timezone
    rest = (origem, zone, query.limit, query.cursor or "")
    return answer_key(KIND, HOUSE, aluno_id, revisao, *rest)
