"""A company's main task, from signing up to an order settled; and what its pages look like."""

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.credit.words import TRAINING_STEPS
from tests.browser.conftest import check, file_name, looking, sign_in
from tests.credit.companies import Company, sign_up_company
from tests.credit.decisions.deciding import publish_credit_model
from tests.credit.models.records import small_company
from tests.gym.work import work_off

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGES = (
    "/",
    "/console/credito/pedidos",
    "/console/credito/pedidos/novo",
    "/console/credito/pedidos/lotes",
    "/console/credito/revisoes",
    "/console/credito/politica",
    "/console/credito/envios",
    "/console/credito/credenciais",
    "/console/credito/empresa",
    "/console/credito/equidade",
    "/console/credito/auditoria",
    "/console/modelos/credito",
    "/console/modelos/credito/treinar",
    "/console/modelos/credito/comparar",
    "/console/modelos/credito/testar",
    "/console/senha",
)


@pytest.fixture
def company(environment: dict[str, str], password_hash: str) -> Company:
    """A company with a model and an order."""
    found = sign_up_company(senha_hash=password_hash)
    publish_credit_model(found.tenant)
    order = {"numero": "1", "cliente": "C", "valor": 900, "itens": {"limite": {"valor": 9000}}}
    assert found.client.post("/credito/pedidos", order).status == 201
    return found


def csv_of(items: list[dict[str, Any]]) -> str:
    """Items as a company's program would export them: own columns beside the others."""
    rows = [{**item, **item.get("atributos", {})} for item in items]
    names = list(dict.fromkeys(name for row in rows for name in row if name != "atributos"))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, delimiter=";", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def send_file(page: "Page", kind: str, content: str) -> None:
    """Choose what a file holds, choose it, and send it."""
    page.get_by_label("O que há no arquivo").select_option(kind)
    file = {"name": f"{kind}.csv", "mimeType": "text/csv", "buffer": content.encode()}
    page.locator("#arquivo").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_text(f"{kind}.csv · ").wait_for()
    page.get_by_role("button", name="Enviar", exact=True).click()


@pytest.mark.slow
def test_company_signs_up_trains_a_model_decides_an_order_and_settles_it(
    address: str, chromium: "Browser"
) -> None:
    records = small_company()
    with looking(chromium, address) as page:
        page.goto("/entrar")
        page.get_by_role("link", name="Cadastrar empresa").click()
        page.get_by_label("Nome da empresa").fill("Padaria")
        page.get_by_label("E-mail").fill("p@padaria.example")
        page.get_by_label("Senha").fill("uma-senha-boa")
        page.get_by_role("button", name="Cadastrar").click()
        page.get_by_text("Copie-a agora").wait_for()
        page.get_by_role("link", name="Enviar dados").click()
        page.get_by_label("Nome").fill("Tudo até hoje")
        page.get_by_label("O que o modelo deve prever").select_option("pagamento")
        page.get_by_role("button", name="Abrir").click()
        for kind, items in (
            ("clientes", records.clientes),
            ("limites", records.limites),
            ("consultas-serasa", records.consultas),
            ("pedidos", records.pedidos),
        ):
            send_file(page, kind, csv_of(items))
            page.get_by_text(f"{len(items)} itens recebidos").wait_for()
        work_off()
        page.locator("#estado:not([data-live])").wait_for()
        page.reload()  # What was accepted is counted in the form, too.
        page.get_by_role("button", name="Concluir e treinar").click()
        page.get_by_role("button", name="Confirmar").click()
        page.get_by_text("está sendo conferido").wait_for()
        work_off()
        page.locator("#estado .badge", has_text="Fechado").wait_for()
        page.locator(".steps .done").nth(len(TRAINING_STEPS) - 1).wait_for()
        page.goto("/console/modelos/credito")
        page.get_by_role("link", name="Versão 1", exact=True).wait_for()
        page.goto("/console/credito/pedidos/novo")
        page.get_by_label("Número do pedido").fill("A-1")
        page.get_by_label("Código do cliente").fill(records.clientes[0]["codigo"])
        page.get_by_label("Valor, em R$").fill("1.500,00")
        page.get_by_text("Limite de crédito").click()
        page.get_by_label("Limite, em R$").fill("9.000,00")
        page.get_by_role("button", name="Decidir").click()
        page.get_by_role("heading", name="Pedido A-1").wait_for()
        page.locator(".fall").get_by_text("Risco deste pedido").wait_for()
        page.goto("/console/credito/pedidos/novo")
        page.get_by_label("Número do pedido").fill("A-2")
        page.get_by_label("Código do cliente").fill("nunca visto")
        page.get_by_label("Valor, em R$").fill("10")
        page.get_by_role("button", name="Decidir").click()
        page.get_by_role("heading", name="Pedido A-2").wait_for()
        page.get_by_role("navigation").get_by_role("link", name="Revisões").click()
        page.get_by_label("Motivo, pedido A-2").fill("Conheço bem")
        page.locator("li", has_text="Pedido A-2").get_by_role("button", name="Aprovar").click()
        page.get_by_text("O pedido foi aprovado").wait_for()


@pytest.mark.slow
def test_large_file_goes_to_the_store_and_is_divided_into_lots(
    address: str, chromium: "Browser", company: Company
) -> None:
    rows = "".join(f"G{n};{'x' * 490}\n" for n in range(9_000))
    with looking(chromium, address) as page:
        sign_in(page, company.client.login)
        page.goto("/console/credito/envios")
        page.get_by_label("O que o modelo deve prever").select_option("pagamento")
        page.get_by_role("button", name="Abrir").click()
        send_file(page, "clientes", f"codigo;observacao\n{rows}")
        page.get_by_text("está sendo dividido em lotes").wait_for()
        work_off()
        page.get_by_role("row", name="Clientes 18 9.000").wait_for()


@pytest.mark.slow
def test_policy_is_put_to_use_once_its_effect_was_seen(
    address: str, chromium: "Browser", company: Company
) -> None:
    with looking(chromium, address) as page:
        sign_in(page, company.client.login)
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
