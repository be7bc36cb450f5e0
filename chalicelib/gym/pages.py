"""The gym's part of the console: its pages, and what needs attention."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from chalicelib.console.model_attention import model_attention, the_model
from chalicelib.console.sections import Attention, Link, Section, ServedModels, Tone
from chalicelib.core.auth import Principal, Role
from chalicelib.core.clock import local_day
from chalicelib.core.pages import PageQuery
from chalicelib.core.portuguese import day, number
from chalicelib.core.settings import settings
from chalicelib.gym import health, service_contacts, service_reports, service_visits
from chalicelib.gym.schemas_retention import ContatosQuery
from chalicelib.gym.service_worklist import worklist

DESK = Role.OPERADOR
READERS = (Role.OPERADOR, Role.CIENTISTA, Role.LEITOR)
CAPACITY = 40  # What the worklist has when nobody says otherwise.
MANY_CONTACTS = 5
EXITS = "/console/academia/saidas-sem-entrada"
MODEL = "/console/modelos/churn"

ADVICE: Mapping[str, str] = {
    "use an e-mail address such as ana.lima@example.com": "Use um e-mail como "
    "ana.lima@example.com.",
    "use 8 to 20 digits, such as +55 11 98765-4321": "Use de 8 a 20 dígitos, como 11 98765-4321.",
    "lies in the future": "Está no futuro.",
    "limite of ritmo_proprio is a share of the own pace, at most 1": "O limite do ritmo é uma "
    "parte, de 0 a 1.",
}


def may_act(principal: Principal) -> bool:
    """Whether somebody may do what the desk does, beside looking."""
    return principal.role in (Role.ADMIN, DESK)


def look_for_attention(session: Session, principal: Principal, now: datetime) -> list[Attention]:
    """What of the gym somebody should look at today."""
    return [
        *_worklist(session, principal, now),
        *_own_contacts(session, principal, now),
        *_overdue(session, now),
        *_exits(session),
        *_report(session, now),
        model_attention(health.churn_health(session, now), "Modelo de risco", MODEL),
    ]


def look_for_models(session: Session, _principal: Principal, now: datetime) -> ServedModels:
    """The churn model."""
    return the_model(health.churn_health(session, now), "Modelo de risco de saída", MODEL)


def _worklist(session: Session, principal: Principal, now: datetime) -> Iterator[Attention]:
    waiting = len(worklist(session, principal, CAPACITY, now).rows)
    said = "aluno a contatar hoje" if waiting == 1 else "alunos a contatar hoje"
    tone: Tone = "atencao" if waiting else "bom"
    yield Attention(str(waiting), said, "/console/academia/retencao", "Abrir a lista", tone)


def _own_contacts(session: Session, principal: Principal, now: datetime) -> Iterator[Attention]:
    if principal.usuario_id is None:
        return
    query = ContatosQuery(responsavel_id=principal.usuario_id, aberto=True, limit=1)
    _, _, (mine, _) = service_contacts.list_contatos(session, query, now)
    if mine:
        said = "contato seu a fazer" if mine == 1 else "contatos seus a fazer"
        path = f"/console/academia/retencao?ver=abertos&de={principal.usuario_id}"
        yield Attention(number(mine, 0), said, path, "Ver os seus", "atencao")


def _overdue(session: Session, now: datetime) -> Iterator[Attention]:
    query = ContatosQuery(atrasado=True, limit=1)
    _, _, (late, _) = service_contacts.list_contatos(session, query, now)
    if late:
        tone: Tone = "critico" if late >= MANY_CONTACTS else "atencao"
        said = "contato atrasado" if late == 1 else "contatos atrasados"
        path = "/console/academia/retencao?ver=atrasados"
        yield Attention(number(late, 0), said, path, "Ver contatos", tone)


def _exits(session: Session) -> Iterator[Attention]:
    _, _, (lost, _) = service_visits.list_exits_without_entry(session, PageQuery(limit=1))
    if lost:
        said = "saída sem entrada" if lost == 1 else "saídas sem entrada"
        yield Attention(number(lost, 0), said, EXITS, "Conferir", "atencao")


def _report(session: Session, now: datetime) -> Iterator[Attention]:
    yesterday = local_day(now, settings().local_timezone) - timedelta(days=1)
    found = service_reports.find_report(session, yesterday)
    path = "/console/academia/relatorios"
    if found is None:
        said = f"Relatório de {day(yesterday)}"
        yield Attention("Falta", said, path, "Ver relatórios", "atencao")
        return
    detail = f"{number(found.alunos, 0)} alunos, em {day(yesterday)}"
    value = number(found.visitas, 0)
    yield Attention(
        value, "visitas ontem", f"{path}?dia={yesterday}", "Abrir o relatório", "neutro", detail
    )


ACADEMIA = Section(
    name="Academia",
    order=10,
    allow=READERS,
    attention=look_for_attention,
    models=look_for_models,
    links=(
        Link("Recepção", "/console/academia", (DESK,)),
        Link("Alunos", "/console/academia/alunos"),
        Link("Retenção", "/console/academia/retencao"),
        Link("Jogadas e regras", "/console/academia/jogadas"),
        Link("Efeito e permanência", "/console/academia/efeito"),
        Link("Saídas sem entrada", EXITS),
        Link("Relatório do dia", "/console/academia/relatorios"),
        Link("Modelo de risco", MODEL),
        Link("Planos", "/console/academia/planos"),
        Link("Importar", "/console/academia/importar", (DESK,)),
        Link("Alunos sintéticos", "/console/academia/sinteticos", (Role.CIENTISTA,)),
    ),
)
