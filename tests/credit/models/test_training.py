"""Training by a job on a simulated company: report, card, served model, gate, refusals."""

from typing import Any

import numpy as np
import pytest

from chalicelib.core.db import unit_of_work
from chalicelib.core.uploads import object_store
from chalicelib.credit.models import credit_model, credit_model_name
from chalicelib.credit.training_data import read_orders
from chalicelib.credit.training_recipe import labelled, mature, part
from chalicelib.ml.registry import Alias, ModelVersion
from chalicelib.ml.training.export import load_joblib
from tests.credit.companies import Company
from tests.credit.conftest import MakeCompany
from tests.credit.decisions.deciding import decide, put_policy
from tests.credit.models.records import (
    UNTIL,
    alias,
    change,
    load,
    reader,
    report_of,
    small_company,
    train,
    version_row,
)
from tests.gym.work import finished_job

FIGURES = {"roc", "pr", "calibracao", "importancia", "aprovacao", "custo"}
METRICS = ("roc_auc", "pr_auc", "ks", "brier", "log_loss")

pytestmark = pytest.mark.usefixtures("small_forests")


@pytest.mark.slow
def test_a_first_training_is_published_promoted_and_says_all_of_itself(company: Company) -> None:
    dataset = load(company.tenant)
    report = report_of(train(company.client, dataset))
    assert (report["versao"], report["promovido"]) == (1, True)
    assert report["motivo"] == "Primeira versão do modelo."
    assert (report["dataset"], report["alvo"]) == (str(dataset), "pagamento")
    for metric in METRICS:
        found = report["metricas"][metric]
        assert found["low"] <= found["value"] <= found["high"]
    assert report["metricas"]["roc_auc"]["low"] > 0.6
    cost = {name: each["value"] for name, each in report["custo_por_pedido"].items()}
    assert cost["limiar"] < min(cost["aprovar_todos"], cost["negar_todos"])
    assert any("bloqueados" in said for said in report["avisos"])
    assert any("recentes" in said for said in report["avisos"])
    assert alias(company.tenant, Alias.CHAMPION) == 1
    row = version_row(company.tenant, 1)
    _assert_registered_whole(row, report, company)
    _assert_served_model_is_the_trained_one(row, company.tenant, dataset)
    _assert_card_is_whole(company)
    _assert_was_measured(company)


def _assert_registered_whole(row: ModelVersion, report: dict[str, Any], company: Company) -> None:
    assert row.created_by == company.client.subject
    contenders = row.metrics["selecao"]
    assert set(contenders) == {"regressao_logistica", "floresta_aleatoria", "histograma_gradiente"}
    affordable = {n: c["log_loss"] for n, c in contenders.items() if c["within_budget"]}
    assert row.algorithm == min(affordable, key=lambda name: affordable[name])
    assert row.split["tipo"] == "temporal"
    assert row.split["intervalo_dias"] > 60
    taken = row.data["pedidos"]
    assert taken["recebidos"] == sum(n for name, n in taken.items() if name != "recebidos") == 1500
    assert row.data["limiar"] == row.metrics["decisao"]["limiar"] == report["limiar"]
    assert row.data["onnx_sha256"] == row.artefacts["onnx"]["sha256"]
    names = {each["column"]["name"] for each in row.encoder["columns"]}
    assert {"valor_pedido", "titulos_em_atraso", "serasa_pontuacao", "pedido.prazo_dias"} <= names
    kinds = {each["column"]["name"]: each["column"]["kind"] for each in row.encoder["columns"]}
    assert (kinds["pedido.urgente"], kinds["cliente.funcionarios"]) == ("category", "number")


def _assert_served_model_is_the_trained_one(row: ModelVersion, tenant: str, dataset: Any) -> None:
    stored = row.artefacts["joblib"]
    data = object_store().read(stored["objeto"])
    estimator = load_joblib(data, stored["sha256"], row.libraries["scikit-learn"])
    orders = read_orders(reader(tenant), dataset, "pagamento", UNTIL)
    with unit_of_work(tenant=tenant, autocommit=True) as session:
        served = credit_model(session, credit_model_name(tenant), row.version)
    rows = served.encoder.encode(orders.table(served.encoder.columns))
    trained = estimator.predict_proba(rows)[:, 1]
    assert np.abs(served.score_rows(rows) - trained).max() <= 1e-5
    assert served.metadata["limiar"] == row.data["limiar"]
    assert set(served.metadata["usual"]) == {column.name for column in served.encoder.columns}


