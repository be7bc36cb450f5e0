"""Who may open which page, written out; and what those see who may not."""

import re
from collections.abc import Collection

import pytest

from chalicelib.core.auth import Role
from tests.console.browsing import Browser
from tests.console.conftest import Visitor
from tests.roles import ADMIN, CIENTISTA, EMPRESA, EVERYONE, LEITOR, OPERADOR, PUBLIC, READERS
from tests.routes import page_views

DESK = {ADMIN, OPERADOR}
COMPANY = frozenset((EMPRESA,))
"""Nobody of the house: the rows are a company's own."""
BOOK_READERS = {ADMIN, CIENTISTA, LEITOR}

PAGES: dict[str, Collection[Role]] = {
    "GET /": EVERYONE,
    "GET /console/modelos": EVERYONE,
    "GET /entrar": PUBLIC,
    "POST /entrar": PUBLIC,
    "POST /sair": PUBLIC,
    "GET /console/static/{arquivo}": PUBLIC,
    "GET /cadastro": PUBLIC,
    "POST /cadastro": PUBLIC,
    "GET /console/credito/pedidos": COMPANY,
    "GET /console/credito/pedidos/novo": COMPANY,
    "POST /console/credito/pedidos/novo": COMPANY,
    "GET /console/senha": EVERYONE,
    "POST /console/senha": EVERYONE,
    "GET /console/credito/pedidos/lotes": COMPANY,
    "POST /console/credito/pedidos/lotes": COMPANY,
    "GET /console/credito/pedidos/lotes/{lote_id}": COMPANY,
    "POST /console/credito/pedidos/lotes/{lote_id}": COMPANY,
    "GET /console/credito/pedidos/lotes/{lote_id}/resultado": COMPANY,
    "GET /console/credito/equidade": COMPANY,
    "GET /console/credito/empresa": COMPANY,
    "POST /console/credito/empresa": COMPANY,
    "POST /console/credito/empresa/copia": COMPANY,
    "GET /console/modelos/credito/treinar": COMPANY,
    "POST /console/modelos/credito/treinar": COMPANY,
    "GET /console/modelos/credito/comparar": COMPANY,
    "POST /console/modelos/credito/comparar": COMPANY,
    "GET /console/modelos/credito/testar": COMPANY,
    "POST /console/modelos/credito/testar": COMPANY,
    "GET /console/credito/auditoria/exportar": COMPANY,
    "GET /console/operacao/auditoria/exportar": {ADMIN},
    "GET /console/credito/pedidos/{pedido_id}": COMPANY,
    "POST /console/credito/pedidos/{pedido_id}": COMPANY,
    "GET /console/credito/revisoes": COMPANY,
    "POST /console/credito/revisoes": COMPANY,
    "GET /console/credito/credenciais": COMPANY,
    "POST /console/credito/credenciais": COMPANY,
    "GET /console/credito/politica": COMPANY,
    "POST /console/credito/politica": COMPANY,
    "GET /console/modelos/credito": COMPANY,
    "POST /console/modelos/credito": COMPANY,
    "GET /console/modelos/credito/{versao}": COMPANY,
    "GET /console/credito/envios": COMPANY,
    "POST /console/credito/envios": COMPANY,
    "GET /console/credito/envios/{dataset_id}": COMPANY,
    "POST /console/credito/envios/{dataset_id}": COMPANY,
    "GET /console/credito/auditoria": COMPANY,
    "POST /console/credito/auditoria": COMPANY,
    "GET /console/operacao": {ADMIN},
    "GET /console/operacao/sistema": {ADMIN},
    "GET /console/operacao/sistema/banco": {ADMIN},
    "GET /console/operacao/sistema/arquivos": {ADMIN},
    "GET /console/operacao/sistema/cache": {ADMIN},
    "GET /console/operacao/tarefas": {ADMIN},
    "POST /console/operacao/tarefas": {ADMIN},
    "GET /console/operacao/tarefas/{job_id}": {ADMIN},
    "POST /console/operacao/tarefas/{job_id}": {ADMIN},
    "GET /console/operacao/usuarios": {ADMIN},
    "POST /console/operacao/usuarios": {ADMIN},
    "GET /console/operacao/usuarios/{usuario_id}": {ADMIN},
    "POST /console/operacao/usuarios/{usuario_id}": {ADMIN},
    "GET /console/operacao/auditoria": {ADMIN},
    "POST /console/operacao/auditoria": {ADMIN},
    # Whoever signs in may have projects; within one, its own roles decide.
    "GET /console/precos": EVERYONE,
    "POST /console/precos": EVERYONE,
    "GET /console/precos/{projeto_id}": EVERYONE,
    "GET /console/precos/{projeto_id}/dados": EVERYONE,
    "POST /console/precos/{projeto_id}/dados": EVERYONE,
    "GET /console/precos/{projeto_id}/dados/{dataset_id}": EVERYONE,
    "POST /console/precos/{projeto_id}/dados/{dataset_id}": EVERYONE,
    "GET /console/precos/{projeto_id}/dados/{dataset_id}/parquet": EVERYONE,
    "GET /console/precos/{projeto_id}/treinos": EVERYONE,
    "GET /console/precos/{projeto_id}/treinos/novo": EVERYONE,
    "POST /console/precos/{projeto_id}/treinos/novo": EVERYONE,
    "GET /console/precos/{projeto_id}/treinos/{treino_id}": EVERYONE,
    "POST /console/precos/{projeto_id}/treinos/{treino_id}": EVERYONE,
    "GET /console/precos/{projeto_id}/versoes": EVERYONE,
    "POST /console/precos/{projeto_id}/versoes": EVERYONE,
    "GET /console/precos/{projeto_id}/versoes/{versao}": EVERYONE,
    "POST /console/precos/{projeto_id}/versoes/{versao}": EVERYONE,
    "GET /console/precos/{projeto_id}/prever": EVERYONE,
    "POST /console/precos/{projeto_id}/prever": EVERYONE,
    "GET /console/precos/{projeto_id}/arquivos": EVERYONE,
    "POST /console/precos/{projeto_id}/arquivos": EVERYONE,
    "GET /console/precos/{projeto_id}/arquivos/{job_id}": EVERYONE,
    "GET /console/precos/{projeto_id}/historico": EVERYONE,
    "GET /console/precos/{projeto_id}/historico/exportar": EVERYONE,
    "GET /console/precos/{projeto_id}/historico/{previsao_id}": EVERYONE,
    "POST /console/precos/{projeto_id}/historico/{previsao_id}": EVERYONE,
    "GET /console/precos/{projeto_id}/uso": EVERYONE,
    "GET /console/precos/{projeto_id}/saude": EVERYONE,
    "POST /console/precos/{projeto_id}/saude": EVERYONE,
    "GET /console/precos/{projeto_id}/pessoas": EVERYONE,
    "POST /console/precos/{projeto_id}/pessoas": EVERYONE,
    "GET /console/livros": BOOK_READERS,
    "GET /console/livros/numeros": BOOK_READERS,
    "GET /console/livros/{book_id}": BOOK_READERS,
    "GET /console/livros/coletas": {ADMIN},
    "POST /console/livros/coletas": {ADMIN},
    "GET /console/livros/coletas/{run_id}": {ADMIN},
    "POST /console/livros/coletas/{run_id}": {ADMIN},
    "GET /console/livros/quarentena": {ADMIN},
    "GET /console/livros/quarentena/{page_id}": {ADMIN},
    "GET /console/academia": DESK,
    "POST /console/academia": DESK,
    "GET /console/academia/alunos": READERS,
    "GET /console/academia/alunos/novo": DESK,
    "POST /console/academia/alunos/novo": DESK,
    "GET /console/academia/alunos/{aluno_id}": READERS,
    "POST /console/academia/alunos/{aluno_id}": DESK,
    "GET /console/academia/alunos/{aluno_id}/visitas": READERS,
    "POST /console/academia/alunos/{aluno_id}/visitas": DESK,
    "GET /console/academia/alunos/{aluno_id}/dados": DESK,
    "POST /console/academia/alunos/{aluno_id}/dados": {ADMIN},
    "GET /console/academia/alunos/{aluno_id}/dados/copia": DESK,
    "GET /console/academia/saidas-sem-entrada": READERS,
    "POST /console/academia/saidas-sem-entrada": DESK,
    "GET /console/academia/retencao": READERS,
    "POST /console/academia/retencao": DESK,
    "GET /console/academia/jogadas": READERS,
    "POST /console/academia/jogadas": DESK,
    "GET /console/academia/efeito": READERS,
    "GET /console/academia/relatorios": READERS,
    "POST /console/academia/relatorios": DESK,
    "GET /console/academia/planos": READERS,
    "POST /console/academia/planos": DESK,
    "GET /console/academia/importar": DESK,
    "POST /console/academia/importar": DESK,
    "GET /console/academia/sinteticos": {ADMIN, CIENTISTA},
    "POST /console/academia/sinteticos": {ADMIN, CIENTISTA},
    "GET /console/modelos/livros": BOOK_READERS,
    "GET /console/modelos/livros/{versao}": BOOK_READERS,
    "GET /console/modelos/churn": READERS,
    "GET /console/modelos/churn/{versao}": READERS,
}

