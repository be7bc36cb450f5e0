"""Signing in, renewing and signing out."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.errors import Problem
from chalicelib.core.settings import HOUSE, settings
from chalicelib.identity import sessions
from chalicelib.identity.errors import CredentialsWrong, RefreshTokenInvalid
from chalicelib.identity.tables import Usuario
from tests.client import Answer, Client, assert_problem
from tests.conftest import PASSWORD, MakeUser
from tests.identity.conftest import SignIn

FORM = "application/x-www-form-urlencoded"
ADDRESS = "192.0.2.7"


def renew(client: Client, refresh_token: str) -> Answer:
    """POST /auth/refresh."""
    return client.post("/auth/refresh", {"refresh_token": refresh_token})


def outcome(act: Callable[[], object]) -> str:
    """`ok`, or the name of the refusal."""
    try:
        act()
    except Problem as problem:
        return type(problem).__name__
    return "ok"


# Signing in.


def test_form_and_json_sign_in_alike(anonymous: Client, desk: Client) -> None:
    form = f"grant_type=password&username={desk.login}&password={PASSWORD}&scope=all&client_id=x"
    answers = [
        anonymous.post("/auth/token", form.encode(), content_type=FORM),
        anonymous.post("/auth/token", {"username": desk.login, "password": PASSWORD}),
        anonymous.post(
            "/auth/token", {"username": f" {desk.login.upper()} ", "password": PASSWORD}
        ),
    ]
    for answer in answers:
        assert answer.status == 200
        assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 900)
        assert answer.headers["Cache-Control"] == "no-store"
        me = Client(answer.json["access_token"]).get("/auth/eu").json
        assert (me["id"], me["login"], me["papel"]) == (desk.usuario_id, desk.login, "operador")
        assert "senha_hash" not in me


def test_other_grants_are_refused(anonymous: Client, desk: Client) -> None:
    body = {"grant_type": "client_credentials", "username": desk.login, "password": PASSWORD}
    assert_problem(anonymous.post("/auth/token", body), 422, "ValidationFailed")


def test_unknown_wrong_and_deactivated_are_told_alike(
    admin: Client, desk: Client, client_of: MakeUser, sign_in: SignIn
) -> None:
    gone = client_of(Role.OPERADOR)
    admin.patch(f"/auth/usuarios/{gone.usuario_id}", {"ativo": False})
    answers = [sign_in("nobody"), sign_in(desk.login, "wrong-password"), sign_in(gone.login)]
    documents = [assert_problem(answer, 401, "CredentialsWrong") for answer in answers]
    assert len({document["detail"] for document in documents}) == 1


def test_sign_in_is_on_the_trail(desk: Client, sign_in: SignIn) -> None:
    sign_in(desk.login)
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        trail = "SELECT objeto FROM auditoria WHERE acao = 'sessao.iniciada'"
        assert session.execute(text(trail)).scalars().all() == [desk.subject]


Entry = tuple[str, str, str, dict[str, str]]


def _refusals(tenant: str = HOUSE) -> list[Entry]:
    """Entries of whoever was not known, oldest first."""
    with unit_of_work(tenant=tenant, autocommit=True) as session:
        fields = "ator, acao, objeto, detalhes"
        trail = f"SELECT {fields} FROM auditoria WHERE ator = 'anonimo' ORDER BY id"
        return [tuple(row) for row in session.execute(text(trail))]


def test_refused_sign_in_is_on_the_trail_of_the_users_tenant(client_of: MakeUser) -> None:
    stranger = client_of(Role.ADMIN, "outra")
    with pytest.raises(CredentialsWrong):
        sessions.sign_in(stranger.login, "wrong-password", ADDRESS, utc_now())
    assert _refusals() == []
    (entry,) = _refusals("outra")
    assert entry[:3] == ("anonimo", "sessao.recusada", stranger.subject)


def test_refused_sign_in_of_nobody_names_neither_login_nor_address(
    environment: dict[str, str],
) -> None:
    for login in ("minha-senha-secreta", "minha-senha-secreta", "another"):
        with pytest.raises(CredentialsWrong):
            sessions.sign_in(login, "wrong-password", ADDRESS, utc_now())
    first, second, other = _refusals()
    assert first[2].startswith("conta:")
    assert first == second
    assert (first[2] != other[2], first[3] == other[3]) == (True, True)
    assert "senha" not in str(first)
    assert ADDRESS not in str(first)


def test_lock_is_on_the_trail_once(desk: Client, sign_in: SignIn) -> None:
    for _ in range(9):
        sign_in(desk.login, "wrong-password")
    assert [acao for _, acao, _, _ in _refusals()] == ["sessao.recusada"] * 5 + ["sessao.bloqueada"]
    assert {objeto for _, _, objeto, _ in _refusals()} == {desk.subject}


def test_sign_out_is_on_the_trail_once(desk: Client, anonymous: Client, sign_in: SignIn) -> None:
    token = {"refresh_token": sign_in(desk.login).json["refresh_token"]}
    for body in (token, token, {"refresh_token": "unknown"}):
        assert anonymous.post("/auth/logout", body).status == 204
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        trail = "SELECT objeto FROM auditoria WHERE acao = 'sessao.encerrada'"
        assert session.execute(text(trail)).scalars().all() == [desk.subject]


# Too many failures.


def test_account_waits_after_five_failures_even_with_the_right_password(
    desk: Client, sign_in: SignIn
) -> None:
    for _ in range(5):
        assert_problem(sign_in(desk.login, "wrong-password"), 401, "CredentialsWrong")
    for password in ("wrong-password", PASSWORD):
        locked = sign_in(desk.login, password)
        assert_problem(locked, 429, "LoginLocked")
        assert 0 < int(locked.headers["Retry-After"]) <= 15 * 60


def test_unknown_account_waits_just_the_same(environment: dict[str, str], sign_in: SignIn) -> None:
    for _ in range(5):
        assert sign_in("nobody").status == 401
    assert_problem(sign_in("nobody"), 429, "LoginLocked")


def _fails(login: str, address: str, now: datetime) -> str:
    return outcome(lambda: sessions.sign_in(login, "wrong-password", address, now))


def test_lock_ends_after_a_quarter_of_an_hour(desk: Client) -> None:
    now = utc_now()
    assert [_fails(desk.login, ADDRESS, now) for _ in range(6)][-1] == "LoginLocked"
    almost = now + timedelta(minutes=15) - timedelta(seconds=1)
    assert _fails(desk.login, ADDRESS, almost) == "LoginLocked"
    later = now + timedelta(minutes=15)
    assert sessions.sign_in(desk.login, PASSWORD, ADDRESS, later).access_token


def test_lock_at_one_address_leaves_the_others_in(desk: Client) -> None:
    now = utc_now()
    for _ in range(6):
        _fails(desk.login, "198.51.100.1", now)
    assert sessions.sign_in(desk.login, PASSWORD, ADDRESS, now).access_token


@pytest.fixture
def one_failure(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One failure locks an account at an address, five an address, ten an account."""
    monkeypatch.setenv("LOGIN_MAX_FAILURES", "1")
    settings.cache_clear()


