"""Versions of a company's model by pages: trained on terms, compared, tried on a file, measured."""

from tests.console.browsing import Browser
from tests.credit.companies import Company
from tests.credit.decisions.deciding import publish_credit_model
from tests.credit.models.records import load
from tests.gym.work import work_off

MODEL = "/console/modelos/credito"
ROWS = "numero;cliente;valor;prazo\nA;C1;1.500,00;28\nB;C2;caro;28\n"


def test_without_versions_pages_say_what_to_do_first(portal: Browser) -> None:
    assert "É preciso ter duas versões" in portal.get(f"{MODEL}/comparar").text
    assert "Nenhuma versão ainda" in portal.get(f"{MODEL}/testar").text


def test_training_is_asked_for_on_terms_and_followed_step_by_step(
    company: Company, portal: Browser
) -> None:
    at = f"{MODEL}/treinar"
    page = portal.submit(portal.get(at), at, at, dataset="acervo", alvo="")
    assert page.status == 422
    assert "Diga o que o modelo deve prever" in page.text
    dataset = load(company.tenant)
    page = portal.submit(portal.get(at), at, at, dataset=str(dataset), ignorar="pedido.canal\n")
    assert "O treino começou" in page.text
    assert "Comparar algoritmos" in page.text
    assert "data-live" in page.source
    (job,) = company.client.get("/jobs", queue="credit_training_queue").json["items"]
    assert job["state"] == "queued"


def test_versions_are_compared_and_where_nothing_can_be_said_it_is_told(
    company: Company, portal: Browser
) -> None:
    first, second = publish_credit_model(company.tenant), publish_credit_model(company.tenant)
    at = f"{MODEL}/comparar"
    page = portal.get(at)
    assert page.form("comparar").fields["versao"] == str(second)
    alone = portal.submit(page, at, "comparar", **{f"com.{first}": "", f"com.{second}": "sim"})
    assert alone.status == 422
    assert "Escolha ao menos uma versão" in alone.text
    page = portal.submit(page, at, "comparar", **{f"com.{first}": "sim"})
    assert "Na fila" in page.text
    page = portal.submit(page, at, "cancelar")
    assert "Tentar de novo" in page.text


def test_version_is_tried_on_a_file_and_each_order_has_its_reasons(
    company: Company, portal: Browser
) -> None:
    publish_credit_model(company.tenant)
    at = f"{MODEL}/testar"
    refused = portal.send_file(at, "testar", "")
    assert refused.status == 422
    assert "Escolha um arquivo" in refused.text
    portal.send_file(at, "testar", ROWS, versao="1")
    work_off()
    page = portal.get(at)
    assert "1 pedidos lidos" in page.text
    assert "1 linhas recusadas" in page.text
    assert "valor: não é um número" in page.text
    assert "Nenhuma linha diz o desfecho" in page.text
    assert "Risco deste pedido" in page.text
    assert company.client.get("/credito/pedidos").json["total"] == 0


def test_version_that_answers_is_measured_when_asked(company: Company, portal: Browser) -> None:
    publish_credit_model(company.tenant)
    page = portal.submit(portal.get(MODEL), MODEL, "medir")
    assert "A medida foi pedida" in page.text
    (job,) = company.client.get("/jobs", queue="credit_analysis_queue").json["items"]
    assert job["state"] == "queued"
