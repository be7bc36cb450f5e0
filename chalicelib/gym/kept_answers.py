"""Answers about a member that Redis keeps for hours, under the member's revisão.

What time alone changes in an answer ends it; what changes the member gives it another key, so that
nothing stale is ever found (decision 0008).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from chalicelib.core.cache import answer_cache, answer_key, origin_sql
from chalicelib.core.settings import HOUSE
from chalicelib.core.statements import HotStatement
from chalicelib.gym.errors import AlunoNotFound

LONGEST_LIFE = timedelta(hours=12)

REVISION = HotStatement(f"""
SELECT a.revisao, {origin_sql("alunos")} AS origem FROM alunos a WHERE a.id = :aluno_id
""")


@dataclass(frozen=True)
class Question:
    """What is asked of a member.

    Attributes:
        kind: Which answer, with a number that is raised when its shape changes.
        aluno_id: Of whom.
        rest: Everything else that the answer depends on, but for the member and the time.
    """

    kind: str
    aluno_id: int
    rest: tuple[object, ...]

    def key(self, revisao: int, origem: str) -> str:
        """Where the answer is kept that was made of this state of the member."""
        return answer_key(self.kind, HOUSE, self.aluno_id, revisao, origem, *self.rest)


@dataclass(frozen=True)
class Computed:
    """An answer, and what it was made of.

    Attributes:
        revisao: Of the member, when all of it was read.
        origem: Which history of revisions that is of.
        changes_at: When time alone changes it; None where it may at any instant.
    """

    text: str
    revisao: int
    origem: str
    changes_at: datetime | None


def kept_answer(
    session: Session, question: Question, now: datetime, compute: Callable[[], Computed]
) -> str:
    """The answer that is kept, else a computed one, which is kept from now on.

    Raises:
        AlunoNotFound: There is no such aluno.
    """
    cache = answer_cache()
    if cache is None or cache.is_away:
        return compute().text
    row = REVISION.one_or_none(session, aluno_id=question.aluno_id)
    if row is None:
        raise AlunoNotFound
    kept = cache.get(question.key(row.revisao, row.origem), now)
    if kept is not None:
        return kept
    found = compute()
    if found.changes_at is not None:
        # The revisão that it was read with, which may be newer than the one looked for.
        key = question.key(found.revisao, found.origem)
        until = min(found.changes_at, now + LONGEST_LIFE)
        cache.put(key, found.text, since=now, until=until)
    return found.text
