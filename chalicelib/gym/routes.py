"""Routes of the gym."""

from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from chalicelib.core import job_control, uploads
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.job_control import JobOut
from chalicelib.core.jobs import enqueue
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.parsing import JSON
from chalicelib.core.queues import Queue
from chalicelib.core.settings import HOUSE
from chalicelib.core.types import Id
from chalicelib.core.uploads import (
    EmptyFile,
    FileTypeUnsupported,
    ObjectIn,
    ObjectMissing,
)
from chalicelib.core.web import Routes, endpoint
from chalicelib.gym import (
    service_calendar,
    service_checkins,
    service_history,
    service_members,
    service_models,
    service_risk,
    service_scores,
)
from chalicelib.gym.errors import (
    AlunoInativo,
    AlunoNotFound,
    ChaveEventoTaken,
    CheckinAberto,
    CheckinRepetido,
    EmailTaken,
    PlanoForaDeOferta,
    PlanoNameTaken,
    PlanoUnknown,
    SemVisitaAberta,
    VisitaImpossivel,
    VisitaJaAnulada,
)
from chalicelib.gym.queues import ALUNO_QUEUE, CHECKIN_QUEUE
from chalicelib.gym.schemas import (
    AlunoIn,
    AlunoOut,
    CheckinIn,
    CheckinOut,
    FrequenciaOut,
    FrequenciaQuery,
    ImportMessage,
    PlanoIn,
    PlanoOut,
    RiscoOut,
)
from chalicelib.gym.schemas_calendar import CalendarioOut, CalendarioQuery

gym = Routes(__name__)

READERS = (Role.OPERADOR, Role.CIENTISTA, Role.LEITOR)
FILES = ("text/csv", "application/x-ndjson", JSON)


@gym.route("/planos", methods=["GET"])
@endpoint(
    gym, tenant=HOUSE, query=PageQuery, allow=READERS, response=Page[PlanoOut], autocommit=True
)
def get_planos(session: Session, query: PageQuery, call: Call) -> Reply:
    """List the plans, newest first."""
    planos, cursor, total = service_members.list_planos(session, query)
    return page_reply(Page[PlanoOut], planos, cursor, total, call)


@gym.route("/planos", methods=["POST"])
@endpoint(
    gym, tenant=HOUSE, body=PlanoIn, status=201, allow=Role.OPERADOR, raises=(PlanoNameTaken,)
)
def post_plano(session: Session, principal: Principal, body: PlanoIn) -> PlanoOut:
    """Put a plan on offer."""
    return PlanoOut.model_validate(service_members.create_plano(session, principal, body))


@gym.route("/aluno/registro", methods=["POST"])
@endpoint(
    gym,
    tenant=HOUSE,
    body=AlunoIn,
    status=201,
    allow=Role.OPERADOR,
    raises=(EmailTaken, PlanoUnknown, PlanoForaDeOferta),
)
def post_aluno(session: Session, principal: Principal, body: AlunoIn, now: datetime) -> AlunoOut:
    """Register a member."""
    return AlunoOut.model_validate(service_members.register_aluno(session, principal, body, now))


@gym.route("/aluno/checkin", methods=["POST"])
@endpoint(
    gym,
    tenant=HOUSE,
    body=CheckinIn,
    status=201,
    allow=Role.OPERADOR,
    raises=(
        AlunoNotFound,
        AlunoInativo,
        CheckinAberto,
        CheckinRepetido,
        SemVisitaAberta,
        ChaveEventoTaken,
        VisitaImpossivel,
        VisitaJaAnulada,
    ),
    autocommit=True,
)
def post_checkin(session: Session, body: CheckinIn, now: datetime) -> CheckinOut:
    """Record an entry, or the exit of the visit that is open.

    An entry while a visit younger than six hours is open is refused; an older open one is
    closed as `sem_saida`. An event key that was sent before changes nothing and is answered
    with the visit it made. An exit ends the latest visit that began before it, within 24 hours;
    one with a key that ends none is kept, and as `sem_entrada` where there is no such visit.
    """
    return service_checkins.record_checkin(session, body, now)


@gym.route("/aluno/{aluno_id}/frequencia", methods=["GET"])
@endpoint(
    gym,
    tenant=HOUSE,
    query=FrequenciaQuery,
    allow=READERS,
    response=FrequenciaOut,
    raises=(AlunoNotFound,),
    autocommit=True,
)
def get_frequencia(
    session: Session, aluno_id: Id, query: FrequenciaQuery, call: Call, now: datetime
) -> Reply:
    """A member's visits, newest first, and what they amount to."""
    found = service_history.history(session, aluno_id, query, now)
    address = call.next_page(found.cursor or None)
    headers = {"Link": f'<{address}>; rel="next"'} if address else {}
    return Reply(found.json(address), headers=headers)


