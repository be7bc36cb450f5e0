"""Daily reports: counted by one statement, kept as the JSON that is sent.

A report holds ids, not names: whoever changes their name or is erased changes no report, and
names are looked up when one is read.
"""

import hashlib
import json
from datetime import date, datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session, undefer

from chalicelib.core.clock import local_day, utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import SYSTEM, Job, enqueue
from chalicelib.core.pages import AS_DAY, PageQuery, fetch_page
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import HOUSE, settings
from chalicelib.gym.errors import DiaNaoTerminou, RelatorioNotFound
from chalicelib.gym.queues import DAILY_REPORT_QUEUE
from chalicelib.gym.reports import count_day
from chalicelib.gym.schemas_reports import (
    ConteudoRelatorio,
    RelatorioJob,
    RelatorioMessage,
    RelatorioResumo,
)
from chalicelib.gym.tables import Aluno, RelatorioDiario

# What was made before stands where nothing has changed, with its instant.
STORE = """
INSERT INTO relatorios_diarios AS r
    (dia, visitas, alunos, impressao_digital, gerado_em, conteudo)
VALUES (:dia, :visitas, :alunos, :impressao_digital, :gerado_em, :conteudo)
ON CONFLICT (dia) DO UPDATE SET
    visitas = excluded.visitas, alunos = excluded.alunos,
    impressao_digital = excluded.impressao_digital, gerado_em = excluded.gerado_em,
    conteudo = excluded.conteudo
WHERE r.conteudo <> excluded.conteudo
RETURNING r.dia
"""

LOCK_DAY = """
SELECT pg_advisory_xact_lock(hashtext('relatorios_diarios'), cast(:dia AS date) - '2000-01-01')
"""


def ask_for_report(session: Session, dia: date | None, *, owner: str, now: datetime) -> Job:
    """Ask for the report of a day, yesterday's unless another is named.

    Raises:
        DiaNaoTerminou: The day is today's or one to come.
    """
    today = local_day(now, settings().local_timezone)
    wanted = dia or today - timedelta(days=1)
    if wanted >= today:
        raise DiaNaoTerminou
    return enqueue(
        session,
        DAILY_REPORT_QUEUE,
        RelatorioMessage(dia=wanted),
        tenant=HOUSE,
        owner=owner,
        dedupe_key=f"dia:{wanted}",
    )


def ask_for_report_of_yesterday(now: datetime) -> None:
    """Ask for the report of the day that has ended; made twice, it is the same report."""
    with unit_of_work(tenant=HOUSE) as session:
        ask_for_report(session, None, owner=SYSTEM, now=now)


def make_report(run: JobRun, dia: date) -> RelatorioJob:
    """Count a day and keep the report; made again of the same rows it is the same to the byte.

    Counted under a lock of the day: who counted first does not write last.
    """
    run.progress(0, 1, "contando o dia")
    with run.transaction() as session:
        session.execute(text(LOCK_DAY), {"dia": dia})
        content = count_day(session, dia, settings().local_timezone)
        written = content.model_dump_json()
        found = {
            "dia": dia,
            "visitas": content.visitas,
            "alunos": content.alunos,
            "impressao_digital": hashlib.sha256(written.encode()).hexdigest(),
        }
        values = {**found, "gerado_em": utc_now(), "conteudo": written}
        changed = session.execute(text(STORE), values).scalar() is not None
    return RelatorioJob(**found, alterado=changed)


def list_reports(
    session: Session, query: PageQuery
) -> tuple[list[RelatorioDiario], str | None, tuple[int, bool]]:
    """The reports there are, latest day first.

    Returns:
        The reports of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = select(RelatorioDiario)
    return fetch_page(session, statement, query, (RelatorioDiario.dia,), (AS_DAY,))


def find_report(session: Session, dia: date) -> RelatorioDiario | None:
    """What is kept of a day beside the report itself; None where none has been made."""
    return session.get(RelatorioDiario, dia)


def get_report(session: Session, dia: date) -> tuple[RelatorioDiario, ConteudoRelatorio]:
    """The report of a day, as it is kept and as it is understood.

    Raises:
        RelatorioNotFound: None has been made.
    """
    found = session.get(RelatorioDiario, dia, options=[undefer(RelatorioDiario.conteudo)])
    if found is None:
        raise RelatorioNotFound
    return found, ConteudoRelatorio.model_validate_json(found.conteudo)


def names_in(session: Session, content: ConteudoRelatorio) -> dict[int, str]:
    """Id -> present name of the members a report is about; who was erased is not among them."""
    ids = [absence.aluno_id for absence in content.primeiras_ausencias.alunos]
    rows = session.execute(select(Aluno.id, Aluno.nome).where(Aluno.id.in_(ids)).order_by(Aluno.id))
    return {row.id: row.nome for row in rows}


def report_json(report: RelatorioDiario, names: dict[int, str]) -> str:
    """A `RelatorioOut` whose `conteudo` is what was stored, to the byte."""
    head = RelatorioResumo.model_validate(report).model_dump_json()
    written = json.dumps({str(aluno_id): name for aluno_id, name in names.items()})
    return f'{head[:-1]},"nomes":{written},"conteudo":{report.conteudo}}}'