@pytest.mark.usefixtures("one_failure")
def test_address_that_tries_many_accounts_waits() -> None:
    now = utc_now()
    found = [_fails(f"user-{n}", ADDRESS, now) for n in range(6)]
    assert found == ["CredentialsWrong"] * 5 + ["LoginLocked"]


@pytest.mark.usefixtures("one_failure")
def test_account_tried_from_many_addresses_waits(desk: Client) -> None:
    now = utc_now()
    found = [_fails(desk.login, f"198.51.100.{n}", now) for n in range(11)]
    assert found == ["CredentialsWrong"] * 10 + ["LoginLocked"]


def test_success_forgets_the_accounts_failures(desk: Client) -> None:
    now = utc_now()
    for failures in (4, 4):
        for _ in range(failures):
            assert _fails(desk.login, ADDRESS, now) == "CredentialsWrong"
        sessions.sign_in(desk.login, PASSWORD, ADDRESS, now)


@pytest.mark.usefixtures("one_failure")
def test_success_of_one_account_does_not_clear_its_address(desk: Client) -> None:
    now = utc_now()
    for n in range(4):
        _fails(f"user-{n}", ADDRESS, now)
    sessions.sign_in(desk.login, PASSWORD, ADDRESS, now)
    assert _fails("user-4", ADDRESS, now) == "CredentialsWrong"
    assert _fails("user-5", ADDRESS, now) == "LoginLocked"


