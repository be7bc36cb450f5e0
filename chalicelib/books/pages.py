"""The books' part of the console: its pages, and what needs attention."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from chalicelib.books import health, service_runs
from chalicelib.books.schemas import QuarantineQuery, RunState
from chalicelib.books.service_snapshots import catalogue_source
from chalicelib.console.model_attention import the_model
from chalicelib.console.sections import Attention, Link, Section, ServedModels, Tone
from chalicelib.core.auth import Principal, Role
from chalicelib.core.clock import local_day
from chalicelib.core.pages import PageQuery
from chalicelib.core.portuguese import day, instant, number
from chalicelib.core.settings import settings

COLETAS = "/console/livros/coletas"
MODEL = "/console/modelos/livros"
OLD = timedelta(days=30)  # A catalogue that nobody has read for so long.
READERS = (Role.CIENTISTA, Role.LEITOR)

ADVICE: Mapping[str, str] = {
    "the lower bound is above the upper one": "O preço mínimo está acima do máximo.",
    "beyond 10,000 books go on by cursor, or take a dump": "Não se folheia além de 10.000 livros; "
    "use os filtros.",
}

STATES: dict[RunState, tuple[str, Tone]] = {
    RunState.RUNNING: ("Em curso", "neutro"),
    RunState.SUCCEEDED: ("Concluída", "bom"),
    RunState.FAILED: ("Falhou", "critico"),
    RunState.CANCELLED: ("Cancelada", "atencao"),
}


def look_for_attention(session: Session, principal: Principal, now: datetime) -> list[Attention]:
    """How old the catalogue is; to admins, how the last reading of the shop went."""
    reading = _reading(session) if principal.role is Role.ADMIN else []
    return [*_catalogue(session, now), *reading]


def look_for_models(session: Session, _principal: Principal, now: datetime) -> ServedModels:
    """The price model."""
    return the_model(health.book_health(session, now), "Modelo de preço dos livros", MODEL)


def _catalogue(session: Session, now: datetime) -> Iterator[Attention]:
    edition = catalogue_source(session)
    if edition is not None:
        read = day(local_day(edition.taken_at, settings().local_timezone))
        tone: Tone = "atencao" if now - edition.taken_at > OLD else "bom"
        said = "livro no catálogo" if edition.books == 1 else "livros no catálogo"
        detail = f"edição {edition.id}, lida em {read}"
        value = number(edition.books, 0)
        yield Attention(value, said, "/console/livros", "Abrir o catálogo", tone, detail)


def _reading(session: Session) -> list[Attention]:
    runs, _, _ = service_runs.list_runs(session, PageQuery(limit=1))
    if not runs:
        return [Attention("Nenhuma", "coleta do catálogo ainda", COLETAS, "Ler a loja")]
    last = runs[0]
    value, tone = STATES[last.state]
    when = instant(last.started_at, settings().local_timezone)
    found = [
        Attention(
            value,
            "última coleta",
            f"{COLETAS}/{last.id}",
            "Abrir a coleta",
            tone,
            f"{number(last.books, 0)} livros, {when}",
        )
    ]
    query = QuarantineQuery(run=last.id, limit=1)
    _, _, (refused, _) = service_runs.list_quarantine(session, query)
    if refused:
        said = "página em quarentena" if refused == 1 else "páginas em quarentena"
        path = f"/console/livros/quarentena?run={last.id}"
        found.append(Attention(number(refused, 0), said, path, "Ver as páginas", "atencao"))
    return found


LIVROS = Section(
    name="Livros",
    order=30,
    allow=READERS,
    attention=look_for_attention,
    models=look_for_models,
    links=(
        Link("Catálogo", "/console/livros"),
        Link("Números", "/console/livros/numeros"),
        Link("Modelo de preço", MODEL),
        Link("Coletas", COLETAS, (Role.ADMIN,)),
        Link("Quarentena", "/console/livros/quarentena", (Role.ADMIN,)),
    ),
)