# Who may open the page, but each of whose actions asks for a role of its own.
BY_ACTION = {
    "POST /console/modelos/churn": READERS,
    "POST /console/modelos/livros": BOOK_READERS,
}
GUARDED = {route: roles for route, roles in {**PAGES, **BY_ACTION}.items() if roles}


def ask(browser: Browser, route: str) -> int:
    """The status of opening a page, or of sending it an empty form with a good token."""
    method, path = route.split()
    path = re.sub(r"{\w+}", "1", path)
    if method == "GET":
        return browser.get(path).status
    token = browser.get("/").form("/sair").fields["ficha"]
    return browser.post(path, {"ficha": token}).status


def test_every_page_is_in_the_table() -> None:
    assert {f"{method} {path}" for path, method, _ in page_views()} == set(PAGES) | set(BY_ACTION)


def test_strangers_are_led_to_the_door(environment: dict[str, str]) -> None:
    stranger = Browser()
    token = stranger.get("/entrar").form("/entrar").fields["ficha"]
    for route in GUARDED:
        method, path = route.split()
        path = re.sub(r"{\w+}", "1", path)
        sent = stranger.get(path) if method == "GET" else stranger.post(path, {"ficha": token})
        assert sent.status in (303, 401), route
        assert sent.status == 401 or sent.location.startswith("/entrar?volta="), route


