"""The part of the console for those who run the installation."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.console.sections import Attention, Section
from chalicelib.core.auth import Principal
from chalicelib.core.job_control import JobQuery, list_jobs
from chalicelib.core.jobs import JobState
from chalicelib.core.portuguese import number


def look_for_attention(session: Session, principal: Principal, _now: datetime) -> list[Attention]:
    """Jobs that failed."""
    query = JobQuery(state=JobState.FAILED, limit=1)
    _, _, (failed, _) = list_jobs(session, principal, query)
    said = "tarefa falhou" if failed == 1 else "tarefas falharam"
    return [Attention(number(failed, 0), said, tone="critico" if failed else "bom")]


OPERACAO = Section(
    name="Operação",
    order=90,
    allow=(),
    attention=look_for_attention,
    links=(),
)