@gym.route("/aluno/{aluno_id}/frequencia/calendario", methods=["GET"])
@endpoint(
    gym,
    tenant=HOUSE,
    query=CalendarioQuery,
    allow=READERS,
    response=CalendarioOut,
    raises=(AlunoNotFound,),
    autocommit=True,
)
def get_frequencia_calendario(
    session: Session, aluno_id: Id, query: CalendarioQuery, now: datetime
) -> Reply:
    """A member's visits day by day, for a heat map, and their habits as of now.

    Usual weekdays and hours, weeks in a row with a visit, and whether the member comes more or
    less often than they used to.
    """
    return Reply(service_calendar.calendar_json(session, aluno_id, query, now))


@gym.route("/aluno/{aluno_id}/risco-churn", methods=["GET"])
@endpoint(
    gym, tenant=HOUSE, allow=READERS, response=RiscoOut, raises=(AlunoNotFound,), autocommit=True
)
def get_risco_churn(session: Session, aluno_id: Id, now: datetime) -> Reply:
    """How likely a member is to leave in the next 30 days, and why.

    `tipo` says what kind of answer it is; where there is no honest number there is none.
    """
    return Reply(service_risk.churn_risk_json(session, aluno_id, now))


# A file of rows, imported by a job.
bulk_import = partial(
    endpoint,
    gym,
    tenant=HOUSE,
    accepts=FILES,
    allow=Role.OPERADOR,
    status=202,
    body=ObjectIn,
    response=JobOut,
    raises=(ObjectMissing, EmptyFile, FileTypeUnsupported),
    before=uploads.receive_file,
)


@gym.route("/aluno/registro/lote", methods=["POST"])
@bulk_import()
def post_alunos_lote(session: Session, principal: Principal, prepared: str, call: Call) -> Reply:
    """Import members from a file.

    CSV with a header or NDJSON, in the body or as `{"objeto": key}` of an upload. Fields:
    nome, email, plano (its name) or plano_id, telefone, data_nascimento, matriculado_em,
    cancelado_em. Who is known by e-mail already is counted as a duplicate and left as they are.
    """
    return _import(session, ALUNO_QUEUE, principal, prepared, call)


@gym.route("/aluno/checkin/lote", methods=["POST"])
@bulk_import()
def post_checkins_lote(session: Session, principal: Principal, prepared: str, call: Call) -> Reply:
    """Import visits from a file.

    CSV with a header or NDJSON, in the body or as `{"objeto": key}` of an upload. Fields:
    aluno_id or email, entrada, saida, tipo, chave_evento. A row's key is its chave_evento, else
    (aluno, entrada), of an exit (aluno, saida): a file sent twice adds nothing, and the order of
    rows and of files does not matter. Exits without an entry are kept, see
    GET /visitas/saidas-sem-entrada. Visits from before the day of their member's registration are
    kept and counted, and named under `avisos` in the job's result.
    """
    return _import(session, CHECKIN_QUEUE, principal, prepared, call)


def _import(
    session: Session,
    queue: Queue[ImportMessage],
    principal: Principal,
    objeto: str,
    call: Call,
) -> Reply:
    job = enqueue(
        session,
        queue,
        ImportMessage(objeto=objeto),
        tenant=principal.tenant,
        owner=principal.subject,
    )
    return job_control.accepted(job, call)


@gym.route("/admin/atualizar-modelo", methods=["POST"])
@endpoint(gym, tenant=HOUSE, allow=Role.CIENTISTA, status=202, response=JobOut)
def post_update_model(session: Session, principal: Principal, call: Call) -> Reply:
    """Train the churn model anew.

    While a training is queued or running, that one is answered.
    """
    job = service_models.ask_for_training(session, owner=principal.subject)
    return job_control.accepted(job, call)


@gym.route("/admin/calcular-probabilidades", methods=["POST"])
@endpoint(gym, tenant=HOUSE, allow=(Role.OPERADOR, Role.CIENTISTA), status=202, response=JobOut)
def post_calculate_probabilities(session: Session, principal: Principal, call: Call) -> Reply:
    """Score every active member now, as is done every night and after each promotion.

    Who has a number of today that nothing has changed since keeps it. While a request of this
    kind is queued or running, that one is answered.
    """
    job = service_scores.ask_for_scores(
        session, owner=principal.subject, motivo="manual", dedupe_key="manual"
    )
    return job_control.accepted(job, call)
