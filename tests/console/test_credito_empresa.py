"""A company's own data, its clientes' rights, fairness, and its trail as a file, by pages."""

import json
from typing import Any

import pytest

from chalicelib.core.audit_export import LARGEST_ANSWER_BYTES
from tests.conftest import PASSWORD
from tests.console.browsing import Browser
from tests.credit.companies import Company, sign_up_company
from tests.credit.decisions.deciding import decide, put_policy
from tests.gym.work import work_off

PATH = "/console/credito/empresa"


def test_company_changes_what_is_known_of_it(company: Company, portal: Browser) -> None:
    page = portal.get(PATH)
    assert company.client.login in page.source
    page = portal.submit(page, PATH, "empresa", nome="Padaria Nova", cnpj="11.222.333/0001-81")
    assert "foram salvos" in page.text
    assert 'value="11.222.333/0001-81"' in page.source
    found = company.client.get("/credito/empresa").json
    assert (found["nome"], found["cnpj"]) == ("Padaria Nova", "11222333000181")


def test_what_the_company_cannot_be_is_told_beside_what_was_typed(portal: Browser) -> None:
    sign_up_company(email="ja@existe.example")
    page = portal.submit(portal.get(PATH), PATH, "empresa", email="ja@existe.example")
    assert page.status == 409
    assert "Já há uma empresa cadastrada com este e-mail" in page.text
    page = portal.submit(portal.get(PATH), PATH, "empresa", cnpj="11.111.111/1111-11")
    assert page.status == 422
    assert "11.111.111/1111-11" in page.source


def test_cliente_is_copied_and_erased(company: Company, portal: Browser) -> None:
    decide(company.client, cliente="529.982.247-25")
    fields = {"cliente": "529.982.247-25"}
    answer = portal.submit(portal.get(PATH), PATH, "copiar", **fields).answer
    assert "attachment" in answer.headers["Content-Disposition"]
    assert json.loads(answer.body)["registros"]["credito_pedidos"]
    page = portal.submit(portal.get(PATH), PATH, "apagar", **fields)
    assert page.status == 422
    assert "Preencha este campo" in page.text
    page = portal.submit(page, PATH, "apagar", entendo="sim", **fields)
    assert "O cliente foi apagado" in page.text
    assert "data-live" in page.source
    assert company.client.get("/credito/pedidos").json["total"] == 0
    work_off()
    assert "arquivos apagados" in portal.get(PATH).text
    page = portal.submit(page, PATH, "copiar", **fields)
    assert page.status == 422
    assert "Nada se guarda de um cliente com este código" in page.text


def test_large_copy_is_a_link_for_no_form_may_leave_this_origin(
    company: Company, portal: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.core.personal_data.LARGEST_ANSWER_BYTES", 10)
    decide(company.client, cliente="C1")
    page = portal.submit(portal.get(PATH), PATH, "copiar", cliente="C1")
    assert "A cópia está pronta" in page.text
    assert any("lgpd" in way for way in page.links)


def test_fairness_without_a_column_says_what_to_do(portal: Browser) -> None:
    assert "Nenhuma coluna sensível ainda" in portal.get("/console/credito/equidade").text


def test_fairness_shows_groups_and_names_those_that_are_too_small(
    company: Company, portal: Browser
) -> None:
    put_policy(company.client, sensiveis=["pedido.canal", "cliente.sexo"])
    at = "/console/credito/equidade"
    assert "Nenhum pedido decidido" in portal.get(at).text
    for place in range(33):
        decide(company.client, atributos={"canal": "site" if place else "loja"})
    page = portal.get(at, coluna="pedido.canal", desde="", ate="")
    assert "site referência" in page.text
    assert "pedidos de menos" in page.text
    assert "Menos de 30 pedidos" in page.text
    assert portal.get(at, coluna="pedido.canal", ate="2020-01-01T00:00").status == 200
    assert portal.get(at, coluna="pedido.prazo").status == 422


def test_trail_is_saved_as_a_file_with_the_filters_of_the_page(
    company: Company, portal: Browser
) -> None:
    decide(company.client)
    at = "/console/credito/auditoria"
    assert f"{at}/exportar" in portal.get(at).source
    answer = portal.get(f"{at}/exportar", acao="pedido.decidido", desde="", desde_seq="1").answer
    assert "attachment" in answer.headers["Content-Disposition"]
    (line,) = answer.body.decode().splitlines()
    assert json.loads(line)["acao"] == "pedido.decidido"
    assert len(answer.body) < LARGEST_ANSWER_BYTES


def change_password(portal: Browser, **fields: Any) -> Any:
    at = "/console/senha"
    return portal.submit(portal.get(at), at, at, **fields)


def test_own_password_is_changed_and_every_sign_in_ends(company: Company, portal: Browser) -> None:
    refused = change_password(portal, senha_atual="outra", senha_nova="uma-senha-nova")
    assert "A senha atual não confere" in refused.text
    assert '"put_senha";q=30;w=60' in refused.answer.headers["RateLimit-Policy"]
    assert "uma-senha-nova" not in refused.source
    page = change_password(portal, senha_atual=PASSWORD, senha_nova="uma-senha-nova")
    assert "A senha foi trocada" in page.text
    assert portal.get("/").location.startswith("/entrar")
    assert portal.sign_in(company.client.login, "uma-senha-nova").status == 303
