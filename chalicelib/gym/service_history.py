"""A member's history as JSON; long pages of it are kept in Redis.

Finding one there takes a statement for the revisão and a trip to Redis, which is half of what a
short page costs; not finding it, nearly twice the page. The longer the page and the history, the
more is won and the less is lost (decision 0008, with figures).
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy.orm import Session

from chalicelib.core.settings import settings
from chalicelib.gym.kept_answers import Computed, Question, kept_answer
from chalicelib.gym.schemas import FrequenciaOut, FrequenciaQuery
from chalicelib.gym.service_frequency import frequency

KIND = "frequencia-1"  # Raise the number when fields of the answer change.
LONG_PAGE = 50


@dataclass(frozen=True)
class History:
    """One page of a member's history.

    Attributes:
        cursor: Of the next page; empty on the last one.
        content: JSON of a `FrequenciaOut` without `next`.
    """

    cursor: str
    content: str

    @classmethod
    def of_text(cls, text: str) -> Self:
        """What `_compute` wrote."""
        return cls(*text.split("\n", 1))

    def json(self, next_page: str | None) -> str:
        """The JSON of the whole `FrequenciaOut`."""
        return f'{{"next":{json.dumps(next_page)},{self.content[1:]}'


def history(session: Session, aluno_id: int, query: FrequenciaQuery, now: datetime) -> History:
    """Figures, weekly series and one page of visits.

    Raises:
        AlunoNotFound: There is no such aluno.
        CursorInvalid: The cursor is not of this list.
    """
    if query.limit < LONG_PAGE:
        return History.of_text(_compute(session, aluno_id, query, now).text)
    rest = (settings().local_timezone, query.limit, query.cursor or "")
    question = Question(KIND, aluno_id, rest)
    return History.of_text(
        kept_answer(session, question, now, lambda: _compute(session, aluno_id, query, now))
    )


def _compute(session: Session, aluno_id: int, query: FrequenciaQuery, now: datetime) -> Computed:
    """The cursor in the first line, the content in the second."""
    found = frequency(session, aluno_id, query, now)
    answer = FrequenciaOut(**found.fields, next=None)
    text = f"{found.cursor or ''}\n{answer.model_dump_json(exclude={'next'})}"
    return Computed(text, found.revisao, found.origem, found.changes_at)
