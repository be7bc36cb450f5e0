"""A company's portal: signing up, keys, orders and their reasons, reviews, the trail."""

import re
from collections.abc import Callable

import pytest

from chalicelib.console.waterfall import MOST_STEPS
from chalicelib.credit.policy import Limiares
from chalicelib.credit.schemas_orders import JustificativaOut
from chalicelib.credit.waterfall import risk_waterfall
from tests.client import Client
from tests.conftest import PASSWORD
from tests.console.browsing import Browser, Page
from tests.credit.companies import Company, sign_up_company
from tests.credit.decisions.deciding import publish_credit_model

PATH = "/console/credito"
NEW = f"{PATH}/pedidos/novo"
FIELDS = {"numero": "P-1", "cliente": "C-1", "valor": "1.500,00", "itens.limite.valor": "9.000,00"}
KNOWN = {"itens.cliente.titulos_pagos": "12", "itens.cliente.titulos_em_atraso": "0"}
OWN = {"proprias": "prazo = 30"}


Decide = Callable[..., Page]


@pytest.fixture
def decide(portal: Browser) -> Decide:
    """Fills in the form for an order."""

    def send(**changes: str) -> Page:
        fields = {**FIELDS, **KNOWN, **OWN, **changes}
        return portal.submit(portal.get(NEW), NEW, NEW, **fields)

    return send


def key_of(page: Page) -> str:
    (found,) = re.findall(r"prv_[\w-]{30,}", page.source)
    return str(found)


def test_company_signs_up_is_in_and_sees_its_first_key_once(environment: dict[str, str]) -> None:
    browser = Browser()
    page = browser.get("/cadastro")
    fields = {"nome": "Padaria", "email": "p@padaria.example", "senha": "uma-senha-boa"}
    page = browser.submit(page, "/cadastro", "/cadastro", cnpj="", **fields)
    assert "Boas-vindas, Padaria!" in page.text
    assert Client(key_of(page)).get("/credito/empresa").json["nome"] == "Padaria"
    assert "prv_" not in re.sub(r"prv_…", "", browser.get("/").source)
    page = browser.get(f"{PATH}/credenciais")
    assert "primeira" in page.text
    assert not re.search(r"prv_[\w-]{30,}", page.source)
    assert browser.get("/cadastro").location == "/"


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"senha": ""}, 422, "Preencha este campo"),
        ({"cnpj": "11.111.111/1111-11"}, 422, "CNPJ"),
        ({"email": "ja@existe.example"}, 409, "Já há uma empresa cadastrada com este e-mail"),
    ],
)
def test_sign_up_that_cannot_be_is_told(
    environment: dict[str, str], changes: dict[str, str], status: int, told: str
) -> None:
    sign_up_company(email="ja@existe.example")
    browser = Browser()
    fields = {"nome": "Padaria", "email": "p@padaria.example", "senha": "uma-senha-boa", **changes}
    page = browser.send(browser.get("/cadastro"), "/cadastro", "/cadastro", **fields)
    assert page.status == status
    assert told in page.text
    assert "uma-senha-boa" not in page.source


def test_key_is_made_replaced_and_revoked(portal: Browser) -> None:
    at = f"{PATH}/credenciais"
    page = portal.submit(portal.get(at), at, "criar", nome="ERP", validade_dias="")
    assert "Copie-a agora" in page.text
    program = Client(key_of(page))
    assert program.get("/credito/empresa").status == 200
    assert portal.submit(page, at, "criar", nome="ERP").status == 409
    page = portal.submit(page, at, "substituir")
    assert "Sendo substituída" in page.text
    assert Client(key_of(page)).get("/credito/empresa").status == 200
    page = portal.submit(portal.get(at), at, "revogar")
    assert "A chave foi revogada" in page.text


def test_order_is_decided_with_its_reasons_as_a_waterfall(company: Company, decide: Decide) -> None:
    publish_credit_model(company.tenant)
    page = decide()
    assert page.status == 200
    assert "Pedido P-1" in page.title
    assert "R$ 1.500,00" in page.text
    assert "Ponto de partida" in page.text
    assert "Risco deste pedido" in page.text
    assert "p.p." in page.text
    assert "aprova abaixo de" in page.text


def test_order_without_a_model_goes_to_a_person_and_is_settled(
    portal: Browser, decide: Decide
) -> None:
    page = decide()
    assert "Em revisão" in page.text
    assert "ainda não tem modelo" in page.text
    home = portal.get("/")
    assert "1 pedido espera revisão" in home.text
    assert "Modelo de crédito" in home.text
    at = f"{PATH}/revisoes"
    queue = portal.get(at)
    assert "Pedido P-1" in queue.text
    assert portal.submit(queue, at, "revisar", decisao="aprovado", motivo="").status == 422
    done = portal.submit(queue, at, "revisar", decisao="aprovado", motivo="Conheço bem")
    assert "O pedido foi aprovado" in done.text
    assert "Nenhum pedido espera" in done.text


