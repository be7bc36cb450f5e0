"""Routes of projects and of who they are shared with."""

from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.web import EVERYONE, Routes, endpoint
from chalicelib.identity.errors import NotAUser
from chalicelib.identity.schemas import Login
from chalicelib.prices import service_members, service_projects
from chalicelib.prices.errors import (
    DonoNaoMembro,
    MembroNotFound,
    MembrosDemais,
    PapelInsuficiente,
    PessoaNotFound,
    ProjetoNotFound,
)
from chalicelib.prices.schemas_projects import (
    MembroIn,
    MembroOut,
    ProjetoIn,
    ProjetoOut,
    ProjetoPatch,
)

projects = Routes(__name__)

# Whoever signs in may have projects; within one, its own roles decide.
anybody = partial(endpoint, projects, allow=EVERYONE)
PROJECT = "/precos/projetos/{projeto_id}"
MEMBER = PROJECT + "/membros/{login}"


@projects.route("/precos/projetos", methods=["POST"])
@anybody(body=ProjetoIn, status=201, response=ProjetoOut, raises=(NotAUser,))
def post_projeto(
    session: Session, principal: Principal, body: ProjetoIn, now: datetime, call: Call
) -> Reply:
    """Make a project of your own, then share it with whom you like."""
    projeto = service_projects.create_projeto(session, principal, body, now)
    seen = service_projects.see_projeto(session, principal, projeto.id)
    location = call.link(f"/precos/projetos/{projeto.id}")
    return Reply(ProjetoOut.model_validate(seen), headers={"Location": location})


@projects.route("/precos/projetos", methods=["GET"])
@anybody(query=PageQuery, response=Page[ProjetoOut], raises=(NotAUser,), autocommit=True)
def get_projetos(session: Session, principal: Principal, query: PageQuery, call: Call) -> Reply:
    """List your projects and those shared with you, newest first, each with your role in it."""
    found, cursor, total = service_projects.list_projetos(session, principal, query)
    return page_reply(Page[ProjetoOut], found, cursor, total, call)


@projects.route(PROJECT, methods=["GET"])
@anybody(raises=(ProjetoNotFound, NotAUser), autocommit=True)
def get_projeto(session: Session, principal: Principal, projeto_id: UUID) -> ProjetoOut:
    """One project."""
    return ProjetoOut.model_validate(service_projects.see_projeto(session, principal, projeto_id))


@projects.route(PROJECT, methods=["PATCH"])
@anybody(body=ProjetoPatch, raises=(ProjetoNotFound, PapelInsuficiente, PessoaNotFound, NotAUser))
def patch_projeto(
    session: Session, principal: Principal, projeto_id: UUID, body: ProjetoPatch, now: datetime
) -> ProjetoOut:
    """Change a project's name or description, or, as its owner, pass it on by login."""
    seen = service_projects.change_projeto(session, principal, projeto_id, body, now)
    return ProjetoOut.model_validate(seen)


@projects.route(PROJECT, methods=["DELETE"])
@anybody(status=204, response=None, raises=(ProjetoNotFound, PapelInsuficiente, NotAUser))
def delete_projeto(session: Session, principal: Principal, projeto_id: UUID, now: datetime) -> None:
    """Delete a project of your own: nobody sees it any more, and its stored files are removed."""
    service_projects.delete_projeto(session, principal, projeto_id, now)


@projects.route(PROJECT + "/membros", methods=["GET"])
@anybody(
    query=PageQuery, response=Page[MembroOut], raises=(ProjetoNotFound, NotAUser), autocommit=True
)
def get_membros(
    session: Session, principal: Principal, projeto_id: UUID, query: PageQuery, call: Call
) -> Reply:
    """List who a project is shared with; its owner is named by the project itself."""
    found, cursor, total = service_members.list_members(session, principal, projeto_id, query)
    return page_reply(Page[MembroOut], found, cursor, total, call)


@projects.route(MEMBER, methods=["PUT"])
@anybody(
    body=MembroIn,
    raises=(
        ProjetoNotFound,
        PapelInsuficiente,
        PessoaNotFound,
        DonoNaoMembro,
        MembrosDemais,
        NotAUser,
    ),
)
def put_membro(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    login: Login,
    body: MembroIn,
    now: datetime,
) -> MembroOut:
    """Share a project with somebody, by login, or change as what it is shared with them."""
    return service_members.share(session, principal, projeto_id, login, body.papel, now)


@projects.route(MEMBER, methods=["DELETE"])
@anybody(
    status=204, response=None, raises=(ProjetoNotFound, PapelInsuficiente, MembroNotFound, NotAUser)
)
def delete_membro(session: Session, principal: Principal, projeto_id: UUID, login: Login) -> None:
    """Share a project with somebody no longer; by your own login you leave it."""
    service_members.unshare(session, principal, projeto_id, login)