def _assert_card_is_whole(company: Company) -> None:
    answer = company.client.get("/credito/modelos/1")
    card = answer.json
    assert len(answer.body) < 60_000
    assert set(card["figuras"]) == FIGURES
    for address in card["figuras"].values():
        figure = company.client.get(address)
        assert figure.json["data"]
        assert len(figure.body) < 20_000
    metrics = card["metricas"]
    rows = metrics["validacao"]["rows"]
    assert sum(b["rows"] for b in metrics["confiabilidade"]) == rows
    for groups in (metrics["por_valor"], metrics["por_historico"]):
        assert sum(each["linhas"] for each in groups) == rows
    curve = metrics["decisao"]["por_limiar"]
    shares = [each["aprovacao"] for each in curve]
    assert shares == sorted(shares)
    assert (curve[0]["aprovacao"], curve[0]["ruins_entre_aprovados"]) == (0, None)
    assert "inadimplente" in card["rotulo"]
    (listed,) = company.client.get("/credito/modelos").json["items"]
    assert (listed["uso"], listed["ks"]) == ("campeao", metrics["validacao"]["ks"])


def _assert_was_measured(company: Company) -> None:
    """The promotion had the version measured; nothing has been decided by it yet."""
    health = company.client.get("/credito/modelos/saude").json
    assert (health["estado"], health["versao"]) == ("ok", 1)
    assert health["medicao"]["desempenho"]["desfechos"] == health["medicao"]["pedidos"] == 0


@pytest.mark.slow
def test_past_decisions_teach_with_a_warning_and_a_kill_does_not_teach_them_twice(
    company: Company,
) -> None:
    body = {"dataset": str(load(company.tenant, small_company(alvo="faturamento")))}
    accepted = company.client.post("/credito/retreinamentos", body)
    assert company.client.post("/credito/retreinamentos", body).json["id"] == accepted.json["id"]
    report = report_of(finished_job(company.client, accepted))
    assert report["avisos"][0].startswith("O alvo são decisões passadas")
    assert version_row(company.tenant, 1).split["intervalo_dias"] == 0
    # As if the worker had died between the registration and the end of the run.
    change(
        company.tenant,
        "UPDATE jobs SET state = 'queued', result = NULL, finished_at = NULL WHERE queue = :queue",
        queue="credit_training_queue",
    )
    again = finished_job(company.client, accepted)
    assert (again["state"], again["attempt"], again["result"]) == ("succeeded", 2, report)
    assert company.client.get("/credito/modelos").json["total"] == 1


@pytest.mark.slow
def test_a_first_version_that_knows_nothing_does_not_answer_until_somebody_says_so(
    company: Company,
) -> None:
    dataset = load(company.tenant)
    change(
        company.tenant,
        "UPDATE credito_pedidos SET desfecho = CASE WHEN md5('x' || id) < '4' THEN 'inadimplente'"
        " ELSE 'pago' END WHERE desfecho IN ('pago', 'inadimplente')",
    )
    client = company.client
    report = report_of(train(client, dataset))
    assert (report["versao"], report["promovido"]) == (1, False)
    assert "pode não ser melhor que o acaso" in report["motivo"]
    assert report["avisos"][0].startswith("Não decide melhor que sem modelo: ROC AUC")
    card = client.get("/credito/modelos/1").json
    assert (card["uso"], card["dados"]["avisos"]) == ("desafiante", report["avisos"])
    assert alias(company.tenant, Alias.CHAMPION) is None
    assert decide(client)["origem"] == "sem_modelo"
    why = {"motivo": "Preferimos isto a nada."}
    assert client.post("/credito/modelos/1/promover", why).json["uso"] == "campeao"
    assert decide(client)["origem"] == "modelo"


