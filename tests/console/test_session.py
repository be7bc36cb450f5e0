"""Signing in by a form, and what becomes of the session."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from chalicelib.console.cookies import SignIn
from chalicelib.core import auth
from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.settings import settings
from chalicelib.core.web import forget_principals
from tests.client import Client
from tests.conftest import PASSWORD, MakeUser
from tests.console.browsing import Browser

SESSION = "previsto-sessao"
PLANS = "/console/academia/planos"


def let_access_token_expire(browser: Browser, login: Client) -> None:
    """As fifteen minutes later, while the refresh token lives on."""
    held = SignIn.unpacked(browser.cookies[SESSION])
    assert held is not None
    old, _ = auth.issue_access_token(login.usuario_id, utc_now() - timedelta(days=1))
    browser.cookies[SESSION] = SignIn(old, held.refresh_token, held.secret, held.name).packed()


def end_sessions() -> None:
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text("UPDATE refresh_tokens SET expira_em = now() - interval '1 day'"))


@pytest.fixture
def person(client_of: MakeUser) -> Client:
    return client_of(Role.OPERADOR)


@pytest.fixture
def browser(person: Client) -> Browser:
    found = Browser()
    found.sign_in(person.login, PASSWORD)
    return found


def test_stranger_is_asked_to_sign_in_and_led_back(person: Client) -> None:
    browser = Browser()
    page = browser.open("/?cursor=x")
    assert (page.status, page.title) == (200, "Entrar · Previsto")
    page = browser.send(page, "/entrar", "/entrar", username=person.login, password=PASSWORD)
    assert (page.status, page.location) == (303, "/?cursor=x")
    assert person.login in browser.get("/").text


def test_wrong_password_is_told_and_the_name_stays_typed(person: Client) -> None:
    page = Browser().sign_in(person.login, "outra-senha")
    assert page.status == 401
    assert "Usuário ou senha não confere" in page.text
    assert page.form("/entrar").fields["username"] == person.login
    assert "outra-senha" not in page.source


def test_too_many_failures_lock_the_form_as_they_lock_the_api(person: Client) -> None:
    browser = Browser()
    for _ in range(5):
        browser.sign_in(person.login, "errada")
    page = browser.sign_in(person.login, PASSWORD)
    assert page.status == 429
    assert "tentativas demais" in page.text


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_signing_in_never_leads_to_another_site(person: Client, elsewhere: str) -> None:
    browser = Browser()
    page = browser.get("/entrar", volta=elsewhere)
    page = browser.send(
        page, "/entrar", "/entrar", username=person.login, password=PASSWORD, volta=elsewhere
    )
    assert page.location == "/"


def test_session_cookie_is_for_the_browser_alone(person: Client) -> None:
    answer = Browser().sign_in(person.login, PASSWORD).answer
    (cookie,) = (c for c in answer.headers["Set-Cookie"] if c.startswith(SESSION))
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))


def test_over_https_the_cookie_is_bound_to_its_host(
    person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.core.settings import settings

    monkeypatch.setenv("PUBLIC_URL", "https://previsto.example")
    settings.cache_clear()
    answer = Browser().sign_in(person.login, PASSWORD).answer
    (cookie,) = (c for c in answer.headers["Set-Cookie"] if "-sessao" in c)
    assert cookie.startswith("__Host-previsto-sessao=")
    assert "Secure" in cookie.split("; ")


def test_session_renews_itself_while_in_use(browser: Browser, person: Client) -> None:
    let_access_token_expire(browser, person)
    before = browser.cookies[SESSION]
    assert browser.get("/").status == 200
    assert browser.cookies[SESSION] != before


def test_forms_of_before_a_renewal_still_count(browser: Browser, person: Client) -> None:
    page = browser.get("/")
    let_access_token_expire(browser, person)
    browser.get("/")
    assert browser.send(page, "/", "/sair").status == 303


def test_form_of_the_session_before_is_shown_again_and_sent_by_this_one(
    browser: Browser, person: Client
) -> None:
    old = browser.get(PLANS)
    browser.cookies.clear()  # Signed out, and in again, in another tab.
    browser.sign_in(person.login, PASSWORD)
    fields = {**old.form("criar").fields, "nome": "Anual", "mensalidade": "99,90"}
    assert browser.post(PLANS, fields, origin="https://evil.example").status == 403
    assert "Anual" not in browser.post(PLANS, fields).text  # Nobody says where it is from.
    page = browser.post(PLANS, fields, origin="http://127.0.0.1:8000")
    assert (page.status, "ainda não foi enviado" in page.text) == (403, True)
    assert "Anual" not in browser.get(PLANS).text
    assert "O plano Anual está em oferta" in browser.submit(page, PLANS, PLANS).text


def test_who_comes_back_after_the_end_is_still_told(browser: Browser, person: Client) -> None:
    (cookie,) = (
        c
        for c in Browser().sign_in(person.login, PASSWORD).answer.headers["Set-Cookie"]
        if c.startswith(SESSION)
    )
    (seconds,) = re.findall(r"Max-Age=(\d+)", cookie)
    assert int(seconds) > settings().refresh_token_days * 86_400


def test_ended_session_says_so_and_leads_back(browser: Browser, person: Client) -> None:
    let_access_token_expire(browser, person)
    end_sessions()
    page = browser.get("/")
    assert page.status == 303
    assert page.location == "/entrar?volta=%2F&fim=1"
    assert "Sua sessão terminou" in browser.get(page.location).text


def test_signing_out_ends_the_session_and_its_tokens(browser: Browser) -> None:
    stolen = dict(browser.cookies)
    page = browser.submit(browser.get("/"), "/", "/sair")
    assert "Você saiu" in page.text
    assert browser.get("/").status == 303
    held = SignIn.unpacked(stolen[SESSION])
    assert held is not None
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        query = text("SELECT count(*) FROM refresh_tokens WHERE revogado_em IS NULL")
        assert session.scalar(query) == 0


def test_deactivated_user_is_out(browser: Browser, person: Client, admin: Client) -> None:
    admin.patch(f"/auth/usuarios/{person.usuario_id}", {"ativo": False})
    forget_principals()
    assert browser.get("/").location.startswith("/entrar")


def test_api_takes_no_cookie_and_pages_take_no_token(browser: Browser, person: Client) -> None:
    cookie = {"cookie": f"{SESSION}={browser.cookies[SESSION]}"}
    assert Client().request("GET", "/jobs", headers=cookie).status == 401
    assert person.get("/").status == 303


@pytest.mark.parametrize("value", ["", "x", "a~b~c~d", "~~~", "a~b~c~bm8"])
def test_cookie_that_is_none_of_ours_is_no_session(person: Client, value: str) -> None:
    browser = Browser()
    browser.cookies[SESSION] = value
    assert browser.get("/").location.startswith("/entrar")
