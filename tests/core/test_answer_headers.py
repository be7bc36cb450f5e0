"""What answers tell browsers: who may read them, and what not to make of them."""

from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chalice.deploy.swagger import CFNSwaggerGenerator
from chalice.deploy.validate import validate_routes

from app import app as the_app
from chalicelib.core.docs import page_policy
from chalicelib.core.settings import settings
from tests.client import Answer, Client
from tests.core.sample import app
from tests.infra.serving import serving_api

ORIGIN = "https://painel.example.com"


@pytest.fixture
def page(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a browser adds for a page whose origin is allowed."""
    monkeypatch.setenv("CORS_ORIGINS", f"https://other.example.com, {ORIGIN}")
    settings.cache_clear()
    return {"origin": ORIGIN}


def _ask(client: Client, method: str, path: str, headers: dict[str, str] | None = None) -> Answer:
    return client.request(method, path, headers=headers)


@pytest.mark.parametrize(
    ("path", "status"), [("/notes", 200), ("/notes/x/parts/y", 422), ("/wrong", 500)]
)
def test_every_answer_is_guarded(operador: Client, path: str, status: int) -> None:
    answer = operador.on(app).get(path)
    assert answer.status == status
    headers = answer.headers
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Vary"] == "Origin"
    assert "Strict-Transport-Security" not in headers  # Not over http.


def test_https_is_kept_to_where_it_is_offered(
    anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://api.example.com")
    settings.cache_clear()
    headers = anonymous.get("/health/live").headers
    assert headers["Strict-Transport-Security"] == "max-age=31536000"


def test_answers_to_who_is_signed_in_are_not_stored(operador: Client, anonymous: Client) -> None:
    assert operador.get("/jobs").headers["Cache-Control"] == "no-store"
    guess = _ask(anonymous, "GET", "/jobs", {"authorization": "Bearer a.b.c"})
    assert (guess.status, guess.headers["Cache-Control"]) == (401, "no-store")
    assert "Cache-Control" not in anonymous.get("/docs").headers


def test_view_that_says_otherwise_is_left_to_it(operador: Client) -> None:
    assert operador.on(app).get("/kept").headers["Cache-Control"] == "private, max-age=60"
    policy = operador.get("/docs").headers["Content-Security-Policy"]
    assert "script-src 'self' 'sha256-" in policy


def test_scripts_of_the_pages_come_from_where_they_are_said_to_lie() -> None:
    assert "script-src https://cdn.example.com 'sha256-" in page_policy("https://cdn.example.com/x")
    assert "unsafe-eval" not in page_policy("/assets")
    assert "script-src 'self' 'unsafe-inline'" not in page_policy("/assets")


def test_allowed_page_may_read_every_answer(
    operador: Client, anonymous: Client, page: dict[str, str]
) -> None:
    for answer in (
        _ask(operador, "GET", "/jobs", page),
        _ask(anonymous, "GET", "/jobs", page),
        _ask(anonymous, "OPTIONS", "/jobs", page),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"Location", "Link", "RateLimit", "Retry-After", "X-Request-Id"} <= set(exposed)
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("origin", [None, "https://evil.example.com", ORIGIN + ".evil.com", "null"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_another_page_may_not(anonymous: Client, method: str, origin: str | None) -> None:
    answer = _ask(anonymous, method, "/status", {"origin": origin} if origin else {})
    assert answer.status in {200, 204}
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


def test_preflight_says_what_a_path_takes(anonymous: Client, page: dict[str, str]) -> None:
    asked = {**page, "access-control-request-method": "PATCH"}
    answer = _ask(anonymous, "OPTIONS", "/auth/usuarios/7", asked)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Methods"] == "OPTIONS, PATCH"
    allowed = answer.headers["Access-Control-Allow-Headers"]
    assert {"Authorization", "Content-Type", "Idempotency-Key"} <= set(allowed.split(", "))
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert "RateLimit" not in answer.headers
    both = _ask(anonymous, "OPTIONS", "/planos", asked).headers["Allow"]
    assert both == "GET, OPTIONS, POST"


@pytest.mark.parametrize("path", ["/api/v1/books", "/api/v1/books/7", "/api/v1/categories?x=1"])
def test_what_is_everybodys_may_be_read_by_any_page(anonymous: Client, path: str) -> None:
    asked = {"origin": "https://notebook.example.com", "access-control-request-method": "GET"}
    for method in ("GET", "OPTIONS"):
        answer = _ask(anonymous, method, path, asked)
        assert answer.headers["Access-Control-Allow-Origin"] == asked["origin"], answer.status
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/api/v1/scraping/trigger", "/api/v1/auth/login"])
def test_what_takes_a_token_or_a_password_may_not(anonymous: Client, path: str) -> None:
    for method in ("POST", "OPTIONS"):
        answer = _ask(anonymous, method, path, {"origin": "https://notebook.example.com"})
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_api_gateway_passes_preflights_to_the_app() -> None:
    validate_routes(the_app.routes)
    document = CFNSwaggerGenerator().generate_swagger(the_app)
    for path, methods in document["paths"].items():
        integration = methods["options"]["x-amazon-apigateway-integration"]
        assert integration["type"] == "aws_proxy", path


@pytest.mark.slow
def test_gateway_says_nothing_twice(environment: dict[str, str], tmp_path: Path) -> None:
    with serving_api(tmp_path, CORS_ORIGINS=ORIGIN) as url:
        for method, path in (("GET", "/status"), ("OPTIONS", "/jobs"), ("GET", "/nowhere")):
            connection = HTTPConnection(urlsplit(url).netloc, timeout=20)
            connection.request(method, path, headers={"Origin": ORIGIN})
            headers = connection.getresponse().headers
            connection.close()
            assert headers.get_all("Access-Control-Allow-Origin") == [ORIGIN], path
            assert ", ".join(headers.get_all("Vary", [])).count("Origin") == 1, path
            assert headers.get_all("X-Content-Type-Options") == ["nosniff"], path
