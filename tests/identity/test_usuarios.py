"""Users: made, changed and deactivated by admins; passwords; the last admin."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from chalicelib.core.auth import Principal, Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.errors import Problem
from chalicelib.core.settings import HOUSE
from chalicelib.identity import service
from chalicelib.identity.schemas import UsuarioIn, UsuarioPatch
from infra.create_admin import create_admin, ensure_admin
from tests.client import Client, assert_problem
from tests.conftest import PASSWORD, MakeUser
from tests.identity.conftest import SignIn

NEW = {"login": "recepcao", "nome": "Recepção", "senha": PASSWORD, "papel": "operador"}
OTHER_PASSWORD = "outra-senha-de-teste"


def test_admin_makes_a_user_who_can_sign_in(admin: Client, sign_in: SignIn) -> None:
    answer = admin.post("/auth/usuarios", {**NEW, "login": " Recepcao "})
    assert answer.status == 201
    assert (answer.json["login"], answer.json["ativo"]) == ("recepcao", True)
    assert PASSWORD.encode() not in answer.body
    assert sign_in("recepcao").status == 200
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        stored = session.execute(
            text("SELECT senha_hash FROM usuarios WHERE login = 'recepcao'")
        ).scalar_one()
        trail = "SELECT ator FROM auditoria WHERE acao = 'usuario.criado' AND objeto = :objeto"
        objeto = {"objeto": f"usuario:{answer.json['id']}"}
        assert session.execute(text(trail), objeto).scalars().all() == [admin.subject]
    assert stored.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("login", "ab"),
        ("login", "a b c"),
        ("login", "a" * 101),
        ("login", "recepção"),
        ("senha", "curta"),
        ("senha", "a" * 201),
        ("nome", " "),
        ("papel", "dono"),
        ("tenant", "padaria"),
    ],
)
def test_user_that_does_not_validate_is_refused(admin: Client, field: str, value: str) -> None:
    document = assert_problem(
        admin.post("/auth/usuarios", {**NEW, field: value}), 422, "ValidationFailed"
    )
    assert [error["campo"] for error in document["errors"]] == [field]


def test_login_is_taken_once_whatever_its_case(admin: Client) -> None:
    assert admin.post("/auth/usuarios", NEW).status == 201
    again = admin.post("/auth/usuarios", {**NEW, "login": "RECEPCAO"})
    assert_problem(again, 409, "LoginTaken")


def test_two_who_take_one_login_at_once_make_one_user(
    environment: dict[str, str], password_hash: str
) -> None:
    def make(_: int) -> str:
        try:
            with unit_of_work(tenant=HOUSE) as session:
                new = UsuarioIn.model_validate(NEW, strict=False)
                service.create_usuario(session, HOUSE, "teste", new, password_hash)
        except Problem as problem:
            return type(problem).__name__
        return "made"

    with ThreadPoolExecutor(4) as makers:
        assert sorted(makers.map(make, range(4))) == ["LoginTaken"] * 3 + ["made"]


def test_list_is_filtered_and_of_ones_own_tenant(admin: Client, client_of: MakeUser) -> None:
    desk = client_of(Role.OPERADOR)
    client_of(Role.OPERADOR, tenant="padaria")
    admin.patch(f"/auth/usuarios/{desk.usuario_id}", {"ativo": False})
    everybody = admin.get("/auth/usuarios").json
    assert [u["id"] for u in everybody["items"]] == [desk.usuario_id, admin.usuario_id]
    assert admin.get("/auth/usuarios", papel="operador", ativo="false").json["total"] == 1
    assert admin.get("/auth/usuarios", papel="operador", ativo="true").json["total"] == 0


def test_user_of_another_tenant_is_not_there(admin: Client, client_of: MakeUser) -> None:
    foreign = client_of(Role.OPERADOR, tenant="padaria").usuario_id
    for usuario_id in (foreign, 10**9):
        patch = admin.patch(f"/auth/usuarios/{usuario_id}", {"papel": "leitor"})
        assert_problem(patch, 404, "UsuarioNotFound")
        reset = admin.put(f"/auth/usuarios/{usuario_id}/senha", {"senha_nova": OTHER_PASSWORD})
        assert_problem(reset, 404, "UsuarioNotFound")


def test_change_leaves_what_is_not_named(admin: Client, client_of: MakeUser) -> None:
    desk = client_of(Role.OPERADOR)
    changed = admin.patch(f"/auth/usuarios/{desk.usuario_id}", {"nome": "Bia"}).json
    assert (changed["nome"], changed["papel"], changed["ativo"]) == ("Bia", "operador", True)
    unknown = admin.patch(f"/auth/usuarios/{desk.usuario_id}", {"login": "outro"})
    assert_problem(unknown, 422, "ValidationFailed")


# The last admin.


@pytest.mark.parametrize("change", [{"papel": "leitor"}, {"ativo": False}])
def test_last_admin_stays(admin: Client, client_of: MakeUser, change: dict[str, object]) -> None:
    client_of(Role.ADMIN, tenant="padaria")  # Administers nothing here.
    address = f"/auth/usuarios/{admin.usuario_id}"
    assert_problem(admin.patch(address, change), 409, "LastAdmin")
    assert admin.get("/auth/eu").json["papel"] == "admin"
    client_of(Role.ADMIN)
    assert admin.patch(address, change).status == 200


def test_two_admins_who_demote_each_other_leave_one(
    environment: dict[str, str], client_of: MakeUser
) -> None:
    ids = [client_of(Role.ADMIN).usuario_id for _ in range(2)]

    def demote(by: int, whom: int) -> str:
        principal = Principal(f"usuario:{by}", by, Role.ADMIN, HOUSE)
        try:
            with unit_of_work(tenant=HOUSE) as session:
                change = UsuarioPatch(papel=Role.LEITOR)
                service.update_usuario(session, principal, whom, change, utc_now())
        except Problem as problem:
            return type(problem).__name__
        return "done"

    with ThreadPoolExecutor(2) as admins:
        found = list(admins.map(demote, ids, reversed(ids)))
    assert sorted(found) == ["LastAdmin", "done"]


# Passwords.


def test_own_password_is_changed_and_every_sign_in_ends(
    anonymous: Client, desk: Client, sign_in: SignIn
) -> None:
    token = sign_in(desk.login).json["refresh_token"]
    change = {"senha_atual": PASSWORD, "senha_nova": OTHER_PASSWORD}
    assert desk.put("/auth/senha", change).status == 204
    renewal = anonymous.post("/auth/refresh", {"refresh_token": token})
    assert_problem(renewal, 401, "RefreshTokenInvalid")
    assert sign_in(desk.login).status == 401
    assert sign_in(desk.login, OTHER_PASSWORD).status == 200


def test_own_password_needs_the_current_one(desk: Client, sign_in: SignIn) -> None:
    change = {"senha_atual": "wrong-password", "senha_nova": OTHER_PASSWORD}
    assert_problem(desk.put("/auth/senha", change), 422, "PasswordWrong")
    too_short = {"senha_atual": PASSWORD, "senha_nova": "curta"}
    assert_problem(desk.put("/auth/senha", too_short), 422, "ValidationFailed")
    assert sign_in(desk.login).status == 200


def test_guessing_ones_own_password_is_limited_as_signing_in_is(desk: Client) -> None:
    change = {"senha_atual": "wrong-password", "senha_nova": OTHER_PASSWORD}
    assert '"put_senha";q=30;w=60' in desk.put("/auth/senha", change).headers["RateLimit-Policy"]


def test_admin_resets_a_password_and_the_users_sign_ins_end(
    anonymous: Client, admin: Client, desk: Client, sign_in: SignIn
) -> None:
    token = sign_in(desk.login).json["refresh_token"]
    address = f"/auth/usuarios/{desk.usuario_id}/senha"
    assert admin.put(address, {"senha_nova": OTHER_PASSWORD}).status == 204
    assert anonymous.post("/auth/refresh", {"refresh_token": token}).status == 401
    assert sign_in(desk.login).status == 401
    assert sign_in(desk.login, OTHER_PASSWORD).status == 200


# The first admin.


def test_first_admin_is_made_once(environment: dict[str, str], sign_in: SignIn) -> None:
    assert create_admin("admin", PASSWORD)
    assert not create_admin("admin", OTHER_PASSWORD)
    assert sign_in("admin").status == 200


def test_laptops_admin_gets_the_password_its_owner_set(
    environment: dict[str, str], sign_in: SignIn
) -> None:
    for password in (PASSWORD, "1234", "1234"):
        ensure_admin("admin", password, replace=True)
        assert sign_in("admin", password).status == 200
    ensure_admin("admin", OTHER_PASSWORD, replace=False)
    assert sign_in("admin", "1234").status == 200


def test_the_house_cannot_give_away_a_companys_role(admin: Client) -> None:
    new = {"login": "loja", "nome": "Loja", "senha": PASSWORD, "papel": "empresa"}
    assert_problem(admin.post("/auth/usuarios", new), 422, "CompanyRole")
    change = {"papel": "empresa"}
    answer = admin.patch(f"/auth/usuarios/{admin.usuario_id}", change)
    assert_problem(answer, 422, "CompanyRole")
