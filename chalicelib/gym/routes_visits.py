"""Routes by which the desk puts visits right."""

from datetime import datetime

from pydantic import Field
from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.settings import HOUSE
from chalicelib.core.types import FromRow, Id, Instant, Strict
from chalicelib.core.web import Routes, endpoint
from chalicelib.gym import service_visits
from chalicelib.gym.errors import AlunoNotFound, VisitaImpossivel, VisitaNotFound
from chalicelib.gym.routes import READERS
from chalicelib.gym.schemas import CheckinOut

visits = Routes(__name__)


class CorrecaoIn(Strict):
    """When a visit ended."""

    saida: Instant | None = Field(description="Null: nobody knows.")


class SaidaOut(FromRow):
    """An exit whose entry is not known."""

    aluno_id: Id
    saida: datetime
    chave_evento: str | None


@visits.route("/aluno/{aluno_id}/visitas/{entrada}", methods=["PATCH"])
@endpoint(
    visits,
    tenant=HOUSE,
    body=CorrecaoIn,
    allow=Role.OPERADOR,
    raises=(AlunoNotFound, VisitaNotFound, VisitaImpossivel),
)
def patch_visita(
    session: Session,
    principal: Principal,
    aluno_id: Id,
    entrada: Instant,
    body: CorrecaoIn,
    now: datetime,
) -> CheckinOut:
    """Correct when the visit that began at `entrada` ended; no event changes it from then on."""
    return service_visits.correct_exit(
        session, principal, aluno_id, entrada, saida=body.saida, now=now
    )


@visits.route("/aluno/{aluno_id}/visitas/{entrada}", methods=["DELETE"])
@endpoint(
    visits,
    tenant=HOUSE,
    status=204,
    allow=Role.OPERADOR,
    raises=(AlunoNotFound, VisitaNotFound),
)
def delete_visita(
    session: Session, principal: Principal, aluno_id: Id, entrada: Instant, now: datetime
) -> None:
    """Strike a visit that never was, such as of a wrong card.

    The same events sent again do not bring it back. Reports of that day are made again.
    """
    service_visits.strike_visit(session, principal, aluno_id, entrada, now)


@visits.route("/visitas/saidas-sem-entrada", methods=["GET"])
@endpoint(
    visits,
    tenant=HOUSE,
    query=PageQuery,
    allow=READERS,
    response=Page[SaidaOut],
    autocommit=True,
)
def get_saidas_sem_entrada(session: Session, query: PageQuery, call: Call) -> Reply:
    """Exits that came without an entry in the 24 hours before, latest first.

    They count for nothing. When the entry comes, from the desk or in a file, they are matched.
    """
    found, cursor, total = service_visits.list_exits_without_entry(session, query)
    return page_reply(Page[SaidaOut], found, cursor, total, call)
