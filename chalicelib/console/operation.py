"""The part of the console for those who run the installation; their pages are in `pages_*.py`."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from chalicelib.console.job_words import QUEUES
from chalicelib.console.sections import Attention, Link, Section, Tone
from chalicelib.core.auth import Principal
from chalicelib.core.job_control import JobQuery, list_jobs
from chalicelib.core.job_counts import count_jobs
from chalicelib.core.jobs import JobState
from chalicelib.core.portuguese import number, percent
from chalicelib.core.summary import SummaryQuery, summarise

LONG = timedelta(minutes=10)
MANY_ERRORS = 0.01


def look_for_attention(session: Session, principal: Principal, now: datetime) -> list[Attention]:
    """Jobs that failed, jobs that nobody takes, and errors of the last hour."""
    return [*_failed(session, principal), *_waiting(now), *_errors(session, now)]


def _failed(session: Session, principal: Principal) -> Iterator[Attention]:
    query = JobQuery(state=JobState.FAILED, limit=1)
    _, _, (failed, _) = list_jobs(session, principal, query)
    said = "tarefa falhou" if failed == 1 else "tarefas falharam"
    path = "/console/operacao/tarefas?state=failed"
    tone: Tone = "critico" if failed else "bom"
    yield Attention(number(failed, 0), said, path, "Ver as tarefas", tone)


def _waiting(now: datetime) -> Iterator[Attention]:
    late = [q for q in count_jobs(now) if q.due_since is not None and now - q.due_since > LONG]
    if late:
        said = "fila parada há mais de 10 minutos"
        if len(late) > 1:
            said = "filas paradas há mais de 10 minutos"
        detail = ", ".join(QUEUES.get(each.queue, each.queue) for each in late)
        path = "/console/operacao/tarefas?state=queued"
        yield Attention(number(len(late), 0), said, path, "Ver as filas", "critico", detail)


def _errors(session: Session, now: datetime) -> Iterator[Attention]:
    found = summarise(session, SummaryQuery(), now).total
    if found.errors:
        tone: Tone = "critico" if found.error_rate > MANY_ERRORS else "atencao"
        said = "dos pedidos deram erro na última hora"
        share = percent(found.error_rate, 2)
        yield Attention(share, said, "/console/operacao", "Ver as requisições", tone)


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
