"""Pages of users: who they are, what they may do, in and out."""

from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.layout import ROLES, Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import FormQuery
from chalicelib.console.visits import Visit
from chalicelib.core.auth import Role
from chalicelib.core.calls import Reply
from chalicelib.core.db import unit_of_work
from chalicelib.core.errors import BadRequest
from chalicelib.core.pages import CursorInvalid
from chalicelib.core.settings import HOUSE
from chalicelib.core.types import Id
from chalicelib.core.web import Routes
from chalicelib.identity import service
from chalicelib.identity.errors import CompanyRole, LastAdmin, LoginTaken, UsuarioNotFound
from chalicelib.identity.passwords import hash_password
from chalicelib.identity.schemas import (
    NovoUsuario,
    SenhaReset,
    UsuarioIn,
    UsuarioPatch,
    UsuarioQuery,
)

PATH = "/console/operacao/usuarios"
OFFERED = [(role.value, ROLES[role.value]) for role in Role if role is not Role.EMPRESA]

user_pages = Routes(__name__)
admins = partial(page, user_pages, tenant=HOUSE, allow=Role.ADMIN)


class UsersQuery(UsuarioQuery, FormQuery):
    """The list's filters as a form sends them: what is not chosen comes empty."""


def show_users(session: Session, visit: Visit, query: UsersQuery, form: Form) -> Shown:
    """The users, newest first, and the form for a new one."""
    found, cursor, total = service.list_usuarios(session, query)
    return Shown(
        "console/operation/users.html",
        found=found,
        cursor=cursor,
        total=total,
        query=query,
        offered=OFFERED,
        form=form,
        me=visit.who.usuario_id,
    )


@user_pages.route(PATH, methods=["GET"])
@admins(query=UsersQuery, raises=(CursorInvalid,), autocommit=True)
def get_users(session: Session, visit: Visit, query: UsersQuery, form: Form) -> Shown:
    """The users, newest first, and the form for a new one."""
    return show_users(session, visit, query, form)


def _read_new(visit: Visit, form: Form) -> tuple[NovoUsuario, str]:
    """A new user with the hash of their password, made before the transaction."""
    body = form.read(UsuarioIn)
    service.refuse_company_role(visit.who, body.papel)
    return body, hash_password(body.senha)


@user_pages.route(PATH, methods=["POST"])
@admins(query=UsersQuery, again=show_users, before=_read_new, raises=(LoginTaken, CompanyRole))
def post_users(session: Session, visit: Visit, prepared: tuple[NovoUsuario, str]) -> Reply:
    """Add a user."""
    new, hashed = prepared
    who = visit.who
    usuario = service.create_usuario(session, who.tenant, who.subject, new, hashed)
    return visit.go(f"{PATH}/{usuario.id}", f"{usuario.nome} pode entrar como {usuario.login}.")


def show_user(session: Session, visit: Visit, usuario_id: int, form: Form) -> Shown:
    """One user, and what can be changed of them."""
    usuario = service.get_usuario(session, usuario_id)
    return Shown(
        "console/operation/user.html",
        usuario=usuario,
        offered=OFFERED,
        form=form,
        known=form if form.action == "salvar" else form.of(usuario),
        is_me=visit.who.usuario_id == usuario.id,
    )


@user_pages.route(f"{PATH}/{{usuario_id}}", methods=["GET"])
@admins(raises=(UsuarioNotFound,), autocommit=True)
def get_user(session: Session, visit: Visit, usuario_id: Id, form: Form) -> Shown:
    """One user, and what can be changed of them."""
    return show_user(session, visit, usuario_id, form)


@user_pages.route(f"{PATH}/{{usuario_id}}", methods=["POST"])
@admins(
    again=show_user,
    raises=(UsuarioNotFound, LastAdmin, CompanyRole),
    own_transactions=True,
)
def post_user(visit: Visit, usuario_id: Id, form: Form, now: datetime) -> Reply:
    """Change name and role, let in or keep out, set a new password."""
    if form.action == "senha":
        new = form.read(SenhaReset)
        service.reset_password(visit.who, usuario_id, new.senha_nova, now)
        return visit.go(f"{PATH}/{usuario_id}", "A senha foi trocada. Quem estava dentro saiu.")
    change, said = _change(form)
    with unit_of_work(tenant=visit.who.tenant) as session:
        service.update_usuario(session, visit.who, usuario_id, change, now)
    return visit.go(f"{PATH}/{usuario_id}", said)


def _change(form: Form) -> tuple[UsuarioPatch, str]:
    if form.action == "salvar":
        return form.read(UsuarioPatch), "Salvo. O papel vale em até dez segundos."
    if form.action == "desativar":
        return UsuarioPatch(ativo=False), "O acesso foi desativado."
    if form.action == "reativar":
        return UsuarioPatch(ativo=True), "O acesso foi reativado."
    raise BadRequest
