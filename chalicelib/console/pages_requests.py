"""Pages of how the installation does: requests over time, and what it stands on."""

from datetime import datetime

from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import FormQuery
from chalicelib.console.request_charts import (
    DURATIONS,
    REQUESTS,
    duration_figure,
    tables,
    traffic_figure,
)
from chalicelib.core import route_minutes
from chalicelib.core.auth import Role
from chalicelib.core.db import unit_of_work
from chalicelib.core.job_counts import count_jobs
from chalicelib.core.settings import HOUSE
from chalicelib.core.status import check_status
from chalicelib.core.summary import SummaryQuery, summarise
from chalicelib.core.web import Routes

PATH = "/console/operacao"
SYSTEM = f"{PATH}/sistema"
WINDOWS = (
    ("15m", "15 minutos"),
    ("60m", "1 hora"),
    ("6h", "6 horas"),
    ("24h", "1 dia"),
    ("7d", "7 dias"),
)
PARTS = {
    "database": ("Banco de dados", "Tudo o que se grava fica nele.", f"{SYSTEM}/banco"),
    "queue": ("Fila", "Tarefas que esperam a sua vez.", f"{PATH}/tarefas"),
    "broker": ("Mensageiro", "Avisa os trabalhadores de uma tarefa nova.", ""),
    "storage": ("Arquivos", "Modelos, envios e relatórios.", f"{SYSTEM}/arquivos"),
    "cache": ("Cache", "Respostas e contagens que os processos dividem.", f"{SYSTEM}/cache"),
}
"""Dependency -> what it is called, what it is for, and where more is told."""

request_pages = Routes(__name__)


class RequestsQuery(SummaryQuery, FormQuery):
    """Since when, and of which route."""


@request_pages.route(PATH, methods=["GET"])
@page(request_pages, tenant=HOUSE, query=RequestsQuery, allow=Role.ADMIN, own_transactions=True)
def get_requests(query: RequestsQuery, now: datetime) -> Shown:
    """Requests, errors and durations, by route and over time."""
    route_minutes.flush()
    with unit_of_work(autocommit=True) as session:
        found = summarise(session, query, now)
    return Shown(
        "console/operation/requests.html",
        found=found,
        query=query,
        windows=WINDOWS,
        traffic=traffic_figure(found.series),
        traffic_tables=tables(found.series, REQUESTS, "Pedidos"),
        durations=duration_figure(found.series),
        duration_tables=tables(found.series, DURATIONS, "ms"),
    )


@request_pages.route(SYSTEM, methods=["GET"])
@page(request_pages, tenant=HOUSE, allow=Role.ADMIN, own_transactions=True)
def get_system(now: datetime) -> Shown:
    """What the installation stands on, each really asked; queues in numbers."""
    found = check_status(with_details=True)
    is_down = any(each.nome == "database" and each.estado == "down" for each in found.dependencias)
    return Shown(
        "console/operation/system.html",
        found=found,
        parts=PARTS,
        counts=[] if is_down else count_jobs(now),
    )