def test_guesses_sent_at_once_do_not_pass_together(desk: Client) -> None:
    now = utc_now()
    with ThreadPoolExecutor(4) as guessers:
        found = list(guessers.map(lambda _: _fails(desk.login, ADDRESS, now), range(9)))
    assert sorted(found) == ["CredentialsWrong"] * 5 + ["LoginLocked"] * 4


def test_login_cannot_be_written_so_that_it_locks_another(desk: Client) -> None:
    now = utc_now()
    for _ in range(6):
        _fails(f"{desk.login} endereco:{ADDRESS}", "198.51.100.1", now)
    assert sessions.sign_in(desk.login, PASSWORD, ADDRESS, now).access_token


# Renewing.


def test_renewing_gives_a_new_pair_that_works(
    anonymous: Client, desk: Client, sign_in: SignIn
) -> None:
    first = sign_in(desk.login).json
    second = renew(anonymous, first["refresh_token"]).json
    assert second["refresh_token"] != first["refresh_token"]
    assert Client(second["access_token"]).get("/auth/eu").status == 200
    form = f"grant_type=refresh_token&refresh_token={second['refresh_token']}".encode()
    assert anonymous.post("/auth/refresh", form, content_type=FORM).status == 200


def test_refresh_tokens_are_kept_as_digests_only(desk: Client, sign_in: SignIn) -> None:
    token = sign_in(desk.login).json["refresh_token"]
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        stored = session.execute(text("SELECT t::text FROM refresh_tokens t")).scalar_one()
    assert token not in stored
    assert token.encode().hex() not in stored


def test_unknown_refresh_token_is_refused(anonymous: Client) -> None:
    assert_problem(renew(anonymous, "x"), 401, "RefreshTokenInvalid")


def _started(desk: Client, now: datetime) -> str:
    return sessions.sign_in(desk.login, PASSWORD, ADDRESS, now).refresh_token


def test_reuse_after_ten_seconds_ends_the_whole_family(desk: Client) -> None:
    now = utc_now()
    first = _started(desk, now)
    other_family = _started(desk, now)
    second = sessions.renew(first, now).refresh_token
    third = sessions.renew(second, now).refresh_token
    late = now + timedelta(seconds=11)
    for token in (first, second, third):
        with pytest.raises(RefreshTokenInvalid):
            sessions.renew(token, late)
    assert sessions.renew(other_family, late)
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        trail = "SELECT count(*) FROM auditoria WHERE acao = 'sessao.reuso_detectado'"
        assert session.execute(text(trail)).scalar() == 1


def test_reuse_within_ten_seconds_is_forgiven(desk: Client) -> None:
    now = utc_now()
    first = _started(desk, now)
    children = [
        sessions.renew(first, now + timedelta(seconds=wait)).refresh_token for wait in (0, 5, 10)
    ]
    assert len({first, *children}) == 4
    for child in children:
        assert sessions.renew(child, now + timedelta(seconds=60))


def test_forgiveness_counts_from_the_first_use(desk: Client) -> None:
    now = utc_now()
    first = _started(desk, now)
    for wait in (0, 9):
        sessions.renew(first, now + timedelta(seconds=wait))
    with pytest.raises(RefreshTokenInvalid):
        sessions.renew(first, now + timedelta(seconds=18))


def test_refresh_token_expires_after_thirty_days(desk: Client) -> None:
    now = utc_now()
    token = _started(desk, now)
    with pytest.raises(RefreshTokenInvalid):
        sessions.renew(token, now + timedelta(days=30))
    assert sessions.renew(token, now + timedelta(days=30, seconds=-1))


