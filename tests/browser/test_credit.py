"""A company's main task, from signing up to a policy put to use; and what its pages look like."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import check, file_name, looking, sign_in
from tests.credit.companies import Company, sign_up_company
from tests.credit.decisions.deciding import publish_credit_model

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGES = (
    "/",
    "/console/credito/pedidos",
    "/console/credito/pedidos/novo",
    "/console/credito/revisoes",
    "/console/credito/politica",
    "/console/credito/envios",
    "/console/credito/credenciais",
    "/console/credito/auditoria",
    "/console/modelos/credito",
)


@pytest.fixture
def company(environment: dict[str, str], password_hash: str) -> Company:
    """A company with a model and an order."""
    found = sign_up_company(senha_hash=password_hash)
    publish_credit_model(found.tenant)
    order = {"numero": "1", "cliente": "C", "valor": 900, "itens": {"limite": {"valor": 9000}}}
    assert found.client.post("/credito/pedidos", order).status == 201
    return found


@pytest.mark.slow
def test_company_signs_up_decides_an_order_and_changes_its_policy(
    address: str, chromium: "Browser"
) -> None:
    with looking(chromium, address) as page:
        page.goto("/entrar")
        page.get_by_role("link", name="Cadastrar empresa").click()
        page.get_by_label("Nome da empresa").fill("Padaria")
        page.get_by_label("E-mail").fill("p@padaria.example")
        page.get_by_label("Senha").fill("uma-senha-boa")
        page.get_by_role("button", name="Cadastrar").click()
        page.get_by_text("Copie-a agora").wait_for()
        page.goto("/console/credito/pedidos")
        page.get_by_role("link", name="Decidir um pedido").click()
        page.get_by_label("Número do pedido").fill("A-1")
        page.get_by_label("Código do cliente").fill("C-1")
        page.get_by_label("Valor, em R$").fill("1.500,00")
        page.get_by_text("Limite de crédito").click()
        page.get_by_label("Limite, em R$").fill("9.000,00")
        page.get_by_role("button", name="Decidir").click()
        page.get_by_role("heading", name="Pedido A-1").wait_for()
        page.get_by_label("Motivo").fill("Conheço bem")
        page.get_by_role("button", name="Aprovar").click()
        page.get_by_text("A revisão foi registrada").wait_for()
        page.goto("/console/credito/politica")
        page.locator("[name='regras.valor_do_pedido.ativa']").check()
        page.get_by_role("button", name="Ver o efeito").click()
        page.get_by_role("heading", name="O efeito nos pedidos passados").wait_for()
        page.get_by_label("Motivo da mudança").fill("Cautela")
        page.get_by_role("button", name="Pôr em uso").click()
        page.get_by_text("da política está em uso").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_pages_fit_and_axe_finds_nothing_serious(
    address: str, chromium: "Browser", company: Company, width: int, scheme: Any
) -> None:
    with looking(chromium, address, width, scheme) as page:
        sign_in(page, company.client.login)
        page.goto("/console/credito/pedidos")
        order = page.locator("tbody a").first.get_attribute("href")
        for path in (*PAGES, str(order)):
            page.goto(path)
            check(page, f"credito-{file_name(path)}", width, scheme)
