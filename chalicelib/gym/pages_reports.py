"""The daily reports."""

from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from chalicelib.console import charts
from chalicelib.console.forms import Form
from chalicelib.console.job_actions import is_under_way
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import FormQuery
from chalicelib.console.visits import Visit
from chalicelib.core.auth import Principal
from chalicelib.core.calls import Reply
from chalicelib.core.clock import local_day
from chalicelib.core.job_control import JobQuery, list_jobs
from chalicelib.core.pages import PageQuery
from chalicelib.core.portuguese import day
from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.types import Day
from chalicelib.core.web import Routes
from chalicelib.gym import service_reports
from chalicelib.gym.errors import DiaNaoTerminou, RelatorioNotFound
from chalicelib.gym.pages import DESK, READERS, may_act
from chalicelib.gym.queues import DAILY_REPORT_QUEUE
from chalicelib.gym.report_forms import report_csv
from chalicelib.gym.schemas_reports import ConteudoRelatorio, RelatorioIn

PATH = "/console/academia/relatorios"
CSV = "text/csv; charset=utf-8"
SHOWN_REPORTS = 31

reports_pages = Routes(__name__)


class ReportQuery(FormQuery):
    """Which day; the last one there is when left out."""

    dia: Day | None = None
    formato: str = ""


def show_report(
    session: Session, visit: Visit, form: Form, query: ReportQuery, now: datetime
) -> Shown:
    """The report of a day, and the days there are reports of."""
    kept, _, _ = service_reports.list_reports(session, PageQuery(limit=SHOWN_REPORTS))
    yesterday = local_day(now, settings().local_timezone) - timedelta(days=1)
    wanted = query.dia or (kept[0].dia if kept else yesterday)
    content = _content(session, wanted)
    return Shown(
        "gym/report.html",
        form=form,
        wanted=wanted,
        yesterday=yesterday,
        kept=kept,
        content=content,
        is_being_made=_is_being_made(session, visit.who, wanted),
        names=service_reports.names_in(session, content) if content else {},
        hours=_hours(content) if content else None,
        can_act=may_act(visit.who),
    )


def _is_being_made(session: Session, principal: Principal, dia: date) -> bool:
    """Whether a job of this person's, or for an admin anybody's, is at this day's report."""
    found, _, _ = list_jobs(session, principal, JobQuery(queue=DAILY_REPORT_QUEUE.name, limit=5))
    return any(is_under_way(job) and job.message["dia"] == f"{dia}" for job in found)


def _content(session: Session, dia: date) -> ConteudoRelatorio | None:
    try:
        return service_reports.get_report(session, dia)[1]
    except RelatorioNotFound:
        return None


def _hours(content: ConteudoRelatorio) -> charts.ColumnChart:
    """Entries by hour, from the first hour with any to the last."""
    used = [hour.hora for hour in content.por_hora if hour.visitas or hour.media] or [6, 22]
    shown = content.por_hora[min(used) : max(used) + 1]
    return charts.column_chart([(f"{hour.hora}h", float(hour.visitas)) for hour in shown])


@reports_pages.route(PATH, methods=["GET"])
@page(
    reports_pages,
    tenant=HOUSE,
    query=ReportQuery,
    allow=READERS,
    raises=(RelatorioNotFound,),
    autocommit=True,
)
def get_report_page(
    session: Session, visit: Visit, form: Form, query: ReportQuery, now: datetime
) -> Shown | Reply:
    """The report of a day, as a page or as a file for spreadsheets."""
    if query.formato == "csv" and query.dia is not None:
        _, content = service_reports.get_report(session, query.dia)
        text = report_csv(content, service_reports.names_in(session, content))
        headers = {"Content-Disposition": f'attachment; filename="relatorio-{query.dia}.csv"'}
        return Reply(text, headers={**headers, "Cache-Control": "no-store"}, media_type=CSV)
    return show_report(session, visit, form, query, now)


@reports_pages.route(PATH, methods=["POST"])
@page(
    reports_pages,
    tenant=HOUSE,
    query=ReportQuery,
    allow=DESK,
    again=show_report,
    raises=(DiaNaoTerminou,),
)
def post_report(session: Session, visit: Visit, form: Form, now: datetime) -> Reply:
    """Have the report of a day made, or made again."""
    wanted = form.read(RelatorioIn).data
    service_reports.ask_for_report(session, wanted, owner=visit.who.subject, now=now)
    said = day(wanted) if wanted else "ontem"
    return visit.go(f"{PATH}?dia={wanted or ''}", f"O relatório de {said} está sendo feito.")
