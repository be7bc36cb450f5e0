"""Pages of projects: one's own and shared ones, one at a glance, who it is shared with."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.queries import PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest, FieldError, ValidationFailed
from chalicelib.core.pages import CursorInvalid, PageQuery
from chalicelib.core.web import Routes
from chalicelib.identity.errors import NotAUser
from chalicelib.identity.schemas import Login
from chalicelib.prices import (
    health,
    service_datasets,
    service_members,
    service_models,
    service_projects,
    service_training,
    service_usage,
)
from chalicelib.prices.errors import (
    DonoNaoMembro,
    MembroNotFound,
    MembrosDemais,
    PapelInsuficiente,
    PessoaNotFound,
)
from chalicelib.prices.membership import user_of
from chalicelib.prices.pages import PATH, PROJECT, UNSEEN, anybody, project_page
from chalicelib.prices.schemas_predictions import UsoQuery
from chalicelib.prices.schemas_projects import MembroIn, ProjetoIn, ProjetoPatch
from chalicelib.prices.words import DATASETS, JOBS, ROLES

RECENT = 3

project_pages = Routes(__name__)
everybody = partial(anybody, project_pages)


class WhoForm(BaseModel):
    """Whom a form is about."""

    login: Login


def show_projects(session: Session, visit: Visit, query: PartQuery, form: Form) -> Shown:
    """One's own projects and the shared ones, and the form for another."""
    found, cursor, total = service_projects.list_projetos(session, visit.who, query)
    return Shown(
        "prices/projects.html", found=found, cursor=cursor, total=total, roles_in=ROLES, form=form
    )


@project_pages.route(PATH, methods=["GET"])
@everybody(query=PartQuery, raises=(CursorInvalid, NotAUser), autocommit=True)
def get_projects_page(session: Session, visit: Visit, query: PartQuery, form: Form) -> Shown:
    """One's own projects and the shared ones, and the form for another."""
    return show_projects(session, visit, query, form)


@project_pages.route(PATH, methods=["POST"])
@everybody(query=PartQuery, again=show_projects, raises=(NotAUser,))
def post_projects_page(session: Session, visit: Visit, form: Form, now: datetime) -> Reply:
    """Make a project, and go on to its data."""
    made = service_projects.create_projeto(session, visit.who, form.read(ProjetoIn), now)
    return visit.go(f"{PATH}/{made.id}/dados", "O projeto está pronto. Agora envie os dados.")


@project_pages.route(PROJECT, methods=["GET"])
@everybody(raises=UNSEEN, autocommit=True)
def get_project_page(session: Session, visit: Visit, projeto_id: UUID, now: datetime) -> Shown:
    """A project at a glance: data, trainings, who answers and how well, and what to do next."""
    who, recent = visit.who, PageQuery(limit=RECENT)
    projeto = service_projects.see_projeto(session, who, projeto_id).projeto
    datasets, _, datasets_total = service_datasets.list_datasets(session, projeto, recent)
    trainings, _, trainings_total = service_training.list_trainings(
        session, who, projeto_id, recent, now
    )
    versions, _, versions_total = service_models.list_versions(session, who, projeto_id, recent)
    return project_page(
        session,
        visit,
        projeto_id,
        "overview.html",
        "",
        datasets=datasets,
        datasets_total=datasets_total[0],
        trainings=trainings,
        trainings_total=trainings_total[0],
        versions=versions,
        versions_total=versions_total[0],
        health=health.price_health(session, who, projeto_id, now),
        usage=service_usage.usage(session, who, projeto_id, UsoQuery(), now).total,
        dataset_states=DATASETS,
        job_states=JOBS,
    )


def _own_login(session: Session, visit: Visit) -> str:
    me = user_of(visit.who)
    return service_projects.logins_of(session, {me})[me]


@contextmanager
def _somebody(field: str) -> Iterator[None]:
    """Say at a field that nobody has the login that was typed into it."""
    try:
        yield
    except PessoaNotFound as problem:
        told = "Não há ninguém ativo com este nome de acesso."
        raise ValidationFailed(errors=[FieldError(campo=field, erro=told)]) from problem


def show_people(
    session: Session, visit: Visit, projeto_id: UUID, query: PartQuery, form: Form
) -> Shown:
    """Who a project is shared with, and what its owner may change."""
    found, cursor, total = service_members.list_members(session, visit.who, projeto_id, query)
    return project_page(
        session,
        visit,
        projeto_id,
        "people.html",
        "/pessoas",
        found=found,
        cursor=cursor,
        total=total,
        own_login=_own_login(session, visit),
        form=form,
    )


@project_pages.route(f"{PROJECT}/pessoas", methods=["GET"])
@everybody(query=PartQuery, raises=(*UNSEEN, CursorInvalid), autocommit=True)
def get_people_page(
    session: Session, visit: Visit, projeto_id: UUID, query: PartQuery, form: Form
) -> Shown:
    """Who a project is shared with, and what its owner may change."""
    return show_people(session, visit, projeto_id, query, form)


@project_pages.route(f"{PROJECT}/pessoas", methods=["POST"])
@everybody(
    query=PartQuery,
    again=show_people,
    raises=(
        *UNSEEN,
        PapelInsuficiente,
        PessoaNotFound,
        MembroNotFound,
        DonoNaoMembro,
        MembrosDemais,
    ),
)
def post_people_page(
    session: Session, visit: Visit, projeto_id: UUID, form: Form, now: datetime
) -> Reply:
    """Share, share no longer, rename, pass on, delete."""
    at, who = f"{PATH}/{projeto_id}/pessoas", visit.who
    if form.action == "compartilhar":
        login, role = form.read(WhoForm).login, form.read(MembroIn).papel
        with _somebody("login"):
            member = service_members.share(session, who, projeto_id, login, role, now)
        return visit.go(at, f"{member.nome} agora tem acesso ao projeto.")
    if form.action == "retirar":
        login = form.read(WhoForm).login
        service_members.unshare(session, who, projeto_id, login)
        if login == _own_login(session, visit):
            return visit.go(PATH, "Você saiu do projeto.")
        return visit.go(at, "O acesso foi retirado.")
    if form.action == "mudar":
        change = form.read(ProjetoPatch)
        with _somebody("dono"):
            service_projects.change_projeto(session, who, projeto_id, change, now)
        return visit.go(at, "O projeto mudou de dono." if change.dono else "Salvo.")
    if form.action == "excluir":
        service_projects.delete_projeto(session, who, projeto_id, now)
        return visit.go(PATH, "O projeto foi excluído, e o que guardava será removido.")
    raise BadRequest