@pytest.mark.parametrize("role", list(Role))
def test_role_opens_what_the_table_says(browser_of: Visitor, role: Role) -> None:
    browser = browser_of(role)
    for route, roles in GUARDED.items():
        status = ask(browser, route)
        assert status < 500, route
        assert (status == 403) == (role not in roles or roles is COMPANY), route


def test_company_opens_nothing_of_the_house(browser_of: Visitor) -> None:
    browser = browser_of(Role.ADMIN, "empresa-0123456789ab")
    for route, roles in GUARDED.items():
        assert (ask(browser, route) == 403) == (roles not in (EVERYONE, COMPANY)), route


@pytest.mark.parametrize("role", [Role.EMPRESA, Role.ADMIN])
def test_people_of_a_company_open_what_is_theirs(browser_of: Visitor, role: Role) -> None:
    browser = browser_of(role, "empresa-0123456789ab")
    for route in (route for route, roles in GUARDED.items() if roles is COMPANY):
        assert ask(browser, route) not in (303, 401, 403), route


def test_refusal_is_a_page_in_portuguese_with_an_id_to_quote(desk: Browser) -> None:
    page = desk.get("/console/static/nada.css")
    assert page.status == 404
    assert "Não encontrado" in page.title
    assert page.answer.headers["X-Request-Id"] in page.text


def test_every_refusal_of_a_page_has_its_words() -> None:
    for path, _, view in page_views():
        for problem in view.declared.raises:
            assert "motivo" in vars(problem), (path, problem)


def test_everybody_is_shown_only_what_they_may_open(browser_of: Visitor) -> None:
    for role in Role:
        browser = browser_of(role)
        for link in set(browser.get("/").links):
            if link.startswith("/"):
                assert browser.open(link).status == 200, (role, link)