def test_two_tabs_that_renew_at_once_both_go_on(desk: Client) -> None:
    token = _started(desk, utc_now())
    with ThreadPoolExecutor(4) as tabs:
        pairs = list(tabs.map(lambda _: sessions.renew(token, utc_now()), range(4)))
    assert len({pair.refresh_token for pair in pairs}) == 4


# Signing out.


def test_signing_out_ends_the_family_and_nothing_else(
    anonymous: Client, desk: Client, sign_in: SignIn
) -> None:
    first, elsewhere = sign_in(desk.login).json, sign_in(desk.login).json
    second = renew(anonymous, first["refresh_token"]).json
    answer = anonymous.post("/auth/logout", {"refresh_token": first["refresh_token"]})
    assert (answer.status, answer.body) == (204, b"")
    for pair in (first, second):
        assert_problem(renew(anonymous, pair["refresh_token"]), 401, "RefreshTokenInvalid")
    assert renew(anonymous, elsewhere["refresh_token"]).status == 200


def test_signing_out_with_an_unknown_token_tells_nothing(anonymous: Client) -> None:
    assert anonymous.post("/auth/logout", {"refresh_token": "x"}).status == 204


def test_deactivated_user_cannot_renew(
    anonymous: Client, admin: Client, desk: Client, sign_in: SignIn
) -> None:
    token = sign_in(desk.login).json["refresh_token"]
    admin.patch(f"/auth/usuarios/{desk.usuario_id}", {"ativo": False})
    assert_problem(renew(anonymous, token), 401, "RefreshTokenInvalid")
    admin.patch(f"/auth/usuarios/{desk.usuario_id}", {"ativo": True})
    assert_problem(renew(anonymous, token), 401, "RefreshTokenInvalid")
    assert sign_in(desk.login).status == 200


def test_no_renewal_slips_past_a_sign_out_at_the_same_moment(desk: Client) -> None:
    for _ in range(15):
        with unit_of_work(role=DatabaseRole.SYSTEM) as session:
            usuario = session.get_one(Usuario, desk.usuario_id)
            token = sessions._issue(session, usuario, uuid4(), utc_now()).refresh_token
        with ThreadPoolExecutor(2) as two:
            two.submit(outcome, partial(sessions.renew, token, utc_now()))
            two.submit(sessions.sign_out, token, utc_now())
        with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
            alive = "SELECT count(*) FROM refresh_tokens WHERE revogado_em IS NULL"
            assert session.execute(text(alive)).scalar() == 0


def test_a_failure_and_a_success_at_once_do_not_lock_each_other_out(
    desk: Client, used_database: tuple[str, Engine]
) -> None:
    keys = sorted(sessions._limits(desk.login, ADDRESS), reverse=True)
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        # A small table is read as its rows lie, which is in any order.
        for key in keys:
            session.execute(
                text("INSERT INTO tentativas_login (chave, falhas, desde) VALUES (:key, 1, now())"),
                {"key": key},
            )
    now = utc_now()

    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")

    def wait_for(count: int) -> None:
        with used_database[1].connect() as connection:
            while connection.execute(waiting).scalar() != count:
                time.sleep(0.01)

    def succeed() -> None:
        with unit_of_work(role=DatabaseRole.SYSTEM) as session:
            sessions._forget_failures(session, desk.login, ADDRESS)

    with ThreadPoolExecutor(2) as pool:
        with unit_of_work(role=DatabaseRole.SYSTEM) as holder:
            lock = "SELECT 1 FROM tentativas_login WHERE chave = :key FOR UPDATE"
            holder.execute(text(lock), {"key": keys[1]})
            success = pool.submit(outcome, succeed)
            wait_for(1)
            attempt = partial(sessions._count_attempt, desk.login, ADDRESS, now)
            failure = pool.submit(outcome, attempt)
            wait_for(2)
        assert (success.result(), failure.result()) == ("ok", "ok")