@pytest.mark.slow
def test_the_same_records_make_the_same_model_and_a_worse_one_is_kept_but_does_not_answer(
    company: Company,
) -> None:
    dataset = load(company.tenant)
    first = report_of(train(company.client, dataset))
    second = report_of(train(company.client, dataset))
    for metric in METRICS:  # A forest's threads add up in any order: the last bit may differ.
        assert second["metricas"][metric] == pytest.approx(first["metricas"][metric], rel=1e-9)
    fingerprints = {
        version_row(company.tenant, number).data["impressao_digital"] for number in (1, 2)
    }
    assert len(fingerprints) == 1
    assert second["promovido"] is True
    assert "não inferior à versão 1: +0,0000" in second["motivo"]
    # What it may look at is now next to nothing.
    row = version_row(company.tenant, 1)
    names = [each["column"]["name"] for each in row.encoder["columns"]]
    ignored = [name for name in names if name not in ("pedido.canal", "cliente.regiao")]
    third = report_of(train(company.client, dataset, ignorar=ignored))
    assert (third["versao"], third["promovido"], third["colunas"]) == (3, False, 2)
    assert "pode ser pior que a da versão 2" in third["motivo"]
    assert (alias(company.tenant, Alias.CHAMPION), alias(company.tenant, Alias.CHALLENGER)) == (
        2,
        3,
    )
    said = {each["coluna"]: each["motivo"] for each in third["colunas_fora"]}
    assert said["titulos_em_atraso"] == "Pedida para ser ignorada."


@pytest.mark.slow
def test_without_dates_clientes_are_held_out_and_the_card_warns(company: Company) -> None:
    dataset = load(company.tenant)
    change(company.tenant, "UPDATE credito_pedidos SET pedido_em = NULL, desfecho_em = NULL")
    change(company.tenant, "UPDATE credito_limites SET vale_desde = '1970-01-01Z'")
    found = '[{"codigo": "mesmo_dia", "numeros": {"itens": 3}}]'
    change(company.tenant, f"UPDATE credito_datasets SET avisos = '{found}' WHERE NOT acervo")
    report = report_of(train(company.client, dataset))
    row = version_row(company.tenant, 1)
    assert (row.split["tipo"], row.split["parcela"]) == ("entidades", 0.2)
    avisos = " ".join(report["avisos"])
    for said in (
        "Pedidos sem data",
        "Itens de limites",
        "mesmo cliente: 3.",
        "clientes separados",
        "quando o desfecho",
    ):
        assert said in avisos


def test_a_column_that_gives_the_answer_away_is_named(company: Company) -> None:
    dataset = load(company.tenant)
    change(
        company.tenant,
        "UPDATE credito_pedidos SET atributos = atributos || CASE desfecho"
        " WHEN 'pago' THEN '{\"data_do_pagamento\": \"2025\"}'::jsonb"
        " WHEN 'inadimplente' THEN '{}'::jsonb ELSE '{}'::jsonb END",
    )
    change(
        company.tenant,
        "UPDATE credito_pedidos SET atributos = atributos"
        " || jsonb_build_object('dias_ate_pagar', CASE desfecho WHEN 'pago' THEN 3 ELSE 90 END)",
    )
    job = train(company.client, dataset)
    assert (job["state"], job["attempt"]) == ("failed", 1)
    assert job["error"]["title"] == "ColunaEntregaResposta"
    assert "pedido.data_do_pagamento (por faltar, AUC 1,000)" in job["error"]["detail"]
    assert "pedido.dias_ate_pagar (pelo valor, AUC 1,000)" in job["error"]["detail"]
    assert "prazo" not in job["error"]["detail"]
    assert alias(company.tenant, Alias.CHAMPION) is None


