"""Forms come from our own pages only."""

import pytest

from tests.console.browsing import Browser


@pytest.fixture
def token(desk: Browser) -> str:
    return desk.get("/").form("/sair").fields["ficha"]


@pytest.mark.parametrize("sent", ["", "0" * 64, "é"])
def test_form_without_its_token_is_refused(desk: Browser, sent: str) -> None:
    page = desk.post("/sair", {"ficha": sent})
    assert page.status == 403
    assert "recarregue a página" in page.text
    assert desk.get("/").status == 200


def test_token_of_another_session_is_refused(desk: Browser, token: str) -> None:
    other = Browser()
    assert other.get("/entrar").form("/entrar").fields["ficha"] != token
    assert other.post("/sair", {"ficha": token}).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_form_from_another_origin_is_refused(
    desk: Browser, token: str, headers: dict[str, str]
) -> None:
    assert desk.post("/sair", {"ficha": token}, **headers).status == 403


def test_form_from_this_origin_is_taken(desk: Browser, token: str) -> None:
    headers = {"origin": "http://127.0.0.1:8000", "sec_fetch_site": "same-origin"}
    assert desk.post("/sair", {"ficha": token}, **headers).status == 303


def test_body_that_is_no_form_is_refused(desk: Browser) -> None:
    assert desk.post("/sair", {}, content_type="application/json").status == 400
