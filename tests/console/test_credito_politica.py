"""The policy's page: edited, tried on past orders, and only then put to use."""

import pytest

from chalicelib.credit.policy import Politica, Regras
from chalicelib.credit.policy_form import TITLES, form_of, policy_of
from tests.console.browsing import Browser, Page
from tests.credit.companies import Company, sign_up_company
from tests.credit.decisions.deciding import publish_credit_model

PATH = "/console/credito/politica"


@pytest.fixture
def company(environment: dict[str, str], password_hash: str) -> Company:
    found = sign_up_company(senha_hash=password_hash)
    publish_credit_model(found.tenant)
    order = {
        "numero": "1",
        "cliente": "C",
        "valor": 900,
        "atributos": {"prazo": 30},
        "itens": {"cliente": {"titulos_em_atraso": 0}, "limite": {"valor": 9000}},
    }
    assert found.client.post("/credito/pedidos", order).status == 201
    return found


def send(portal: Browser, page: Page, acao: str, **changes: str) -> Page:
    fields = {**page.form(PATH).fields, "acao": acao, **changes}
    return portal._follow(portal.post(PATH, fields))


DENY_ALL = {
    "regras.valor_do_pedido.ativa": "sim",
    "regras.valor_do_pedido.consequencia": "negado",
    "regras.valor_do_pedido.maximo": "1,50",
}


def version_of(company: Company) -> int:
    return int(company.client.get("/credito/politica").json["versao"])


def test_every_rule_has_its_words_and_a_policy_survives_its_form() -> None:
    assert TITLES.keys() == Regras.model_fields.keys()
    exact = {"faixa_revisao": {"abaixo": 0.0555, "acima": 1e-7}, "sensiveis": ["cliente.sexo"]}
    limits = {"limiares": {"aprova_abaixo_de": 0.125, "nega_a_partir_de": 1.0}}
    for policy in (Politica(), Politica.model_validate({**exact, **limits})):
        assert policy_of(form_of(policy)) == policy


def test_effect_is_shown_before_a_policy_is_saved(company: Company, portal: Browser) -> None:
    page = portal.get(PATH)
    assert "Pôr em uso" not in page.text
    page = send(portal, page, "simular", **DENY_ALL)
    assert "1 de 1 pedidos seriam decididos de outro jeito: R$ 900,00" in page.text
    assert "Pôr em uso" in page.text
    assert version_of(company) == 1
    page = send(portal, page, "salvar", motivo="Cautela", **DENY_ALL)
    assert "A versão 2 da política está em uso" in page.text
    assert "Cautela" in page.text
    rule = company.client.get("/credito/politica").json["politica"]["regras"]["valor_do_pedido"]
    assert rule == {"ativa": True, "consequencia": "negado", "maximo": "1.50"}


def test_policy_whose_effect_was_not_seen_is_not_saved(company: Company, portal: Browser) -> None:
    seen = send(portal, portal.get(PATH), "simular", **DENY_ALL)
    other = {**DENY_ALL, "regras.valor_do_pedido.maximo": "2"}
    page = send(portal, seen, "salvar", motivo="Pressa", **other)
    assert "Você mudou a política depois de ver o efeito" in page.text
    assert version_of(company) == 1


def test_policy_is_saved_with_a_reason_only(company: Company, portal: Browser) -> None:
    page = send(portal, portal.get(PATH), "simular", **DENY_ALL)
    page = send(portal, page, "salvar", motivo="", **DENY_ALL)
    assert page.status == 422
    assert "1 de 1 pedidos" in page.text
    assert version_of(company) == 1


def test_policy_that_cannot_be_is_told_beside_its_field(portal: Browser) -> None:
    page = send(portal, portal.get(PATH), "simular", **{"regras.protestos.maximo": "muitos"})
    assert page.status == 422
    assert "Use um número inteiro" in page.text
    limits = {"limiares.aprova_abaixo_de": "0,9", "limiares.nega_a_partir_de": "0,1"}
    page = send(portal, portal.get(PATH), "simular", **limits)
    assert "não pode ficar acima do que nega" in page.text


def test_policy_that_changed_meanwhile_is_not_overwritten(
    company: Company, portal: Browser
) -> None:
    page = send(portal, portal.get(PATH), "simular", **DENY_ALL)
    body = {"politica": {}, "motivo": "Outra pessoa"}
    assert company.client.put("/credito/politica", body).status == 200
    page = send(portal, page, "salvar", motivo="Minha", **DENY_ALL)
    assert page.status == 412
    assert "Alguém mudou a política" in page.text


def test_changeable_columns_are_added_changed_and_taken_away(
    company: Company, portal: Browser
) -> None:
    page = portal.get(PATH)
    assert page.form(PATH).fields["alteraveis.0.coluna"] == "valor_pedido"
    another = {
        "alteraveis.1.coluna": "titulos_em_atraso",
        "alteraveis.1.direcao": "diminui",
        "alteraveis.1.minimo": "0",
        "alteraveis.1.maximo": "1.000",
        "alteraveis.1.passo": "1",
    }
    page = send(portal, page, "simular", **another)
    page = send(portal, page, "salvar", motivo="Quem paga o atraso volta a comprar")
    found = company.client.get("/credito/politica").json["politica"]["alteraveis"]
    assert found.keys() == {"valor_pedido", "titulos_em_atraso"}
    assert (found["titulos_em_atraso"]["maximo"], found["titulos_em_atraso"]["passo"]) == (1000, 1)
    page = send(portal, portal.get(PATH), "simular", **{"alteraveis.0.coluna": ""})
    send(portal, page, "salvar", motivo="Só o atraso")
    found = company.client.get("/credito/politica").json["politica"]["alteraveis"]
    assert found.keys() == {"titulos_em_atraso"}
    twice = {**another, "alteraveis.0.coluna": "titulos_em_atraso"}
    page = send(portal, portal.get(PATH), "simular", **twice)
    assert page.status == 422
    assert "está duas vezes" in page.text


def test_earlier_version_is_opened_and_put_to_use_again(company: Company, portal: Browser) -> None:
    page = send(portal, portal.get(PATH), "simular", **DENY_ALL)
    send(portal, page, "salvar", motivo="Cautela", **DENY_ALL)
    page = portal.get(PATH, versao=1)
    assert "que não é a que vale" in page.text
    assert "regras.valor_do_pedido.ativa" not in page.form(PATH).fields
    page = send(portal, page, "simular")
    page = send(portal, page, "salvar", motivo="Cautela demais")
    assert version_of(company) == 3
    rule = company.client.get("/credito/politica").json["politica"]["regras"]["valor_do_pedido"]
    assert rule["ativa"] is False
    assert portal.get(PATH, versao=99).status == 404
