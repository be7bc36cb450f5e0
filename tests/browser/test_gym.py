"""The gym's main task, by somebody who has never seen it; and what every page looks like."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.core.auth import Role
from tests.browser.conftest import check, file_name, looking, reach, sign_in
from tests.client import Client
from tests.conftest import PASSWORD, MakeUser
from tests.gym.conftest import MakeAluno, SetHoldOut, hold_out, make_aluno, plano_id
from tests.gym.publishing import publish_model
from tests.gym.work import work_off
from tests.gym.worklists import say

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["hold_out", "make_aluno", "plano_id"]

PAGES = (
    "/",
    "/console/academia?busca=ana",
    "/console/academia/alunos",
    "/console/academia/alunos/novo",
    "/console/academia/alunos/1",
    "/console/academia/alunos/1/visitas",
    "/console/academia/alunos/1/dados",
    "/console/academia/saidas-sem-entrada",
    "/console/academia/retencao",
    "/console/academia/jogadas",
    "/console/academia/efeito",
    "/console/academia/relatorios",
    "/console/academia/planos",
    "/console/academia/importar",
    "/console/academia/sinteticos",
    "/console/modelos/churn",
    "/console/modelos/churn/1",
)
MOTIVOS = [
    {
        "fator": "dias_desde_ultimo_checkin",
        "texto": "Última visita há 16 dias; o usual é 2 dias.",
        "valor": 16.0,
        "usual": 2.0,
        "contribuicao": 0.7,
    }
]


@pytest.fixture
def club(make_aluno: MakeAluno, hold_out: SetHoldOut) -> int:
    """A gym with a model, and somebody at risk; gives who."""
    hold_out("0")
    publish_model()
    aluno_id = make_aluno((16, 18, 21, 25, 30))
    say(aluno_id, 0.82, explicacao={"probabilidade_base": 0.12, "motivos": MOTIVOS})
    return aluno_id


@pytest.mark.slow
def test_newcomer_registers_checks_in_finds_who_is_at_risk_and_records_a_contact(
    club: int, client_of: MakeUser, address: str, chromium: "Browser"
) -> None:
    with looking(chromium, address) as page:  # By keyboard alone.
        sign_in(page, client_of(Role.OPERADOR).login)
        reach(page, page.get_by_role("link", name="Recepção"))
        page.keyboard.press("Enter")
        page.locator("#busca:focus").wait_for()
        reach(page, page.get_by_role("link", name="Matricular aluno").first, back=True)
        page.keyboard.press("Enter")
        page.get_by_label("Nome completo").and_(page.locator(":focus")).wait_for()
        page.keyboard.type("Zoraide Prado")
        reach(page, page.get_by_label("E-mail"))
        page.keyboard.type("zoraide@example.com")
        reach(page, page.get_by_label("Plano"))
        page.keyboard.press("ArrowDown")
        reach(page, page.get_by_role("button", name="Matricular"))
        page.keyboard.press("Enter")
        page.get_by_text("A matrícula de Zoraide Prado está feita").wait_for()

        reach(page, page.get_by_role("link", name="Recepção"))
        page.keyboard.press("Enter")
        page.locator("#busca:focus").wait_for()
        page.keyboard.type("zor")
        page.keyboard.press("Enter")
        page.get_by_text("Zoraide Prado entrou às").wait_for()
        assert page.get_by_text("Dentro agora: 1").is_visible()

        reach(page, page.get_by_role("link", name="Retenção"), back=True)
        page.keyboard.press("Enter")
        page.get_by_text("Última visita há 16 dias; o usual é 2 dias").wait_for()
        reach(page, page.get_by_text("Registrar contato"))
        page.keyboard.press("Enter")
        reach(page, page.get_by_role("button", name="Vai voltar"))
        page.keyboard.press("Enter")
        page.get_by_text("Ana Lima: o contato foi registrado").wait_for()


@pytest.mark.slow
def test_what_was_typed_outlives_the_session(
    club: int, client_of: MakeUser, address: str, chromium: "Browser"
) -> None:
    person = client_of(Role.OPERADOR)
    with looking(chromium, address, expected="status of 401") as page:
        sign_in(page, person.login)
        page.goto("/console/academia/retencao")
        page.get_by_role("button", name="Recalcular riscos").click()
        page.locator("#calculo[data-live]").wait_for()
        page.get_by_text("Registrar contato").click()
        page.get_by_label("Anotação").fill("Viaja em março")
        page.context.clear_cookies()
        page.get_by_text("Sua sessão terminou. O que você digitou continua aqui").wait_for()
        assert page.get_by_label("Anotação").input_value() == "Viaja em março"
        with page.expect_response(lambda answer: answer.status == 401):
            page.get_by_role("button", name="Agendou").click()
        page.get_by_label("Usuário").fill(person.login)
        page.get_by_label("Senha").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_text("Viaja em março").wait_for()
        page.get_by_role("button", name="Enviar agora").click()
        page.get_by_text("Ana Lima: o contato foi registrado").wait_for()


@pytest.mark.slow
def test_on_a_phone_without_scripts_everything_is_there(
    club: int, client_of: MakeUser, address: str, chromium: "Browser"
) -> None:
    with looking(chromium, address, 360, java_script_enabled=False) as page:
        sign_in(page, client_of(Role.ADMIN).login)
        page.get_by_text("Menu", exact=True).click()
        page.get_by_role("link", name="Recepção").click()
        page.get_by_role("searchbox").fill("ana")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Registrar entrada de Ana Lima").click()
        page.get_by_text("Ana Lima entrou às").wait_for()
        page.goto("/console/modelos/churn/1")
        assert page.get_by_role("heading", name="Versão 1").is_visible()
        page.goto(f"/console/academia/alunos/{club}")
        assert page.get_by_text("Risco de sair em 30 dias").is_visible()


@pytest.mark.slow
def test_large_file_is_sent_to_the_store_and_followed(
    club: int, client_of: MakeUser, address: str, chromium: "Browser", tmp_path: Path
) -> None:
    rows = tmp_path / "alunos.csv"
    rows.write_text("nome,email,plano\nCaio Reis,caio@example.com,Padrão\nBia,nada,Padrão\n")
    with looking(chromium, address) as page:
        sign_in(page, client_of(Role.OPERADOR).login)
        page.get_by_role("link", name="Importar").click()
        page.get_by_label("Arquivo CSV ou NDJSON").set_input_files(rows)
        page.get_by_role("button", name="Importar").click()
        page.get_by_text("O arquivo chegou e está sendo importado").wait_for()
        work_off()
        page.get_by_text("Linha 3").wait_for()  # The page looks again by itself.
        assert page.get_by_text("Pronto").is_visible()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (360, "dark")])
def test_every_page_fits_and_is_accessible(
    club: int, client_of: MakeUser, address: str, chromium: "Browser", width: int, scheme: Any
) -> None:
    admin: Client = client_of(Role.ADMIN)
    admin.post("/admin/relatorios", {})
    work_off()
    with looking(chromium, address, width, scheme) as page:
        page.goto("/entrar")
        check(page, "entrar", width, scheme)
        sign_in(page, admin.login)
        for path in PAGES:
            page.goto(path)
            check(page, file_name(path), width, scheme)


@pytest.mark.slow
def test_theme_is_chosen_and_stays(client_of: MakeUser, address: str, chromium: "Browser") -> None:
    with looking(chromium, address) as page:
        sign_in(page, client_of(Role.LEITOR).login)
        page.get_by_role("button", name="Tema escuro").click()
        page.goto("/console/academia/alunos")
        assert page.locator("html").get_attribute("data-theme") == "escuro"


@pytest.mark.slow
def test_session_that_ended_leads_to_the_door_from_a_live_page_too(
    club: int, client_of: MakeUser, address: str, chromium: "Browser"
) -> None:
    with looking(chromium, address) as page:
        sign_in(page, client_of(Role.OPERADOR).login)
        page.goto("/console/academia")
        page.locator("#busca:focus").wait_for()
        page.context.clear_cookies()
        page.keyboard.type("ana")
        page.wait_for_url("**/entrar?volta=*")
