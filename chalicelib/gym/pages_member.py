"""A member's page: who they are, how they come, how likely they are to leave, and why."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from chalicelib.console import charts
from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.visits import Visit
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest
from chalicelib.core.settings import HOUSE
from chalicelib.core.types import Id
from chalicelib.core.web import Routes
from chalicelib.gym import (
    service_calendar,
    service_contacts,
    service_history,
    service_member_changes,
    service_risk,
)
from chalicelib.gym.errors import (
    AlunoJaAtivo,
    AlunoJaInativo,
    AlunoMudou,
    AlunoNotFound,
    EmailTaken,
    MudancaForaDeOrdem,
    PlanoForaDeOferta,
    PlanoUnknown,
)
from chalicelib.gym.pages import DESK, READERS, may_act
from chalicelib.gym.pages_contacts import (
    CONTACT_ACTIONS,
    CONTACT_REFUSALS,
    ContactAct,
    contact_people,
)
from chalicelib.gym.pages_desk import CHECKIN_REFUSALS, record_passage
from chalicelib.gym.pages_members import PATH, plan_text, plans
from chalicelib.gym.schemas import AlunoIn, FrequenciaOut, FrequenciaQuery, RiscoOut
from chalicelib.gym.schemas_calendar import CalendarioOut, CalendarioQuery
from chalicelib.gym.schemas_members import AlunoDetalheOut, AtivarIn, DesativarIn
from chalicelib.gym.schemas_retention import ContatosQuery
from chalicelib.gym.service_presence import inside_since

MOST_VISITS = 10
MOST_CONTACTS = 20
MOST_REASONS = 6

member_page = Routes(__name__)


def show_member(session: Session, visit: Visit, aluno_id: int, form: Form, now: datetime) -> Shown:
    """All that the desk and the retention team ask about a member."""
    aluno, etag = service_member_changes.describe_aluno(session, aluno_id)
    contatos, _, _ = service_contacts.list_contatos(
        session, ContatosQuery(aluno_id=aluno_id, limit=MOST_CONTACTS), now
    )
    return Shown(
        "gym/member.html",
        aluno=aluno,
        since=inside_since(session, [aluno_id], now).get(aluno_id),
        form=_form_of(form, aluno, etag),
        plan_options=[
            (p.id, plan_text(p)) for p in plans(session) if p.ativo or p.id == aluno.plano_id
        ],
        contatos=contatos,
        can_act=may_act(visit.who),
        **contact_people(session, visit, contatos),
        **_risk(session, aluno_id, now),
        **_rhythm(session, aluno_id, now),
    )


def _form_of(form: Form, aluno: AlunoDetalheOut, etag: str) -> Form:
    """The member's data, where a refused form does not bring its own."""
    if form.action == "salvar":
        return form
    given = aluno.model_dump(include={"nome", "email", "telefone", "data_nascimento", "plano_id"})
    given = {name: "" if value is None else str(value) for name, value in given.items()}
    return Form({**given, "versao": etag, **form.values}, form.errors, form.told)


def _risk(session: Session, aluno_id: int, now: datetime) -> dict[str, Any]:
    risco = RiscoOut.model_validate_json(service_risk.churn_risk_json(session, aluno_id, now))
    shown, rest = risco.motivos[:MOST_REASONS], risco.motivos[MOST_REASONS:]
    told = [(motivo.texto, motivo.contribuicao) for motivo in shown]
    if rest:
        told.append((f"Outros {len(rest)} fatores", sum(each.contribuicao for each in rest)))
    return {"risco": risco, "pushes": charts.pushes(told)}


def _rhythm(session: Session, aluno_id: int, now: datetime) -> dict[str, Any]:
    history = service_history.history(session, aluno_id, FrequenciaQuery(limit=MOST_VISITS), now)
    frequencia = FrequenciaOut.model_validate_json(history.json(None))
    kept = service_calendar.calendar_json(session, aluno_id, CalendarioQuery(), now)
    calendario = CalendarioOut.model_validate_json(kept)
    weeks = [(f"{each.semana:%d/%m}", float(each.visitas)) for each in frequencia.serie_semanal]
    levels = {
        "Ritmo habitual": calendario.ritmo.habitual,
        "Últimas 4 semanas": calendario.ritmo.recente,
    }
    return {
        "frequencia": frequencia,
        "calendario": calendario,
        "heat": charts.heat_map([(each.dia, each.visitas) for each in calendario.dias]),
        "weeks": charts.column_chart(weeks, levels),
    }


@member_page.route(f"{PATH}/{{aluno_id}}", methods=["GET"])
@page(member_page, tenant=HOUSE, allow=READERS, raises=(AlunoNotFound,), autocommit=True)
def get_member(session: Session, visit: Visit, aluno_id: Id, form: Form, now: datetime) -> Shown:
    """A member's page."""
    return show_member(session, visit, aluno_id, form, now)


@member_page.route(f"{PATH}/{{aluno_id}}", methods=["POST"])
@page(
    member_page,
    tenant=HOUSE,
    allow=DESK,
    again=show_member,
    raises=(
        *CHECKIN_REFUSALS,
        *CONTACT_REFUSALS,
        AlunoJaAtivo,
        AlunoJaInativo,
        AlunoMudou,
        EmailTaken,
        MudancaForaDeOrdem,
        PlanoForaDeOferta,
        PlanoUnknown,
    ),
)
def post_member(session: Session, visit: Visit, aluno_id: Id, form: Form, now: datetime) -> Reply:
    """Do one of the things that can be done with a member."""
    act = ACTIONS.get(form.action)
    if act is None:
        raise BadRequest
    told = act(session, visit, aluno_id, form, now)
    return visit.go(f"{PATH}/{aluno_id}", told)


def _pass(session: Session, _visit: Visit, aluno_id: int, form: Form, now: datetime) -> str:
    aluno, _ = service_member_changes.describe_aluno(session, aluno_id)
    return record_passage(session, aluno_id, aluno.nome, form.action, now)


def _save(session: Session, visit: Visit, aluno_id: int, form: Form, now: datetime) -> str:
    service_member_changes.update_aluno(
        session, visit.who, aluno_id, form.read(AlunoIn), if_match=form["versao"] or None, now=now
    )
    return "Os dados foram salvos."


def _cancel(session: Session, visit: Visit, aluno_id: int, form: Form, now: datetime) -> str:
    body = form.read(DesativarIn, instants=("em",))
    aluno, _ = service_member_changes.deactivate_aluno(session, visit.who, aluno_id, body, now)
    return f"A matrícula de {aluno.nome} foi cancelada."


def _bring_back(session: Session, visit: Visit, aluno_id: int, _form: Form, now: datetime) -> str:
    aluno, _ = service_member_changes.activate_aluno(session, visit.who, aluno_id, AtivarIn(), now)
    return f"{aluno.nome} está de volta."


ACTIONS: dict[str, ContactAct] = {
    "entrada": _pass,
    "saida": _pass,
    "salvar": _save,
    "cancelar": _cancel,
    "reativar": _bring_back,
    **CONTACT_ACTIONS,
}