def test_decision_is_overturned_its_outcome_told_and_then_it_stands(
    portal: Browser, decide: Decide
) -> None:
    page = decide(**{"itens.limite.valor": "100"})
    assert "Negado" in page.text
    (link,) = {way for way in portal.get(f"{PATH}/pedidos").links if re.search(r"/\d+$", way)}
    page = portal.submit(page, link, "revisar", decisao="aprovado", motivo="Garantia real")
    assert "Foi decidido primeiro como Negado" in page.text
    assert "Garantia real" in page.text
    page = portal.submit(page, link, "desfecho", desfecho="pago", em="")
    assert "Pago em" in page.text
    assert 'value="revisar"' not in page.source
    page = portal.submit(page, link, "desfecho", desfecho="inadimplente", motivo="")
    assert "diga o motivo" in page.text


def test_decision_is_made_again_and_is_the_same(
    company: Company, portal: Browser, decide: Decide
) -> None:
    publish_credit_model(company.tenant)
    page = decide()
    (link,) = {way for way in portal.get(f"{PATH}/pedidos").links if re.search(r"/\d+$", way)}
    assert "Igual em todos os 10 campos" in portal.submit(page, link, "refazer").text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"valor": "muito"}, "Use um valor como 119,90"),
        ({"cliente": " "}, "Preencha este campo"),
        ({"itens.cliente.titulos_pagos": "-1"}, "Use 0 ou mais"),
        ({"proprias": "sem sinal"}, "escreva nome = valor"),
    ],
)
def test_order_that_cannot_be_read_keeps_what_was_typed(
    decide: Decide, changes: dict[str, str], told: str
) -> None:
    page = decide(**changes)
    assert page.status == 422
    assert told in page.text
    assert 'value="P-1"' in page.source


def test_order_is_decided_once(decide: Decide) -> None:
    decide()
    page = decide()
    assert page.status == 409
    assert "decidido uma vez" in page.text


def test_orders_of_another_company_are_not_there(decide: Decide, password_hash: str) -> None:
    decide()
    stranger = Browser()
    stranger.sign_in(sign_up_company(senha_hash=password_hash).client.login, PASSWORD)
    assert "Nenhum pedido aqui" in stranger.get(f"{PATH}/pedidos").text
    assert stranger.get(f"{PATH}/pedidos/1").status == 404


def test_orders_are_filtered(portal: Browser, decide: Decide) -> None:
    decide()
    assert "P-1" in portal.get(f"{PATH}/pedidos", situacao="revisao", cliente="", numero="").text
    assert "Nenhum pedido aqui" in portal.get(f"{PATH}/pedidos", situacao="negado").text


def test_company_sees_and_verifies_its_own_trail(portal: Browser, decide: Decide) -> None:
    decide()
    at = f"{PATH}/auditoria"
    page = portal.get(at)
    assert "Pedido decidido" in page.text
    assert "Empresa cadastrada" in page.text
    assert "A trilha confere" in portal.submit(page, at, "verificar").text


def test_company_sees_its_model_and_may_not_train_on_nothing(
    company: Company, portal: Browser
) -> None:
    at = "/console/modelos/credito"
    assert "Nenhuma versão ainda" in portal.get(at).text
    version = publish_credit_model(company.tenant)
    page = portal.get(at)
    assert f"Versão {version}" in page.text
    assert portal.get(f"{at}/{version}").status == 200
    assert portal.get(f"{at}/{version + 1}").status == 404
    page = portal.submit(page, at, "treinar")
    assert page.status == 409
    assert "Conclua um antes" in page.text


def reason(number: int, effect: float) -> JustificativaOut:
    return JustificativaOut(
        coluna=f"c{number}",
        rotulo=f"C{number}",
        valor=None,
        valor_usual=None,
        efeito=effect,
        texto=f"T{number}",
    )


def test_waterfall_goes_from_base_to_score_without_a_gap() -> None:
    effects = [0.2, -0.1, *[0.01] * MOST_STEPS]
    limits = Limiares(aprova_abaixo_de=0.3, nega_a_partir_de=0.5)
    score = 0.1 + sum(effects)
    chart = risk_waterfall(0.1, [reason(n, e) for n, e in enumerate(effects)], score, limits)
    assert len(chart.steps) == MOST_STEPS + 3
    level = chart.steps[0].width
    for step in chart.steps[1:-1]:
        begins = step.left if step.kind == "up" else step.left + step.width
        assert begins == pytest.approx(level)
        level += step.width if step.kind == "up" else -step.width
    assert chart.steps[-1].width == pytest.approx(level)
    assert all(step.left >= 0 and step.left + step.width <= 1 for step in chart.steps)
    approves_below, denies_from = chart.marks
    assert 0 < approves_below < denies_from <= 1
