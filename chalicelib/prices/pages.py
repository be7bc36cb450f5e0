"""The prices' part of the console: what pages share, what needs attention, refusals in words."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.sections import (
    Attention,
    Link,
    Section,
    ServedModel,
    ServedModels,
    Tone,
)
from chalicelib.console.visits import Visit
from chalicelib.core.auth import Principal, Role
from chalicelib.core.jobs import JobState
from chalicelib.core.pages import PageQuery
from chalicelib.core.portuguese import number
from chalicelib.core.web import EVERYONE
from chalicelib.identity.errors import NotAUser
from chalicelib.prices import service_models, service_projects, service_training
from chalicelib.prices.algorithms import ALGORITMOS
from chalicelib.prices.errors import ProjetoNotFound
from chalicelib.prices.membership import Papel
from chalicelib.prices.words import ROLES

PATH = "/console/precos"
PROJECT = PATH + "/{projeto_id}"
BOOLEANS = {"true": "sim", "false": "não"}
WITHOUT_DOTS = 10_000
SMALLEST = 0.01  # That three digits behind the comma tell something of.
RECENT = timedelta(days=7)
MOST_PROJECTS = 50
A_DAY = timedelta(days=1)
UNSEEN = (ProjetoNotFound, NotAUser)

TABS = (
    ("", "Visão geral"),
    ("/dados", "Dados"),
    ("/treinos", "Treinos"),
    ("/versoes", "Versões"),
    ("/prever", "Prever"),
    ("/historico", "Histórico"),
    ("/uso", "Uso"),
    ("/saude", "Saúde"),
    ("/pessoas", "Pessoas"),
)

anybody = partial(page, allow=EVERYONE)

ADVICE: Mapping[str, str] = {
    "k_fold_grupos needs coluna_grupo": "Escolha a coluna que agrupa as linhas.",
    "k_fold_tempo needs coluna_tempo": "Escolha a coluna que diz quando.",
    "a and b must be two versions": "Escolha duas versões diferentes.",
    "de must be below ate": "O começo da faixa tem de ser menor que o fim.",
    "a logarithmic range begins above zero": "Uma faixa logarítmica começa acima de zero.",
    "give either valores, or de and ate": "Diga valores, ou uma faixa.",
    "say valor, or of classes classe": "Diga o valor real.",
}


def project_page(
    session: Session, visit: Visit, projeto_id: UUID, template: str, tab: str, **values: Any
) -> Shown:
    """A page of a project, with its name, its tabs, and what the visitor may do in it.

    Raises:
        ProjetoNotFound: It is not the visitor's, nor shared with them.
    """
    seen = service_projects.see_projeto(session, visit.who, projeto_id)
    return Shown(
        f"prices/{template}",
        project=seen,
        base=f"{PATH}/{projeto_id}",
        tab=tab,
        tabs=TABS,
        role_words=ROLES,
        may_train=seen.papel.allows(Papel.TREINADOR),
        may_lead=seen.papel.allows(Papel.ADMIN),
        is_owner=seen.papel is Papel.DONO,
        algorithms={name: each.rotulo for name, each in ALGORITMOS.items()},
        said=said,
        given=given,
        **values,
    )


def said(value: float | Decimal | None) -> str:
    """A number of whatever size, with as many digits as tell something."""
    if value is None:
        return "–"
    size = abs(float(value))
    if size == 0:
        return "0"
    if size >= 1:
        written = number(size, 0 if size >= 1000 else None)
    else:
        written = number(size, 3) if size >= SMALLEST else f"{size:.2g}".replace(".", ",")
    return f"−{written}" if value < 0 else written


def given(value: Any) -> str:
    """A value of a case as it was given: whole numbers below ten thousand may be years."""
    if str(value).lower() in BOOLEANS:
        return BOOLEANS[str(value).lower()]
    if not isinstance(value, int | float):
        return str(value)
    is_whole = float(value).is_integer() and abs(value) < WITHOUT_DOTS
    return str(int(value)) if is_whole else number(value)


def look_for_attention(session: Session, principal: Principal, now: datetime) -> list[Attention]:
    """One's own projects, trainings under way, and those that failed."""
    if principal.usuario_id is None:
        return []
    _, _, (projects, _) = service_projects.list_projetos(session, principal, PageQuery(limit=1))
    said = "projeto de preços" if projects == 1 else "projetos de preços"
    action = "Abrir os projetos" if projects else "Criar o primeiro"
    found = [Attention(number(projects, 0), said, PATH, action)]
    counts = service_training.count_own(session, principal, now - RECENT)
    for state, one, many, tone in ATTENTION:
        if count := counts.get(state, 0):
            said = one if count == 1 else many
            found.append(Attention(number(count, 0), said, PATH, "Ver os projetos", tone))
    return found


def look_for_models(session: Session, principal: Principal, now: datetime) -> ServedModels:
    """What answers in each of one's projects, the newest first."""
    if principal.usuario_id is None:
        return ServedModels([], 0)
    query = PageQuery(limit=MOST_PROJECTS)
    projects, _, (total, _) = service_projects.list_projetos(session, principal, query)
    answers = service_models.champions_of(session, [each.projeto for each in projects])
    found = []
    for each in projects:
        at, champion = f"{PATH}/{each.id}", answers.get(each.id)
        version = champion.version if champion else None
        age = (now - champion.created_at) / A_DAY if champion else None
        found.append(
            ServedModel(each.nome, f"{at}/versoes", version, age, watched_at=f"{at}/saude")
        )
    return ServedModels(found, total)


ATTENTION: tuple[tuple[JobState, str, str, Tone], ...] = (
    (JobState.RUNNING, "treino em andamento", "treinos em andamento", "neutro"),
    (JobState.FAILED, "treino falhou esta semana", "treinos falharam esta semana", "critico"),
)

PRECOS = Section(
    name="Preços",
    order=40,
    allow=tuple(Role),
    tenant="todos",
    attention=look_for_attention,
    models=look_for_models,
    links=(Link("Projetos", PATH),),
)
