"""The gym's part of the console: its pages, what needs attention, and its refusals in words."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from chalicelib.console.model_attention import model_attention
from chalicelib.console.sections import Attention, Link, Section, Tone
from chalicelib.core.auth import Principal, Role
from chalicelib.core.clock import local_day
from chalicelib.core.errors import Problem
from chalicelib.core.pages import PageQuery
from chalicelib.core.portuguese import day, number
from chalicelib.core.settings import settings
from chalicelib.gym import errors, health, service_contacts, service_visits
from chalicelib.gym.schemas_retention import ContatosQuery
from chalicelib.gym.service_worklist import worklist
from chalicelib.gym.tables import RelatorioDiario

READERS = (Role.OPERADOR, Role.CIENTISTA, Role.LEITOR)
DESK = Role.OPERADOR
CAPACITY = 40  # What the worklist has when nobody says otherwise.
MANY_CONTACTS = 5
EXITS = "/console/academia/saidas-sem-entrada"

REFUSALS: Mapping[type[Problem], str] = {
    errors.AlunoNotFound: "Não há aluno com este número.",
    errors.AlunoInativo: "A matrícula está cancelada. Reative-a antes.",
    errors.AlunoJaAtivo: "Esta matrícula já está ativa.",
    errors.AlunoJaInativo: "Esta matrícula já está cancelada.",
    errors.AlunoMudou: "Os dados mudaram enquanto você editava. Confira e salve de novo.",
    errors.MudancaForaDeOrdem: "A data precisa vir depois da matrícula e da última mudança, "
    "e não pode estar no futuro.",
    errors.EmailTaken: "Já há um aluno com este e-mail.",
    errors.PlanoUnknown: "Escolha um plano.",
    errors.PlanoNotFound: "Este plano não existe mais.",
    errors.PlanoForaDeOferta: "Este plano saiu de oferta: ninguém mais pode aderir a ele.",
    errors.PlanoEmUso: "Alguém tem ou teve este plano, e ele fica no histórico. Tire-o de oferta.",
    errors.PlanoJaAtivo: "Este plano já está em oferta.",
    errors.PlanoJaInativo: "Este plano já está fora de oferta.",
    errors.PlanoNameTaken: "Já há um plano com este nome.",
    errors.RelatorioNotFound: "Ainda não há relatório deste dia.",
    errors.DiaNaoTerminou: "O relatório é de um dia inteiro, e este ainda não terminou.",
    errors.CheckinAberto: "Já está dentro: a última entrada ainda não tem saída.",
    errors.CheckinRepetido: "Esta entrada já foi registrada.",
    errors.ChaveEventoTaken: "Este evento já pertence a outra visita.",
    errors.SemVisitaAberta: "Não há visita aberta para encerrar.",
    errors.VisitaNotFound: "Esta visita não existe mais.",
    errors.VisitaJaAnulada: "Esta visita foi anulada.",
    errors.VisitaImpossivel: "A saída precisa vir depois da entrada, em até 24 horas.",
    errors.ImportacaoEmAndamento: "Há uma importação em andamento. Espere que termine.",
    errors.JogadaNotFound: "Esta jogada não existe mais.",
    errors.JogadaUnknown: "Esta jogada não existe mais.",
    errors.JogadaNameTaken: "Já há uma jogada com este nome.",
    errors.RegraNotFound: "Esta regra não existe mais.",
    errors.RegraUnknown: "Esta regra não existe mais.",
    errors.RegraNameTaken: "Já há uma regra com este nome.",
    errors.RegraEmUso: "Uma jogada depende desta regra. Mude a jogada antes.",
    errors.ContatoNotFound: "Este contato não existe mais.",
    errors.ContatoEmAberto: "Já há um contato em aberto com este aluno. Registre o resultado dele.",
    errors.ResponsavelUnknown: "Escolha alguém ativo da operação.",
    errors.AlunoNoControle: "Este aluno está no grupo de controle, que não é contatado para que "
    "se possa medir o efeito. Se for mesmo preciso, marque a opção de contatar assim mesmo.",
}

ADVICE: Mapping[str, str] = {
    "use an e-mail address such as ana.lima@example.com": "Use um e-mail como "
    "ana.lima@example.com.",
    "use 8 to 20 digits, such as +55 11 98765-4321": "Use de 8 a 20 dígitos, como 11 98765-4321.",
    "lies in the future": "Está no futuro.",
    "limite of ritmo_proprio is a share of the own pace, at most 1": "O limite do ritmo é uma "
    "parte, de 0 a 1.",
}


def look_for_attention(session: Session, principal: Principal, now: datetime) -> list[Attention]:
    """What of the gym somebody should look at today."""
    return [
        *_worklist(session, principal, now),
        *_own_contacts(session, principal, now),
        *_overdue(session, now),
        *_exits(session),
        *_report(session, now),
        model_attention(
            health.churn_health(session, now), "Modelo de risco", "/console/modelos/churn"
        ),
    ]


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
    found = session.get(RelatorioDiario, yesterday)
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
    links=(
        Link("Recepção", "/console/academia", (DESK,)),
        Link("Alunos", "/console/academia/alunos"),
        Link("Retenção", "/console/academia/retencao"),
        Link("Jogadas e regras", "/console/academia/jogadas"),
        Link("Efeito e permanência", "/console/academia/efeito"),
        Link("Saídas sem entrada", EXITS),
        Link("Relatório do dia", "/console/academia/relatorios"),
        Link("Modelo de risco", "/console/modelos/churn"),
        Link("Planos", "/console/academia/planos"),
        Link("Importar", "/console/academia/importar", (DESK,)),
        Link("Alunos sintéticos", "/console/academia/sinteticos", (Role.CIENTISTA,)),
    ),
)
