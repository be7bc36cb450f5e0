"""The books' part of the console: what needs attention."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.books import service_runs
from chalicelib.books.schemas import QuarantineQuery, RunState
from chalicelib.console.sections import Attention, Section, Tone
from chalicelib.core.auth import Principal
from chalicelib.core.pages import PageQuery
from chalicelib.core.portuguese import instant, number
from chalicelib.core.settings import settings

STATES: dict[RunState, tuple[str, Tone]] = {
    RunState.RUNNING: ("Em curso", "neutro"),
    RunState.SUCCEEDED: ("Concluída", "bom"),
    RunState.FAILED: ("Falhou", "critico"),
    RunState.CANCELLED: ("Cancelada", "atencao"),
}


def look_for_attention(session: Session, _principal: Principal, _now: datetime) -> list[Attention]:
    """How the last reading of the shop went, and what it could not read."""
    runs, _, _ = service_runs.list_runs(session, PageQuery(limit=1))
    if not runs:
        return [Attention("Nenhuma", "coleta do catálogo ainda")]
    last = runs[0]
    value, tone = STATES[last.state]
    when = instant(last.started_at, settings().local_timezone)
    found = [
        Attention(
            value, "última coleta", detail=f"{number(last.books, 0)} livros, {when}", tone=tone
        )
    ]
    query = QuarantineQuery(run=last.id, limit=1)
    _, _, (refused, _) = service_runs.list_quarantine(session, query)
    if refused:
        said = "página em quarentena" if refused == 1 else "páginas em quarentena"
        found.append(Attention(number(refused, 0), said, tone="atencao"))
    return found


LIVROS = Section(
    name="Livros",
    order=30,
    allow=(),
    attention=look_for_attention,
    links=(),
)
