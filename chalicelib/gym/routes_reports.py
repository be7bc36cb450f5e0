"""Routes of the daily reports."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.core import job_control
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.job_control import JobOut
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.parsing import JSON, preferred_media_type
from chalicelib.core.settings import HOUSE
from chalicelib.core.types import Day
from chalicelib.core.web import Routes, endpoint
from chalicelib.gym import service_reports
from chalicelib.gym.errors import DiaNaoTerminou, RelatorioNotFound
from chalicelib.gym.report_forms import report_csv, report_html
from chalicelib.gym.routes import READERS
from chalicelib.gym.schemas_reports import (
    FormatoRelatorio,
    RelatorioIn,
    RelatorioOut,
    RelatorioQuery,
    RelatorioResumo,
)

reports = Routes(__name__)

CSV_TEXT = "text/csv; charset=utf-8"
HTML_PAGE = "text/html; charset=utf-8"
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

FORMS = {
    JSON: FormatoRelatorio.JSON,
    "text/csv": FormatoRelatorio.CSV,
    "text/html": FormatoRelatorio.HTML,
}


@reports.route("/admin/relatorios", methods=["POST"])
@endpoint(
    reports,
    tenant=HOUSE,
    body=RelatorioIn,
    allow=Role.OPERADOR,
    status=202,
    response=JobOut,
    raises=(DiaNaoTerminou,),
)
def post_relatorio(
    session: Session, principal: Principal, body: RelatorioIn, call: Call, now: datetime
) -> Reply:
    """Make the report of a day, or make it again.

    It is made every morning for the day before. Made again it is the same, unless visits or
    changes of that day have been recorded since.
    """
    job = service_reports.ask_for_report(session, body.data, owner=principal.subject, now=now)
    return job_control.accepted(job, call)


@reports.route("/relatorios", methods=["GET"])
@endpoint(
    reports,
    tenant=HOUSE,
    query=PageQuery,
    allow=READERS,
    response=Page[RelatorioResumo],
    autocommit=True,
)
def get_relatorios(session: Session, query: PageQuery, call: Call) -> Reply:
    """List the daily reports, latest day first."""
    found, cursor, total = service_reports.list_reports(session, query)
    return page_reply(Page[RelatorioResumo], found, cursor, total, call)


@reports.route("/relatorios/{data}", methods=["GET"])
@endpoint(
    reports,
    tenant=HOUSE,
    query=RelatorioQuery,
    allow=READERS,
    response=RelatorioOut,
    also_as=("text/csv", "text/html"),
    raises=(RelatorioNotFound,),
    autocommit=True,
)
def get_relatorio(session: Session, data: Day, query: RelatorioQuery, call: Call) -> Reply:
    """What a day was like: as JSON, as CSV for spreadsheets, or as a page to print.

    The form is chosen by `Accept`, or by `formato`.
    """
    wanted = query.formato or FORMS[preferred_media_type(call.headers.get("accept", ""), [*FORMS])]
    report, content = service_reports.get_report(session, data)
    names = service_reports.names_in(session, content)
    headers = {"Vary": "Accept"}
    if wanted is FormatoRelatorio.CSV:
        headers["Content-Disposition"] = f'attachment; filename="relatorio-{data}.csv"'
        return Reply(report_csv(content, names), headers=headers, media_type=CSV_TEXT)
    if wanted is FormatoRelatorio.HTML:
        headers["Content-Security-Policy"] = PAGE_POLICY
        return Reply(report_html(content, names), headers=headers, media_type=HTML_PAGE)
    return Reply(service_reports.report_json(report, names), headers=headers)