@pytest.mark.parametrize(
    ("changed", "title", "numbers"),
    [
        ("DELETE FROM credito_pedidos WHERE id % 20 <> 0", "PoucosPedidos", "são precisos 200"),
        (
            "UPDATE credito_pedidos SET desfecho = 'pago' WHERE desfecho = 'inadimplente'",
            "PoucosPedidos",
            "0 deles ruins",
        ),
        (
            "UPDATE credito_pedidos SET desfecho = NULL",
            "PedidosInaproveitaveis",
            "De 1.500 pedidos, 0 têm",
        ),
        (
            "UPDATE credito_pedidos SET atributos = '{}', cliente = id::text",
            "PedidosInaproveitaveis",
            "não se sabia mais nada",
        ),
    ],
)
def test_what_could_not_be_learned_honestly_is_refused_with_numbers(
    company: Company, changed: str, title: str, numbers: str
) -> None:
    dataset = load(company.tenant)
    change(company.tenant, changed)
    job = train(company.client, dataset)
    assert (job["state"], job["attempt"], job["error"]["title"]) == ("failed", 1, title)
    assert numbers in job["error"]["detail"]
    assert company.client.get("/credito/modelos").json["total"] == 0


@pytest.mark.slow
def test_sensitive_columns_are_never_read_but_judged_by(company: Company) -> None:
    dataset = load(company.tenant)
    change(
        company.tenant,
        "INSERT INTO credito_politicas (tenant, versao, conteudo, criada_por, motivo) VALUES"
        ' (:tenant, 1, \'{"sensiveis": ["cliente.Sexo do Sócio", "cliente.raca"], "custos":'
        " {\"perda_por_inadimplencia\": 0.5, \"margem\": 0.5}}', 'teste', 'teste')",
        tenant=company.tenant,
    )
    report = report_of(train(company.client, dataset, ignorar=["pedido.Canal"]))
    row = version_row(company.tenant, 1)
    said = {each["coluna"]: each["motivo"] for each in report["colunas_fora"]}
    assert said["pedido.canal"] == "Pedida para ser ignorada."
    assert "cliente.sexo_do_socio" not in {e["column"]["name"] for e in row.encoder["columns"]}
    groups = row.metrics["por_cliente.sexo_do_socio"]
    assert {each["grupo"] for each in groups} == {"F", "M"}
    assert row.metrics["decisao"]["limiar_de_indiferenca"] == 0.5
    assert row.data["politica_versao"] == 1
    assert not any("A política não diz os custos" in said for said in report["avisos"])
    (unknown,) = [said for said in report["avisos"] if said.startswith("Nenhum pedido traz")]
    assert "cliente.raca," in unknown
    assert "sexo" not in unknown


@pytest.mark.slow
def test_a_champion_that_reads_what_became_sensitive_is_replaced_whatever_it_scores(
    company: Company,
) -> None:
    dataset = load(company.tenant)
    report_of(train(company.client, dataset))
    strong = ["serasa_pontuacao", "titulos_em_atraso", "valor_em_atraso", "maior_atraso_dias"]
    put_policy(company.client, sensiveis=strong)
    second = report_of(train(company.client, dataset))
    assert (second["versao"], second["promovido"]) == (2, True)
    assert second["motivo"].startswith("A versão 1 olha para o que não pode mais: maior_atraso")
    assert alias(company.tenant, Alias.CHAMPION) == 2


def test_orders_too_young_for_their_outcome_neither_train_nor_judge(company: Company) -> None:
    dataset = load(company.tenant)
    orders = read_orders(reader(company.tenant), dataset, "pagamento", UNTIL)
    old_enough = mature(orders)
    late = ~old_enough
    # Of the late ones nearly all that are known were paid.
    assert orders.y[late].mean() < 0.5 * orders.y[old_enough].mean()
    parted = part(labelled(orders.part(old_enough), ()), "pagamento")
    judged = orders.part(old_enough).part(parted.split.validation)
    trained = orders.part(old_enough).part(parted.split.training)
    assert parted.gap is not None
    assert trained.known_at.max() <= judged.as_of.min()
    assert abs(trained.y.mean() - judged.y.mean()) < 0.08


def test_a_foreign_dataset_is_not_trained_on(make_company: MakeCompany) -> None:
    one, other = make_company(), make_company()
    dataset = load(one.tenant)
    body = {"dataset": str(dataset)}
    assert other.client.post("/credito/retreinamentos", body).status == 404
    change(one.tenant, "UPDATE credito_datasets SET estado = 'aberto' WHERE alvo IS NOT NULL")
    assert one.client.post("/credito/retreinamentos", body).status == 409
