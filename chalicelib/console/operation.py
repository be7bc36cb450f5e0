"""The part of the console for those who run the installation; their pages are in `pages_*.py`."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.console.sections import Attention, Link, Section, Tone
from chalicelib.core.auth import Principal
from chalicelib.core.job_control import JobQuery, list_jobs
from chalicelib.core.jobs import JobState
from chalicelib.core.portuguese import number


def look_for_attention(session: Session, principal: Principal, _now: datetime) -> list[Attention]:
    """Jobs that failed."""
    query = JobQuery(state=JobState.FAILED, limit=1)
    _, _, (failed, _) = list_jobs(session, principal, query)
    said = "tarefa falhou" if failed == 1 else "tarefas falharam"
    path = "/console/operacao/tarefas?state=failed"
    tone: Tone = "critico" if failed else "bom"
    return [Attention(number(failed, 0), said, path, "Ver as tarefas", tone)]


OPERACAO = Section(
    name="Operação",
    order=90,
    allow=(),
    attention=look_for_attention,
    links=(
        Link("Requisições", "/console/operacao"),
        Link("Tarefas", "/console/operacao/tarefas"),
        Link("Sistema", "/console/operacao/sistema"),
        Link("Usuários", "/console/operacao/usuarios"),
        Link("Auditoria", "/console/operacao/auditoria"),
    ),
)
