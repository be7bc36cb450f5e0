"""The policy: a cautious default, versions that stay, a trial before it is put to use."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.core.jobs import SYSTEM
from tests.client import Client, assert_problem
from tests.credit.companies import Company
from tests.credit.conftest import MakeCompany, Sending, rows
from tests.credit.decisions.deciding import decide, order, publish_credit_model, put_policy
from tests.gym.work import work_off

POLITICA = "/credito/politica"
FRIENDLY = {"limiares": {"aprova_abaixo_de": 1.0, "nega_a_partir_de": 1.0}}


def _put(client: Client, politica: Any, etag: str | None = None, motivo: str = "Teste.") -> Any:
    headers = {} if etag is None else {"If-Match": etag}
    return client.put(POLITICA, {"politica": politica, "motivo": motivo}, headers=headers)


def test_default_is_stated_until_somebody_edits_it(company: Company) -> None:
    found = company.client.get(POLITICA)
    assert (found.json["versao"], found.json["padrao"]) == (0, True)
    assert found.headers["ETag"] == '"0"'
    rules = found.json["politica"]["regras"]
    denies = {n for n, r in rules.items() if r["ativa"] and r["consequencia"] == "negado"}
    reviews = {n for n, r in rules.items() if r["ativa"] and r["consequencia"] == "revisao"}
    assert denies == {"falencia", "limite"}
    assert {"cliente_desconhecido", "sem_limite", "titulos_em_atraso"} <= reviews


def test_what_is_read_can_be_sent_back(company: Company) -> None:
    read = company.client.get(POLITICA).json["politica"]
    kept = _put(company.client, read)
    assert kept.status == 200
    assert kept.json["politica"] == read


def test_versions_stay_and_decisions_name_theirs(company: Company) -> None:
    publish_credit_model(company.tenant)
    first = decide(company.client)
    changed = put_policy(company.client, **FRIENDLY)
    second = decide(company.client, valor="20000.00")
    assert (first["politica_versao"], changed["versao"], second["politica_versao"]) == (1, 2, 2)
    assert second["decisao"] == "aprovado"
    versions = company.client.get(f"{POLITICA}/versoes").json["items"]
    assert [(v["versao"], v["padrao"], v["motivo"]) for v in versions] == [
        (2, False, "Conferida."),
        (1, True, "Política padrão."),
    ]
    assert company.client.get(f"{POLITICA}/versoes", limit=1).json["next"] is not None


def test_lost_updates_are_refused(company: Company) -> None:
    etag = company.client.get(POLITICA).headers["ETag"]
    assert _put(company.client, {}, etag).headers["ETag"] == '"1"'
    assert_problem(_put(company.client, FRIENDLY, etag), 412, "PoliticaDesatualizada")
    assert _put(company.client, FRIENDLY, "*").json["versao"] == 2


def test_the_default_that_an_order_met_is_on_the_trail_and_still_the_one_that_was_read(
    company: Company,
) -> None:
    etag = company.client.get(POLITICA).headers["ETag"]
    decide(company.client)
    decide(company.client)
    assert company.client.get(POLITICA).headers["ETag"] == '"1"'
    kept = rows("SELECT ator, acao, objeto FROM auditoria WHERE acao LIKE 'politica.%'")
    assert [tuple(each) for each in kept] == [(SYSTEM, "politica.padrao_em_uso", "politica:1")]
    assert _put(company.client, FRIENDLY, etag).json["versao"] == 2
    assert_problem(_put(company.client, {}, etag), 412, "PoliticaDesatualizada")
    assert_problem(_put(company.client, {}, '"1"'), 412, "PoliticaDesatualizada")


def test_two_edits_at_once_do_not_take_one_version(company: Company) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: _put(company.client, FRIENDLY), range(8)))
    taken = [a.json["versao"] for a in answers if a.status == 200]
    assert len(set(taken)) == len(taken) >= 1
    for answer in answers:
        if answer.status != 200:
            assert_problem(answer, 409, "PoliticaMudou")


@pytest.mark.parametrize(
    ("politica", "field"),
    [
        ({"outra": 1}, "outra"),
        ({"regras": {"limite": {"ativa": 1, "consequencia": "negado"}}}, "regras.limite.ativa"),
        ({"regras": {"limite": {"ativa": True, "consequencia": "some"}}}, "regras.limite"),
        ({"regras": {"protestos": {"ativa": True, "consequencia": "negado"}}}, "regras.protestos"),
        ({"limiares": {"aprova_abaixo_de": 0.6, "nega_a_partir_de": 0.4}}, "limiares"),
        ({"limiares": {"aprova_abaixo_de": -0.1, "nega_a_partir_de": 0.4}}, "limiares"),
        ({"custos": {"perda_por_inadimplencia": 0, "margem": 0.1}}, "custos"),
        ({"sensiveis": ["sexo"]}, "politica"),
        ({"sensiveis": ["cliente."]}, "politica"),
        ({"alteraveis": {"uso_do_limite": {"direcao": "diminui", "minimo": 0, "maximo": 1}}}, ""),
        ({"alteraveis": {"valor_pedido": {"direcao": "some", "minimo": 0, "maximo": 1}}}, ""),
        ({"alteraveis": {"valor_pedido": {"direcao": "diminui", "minimo": 1, "maximo": 1}}}, ""),
        (
            {
                "sensiveis": ["cliente.x"],
                "alteraveis": {"cliente.x": {"direcao": "diminui", "minimo": 0, "maximo": 1}},
            },
            "politica",
        ),
    ],
)
def test_nonsense_is_refused(company: Company, politica: Any, field: str) -> None:
    refused = assert_problem(_put(company.client, politica), 422, "ValidationFailed")
    assert any(field in error["campo"] for error in refused["errors"])
    assert company.client.get(POLITICA).json["versao"] == 0


def test_a_change_says_why(company: Company) -> None:
    assert_problem(company.client.put(POLITICA, {"politica": {}}), 422, "ValidationFailed")
    assert_problem(_put(company.client, {}, motivo="  "), 422, "ValidationFailed")


def test_policies_are_each_companys_own(company: Company, make_company: MakeCompany) -> None:
    put_policy(company.client, **FRIENDLY)
    other = make_company().client
    assert other.get(POLITICA).json["versao"] == 0
    assert other.get(f"{POLITICA}/versoes").json["items"] == []


def test_trial_counts_what_would_change_and_changes_nothing(company: Company) -> None:
    client = company.client
    publish_credit_model(company.tenant)
    decide(client)
    denied = [decide(client, valor="20000.00") for _ in range(2)]
    overdue = order()["itens"]
    overdue["cliente"]["titulos_em_atraso"] = 2
    decide(client, itens=overdue)
    client.post(
        f"/credito/pedidos/{denied[0]['id']}/revisao", {"decisao": "aprovado", "motivo": "x"}
    )
    client.post(f"/credito/pedidos/{denied[0]['id']}/desfecho", {"desfecho": "pago"})
    trial = {**FRIENDLY, "regras": {"limite": {"ativa": False, "consequencia": "negado"}}}
    found = client.post(f"{POLITICA}/simular", {"politica": trial}).json
    assert (found["analisados"], found["completa"], found["mudariam"]) == (4, True, 2)
    (change,) = found["mudancas"]
    assert (change["de"], change["para"], change["pedidos"], change["valor"]) == (
        "negado",
        "aprovado",
        2,
        "40000.00",
    )
    assert change["desfechos"] == {"pago": 1}
    assert found["antes"] == {"aprovado": 1, "negado": 2, "revisao": 1}
    assert found["depois"] == {"aprovado": 3, "revisao": 1}
    assert client.get(POLITICA).json["versao"] == 1


def test_trial_of_the_policy_in_use_changes_nothing(company: Company) -> None:
    publish_credit_model(company.tenant)
    for valor in ("100.00", "17000.00", "20000.00"):
        decide(company.client, valor=valor)
    in_use = company.client.get(POLITICA).json["politica"]
    found = company.client.post(f"{POLITICA}/simular", {"politica": in_use}).json
    assert (found["analisados"], found["mudariam"], found["mudancas"]) == (3, 0, [])


def test_trial_leaves_to_people_what_a_model_saw_that_becomes_sensitive(company: Company) -> None:
    publish_credit_model(company.tenant)
    decide(company.client)
    trial = {"politica": {"sensiveis": ["cliente.segmento"]}}
    found = company.client.post(f"{POLITICA}/simular", trial).json
    assert found["depois"] == {"revisao": 1}


def test_trial_of_a_period_without_decisions(company: Company) -> None:
    sent = {"politica": {}, "desde": "2001-01-01T00:00:00Z", "ate": "2001-02-01T00:00:00Z"}
    found = company.client.post(f"{POLITICA}/simular", sent).json
    assert (found["analisados"], found["mudariam"], found["valor"]) == (0, 0, "0")


def test_columns_are_named_as_items_are_kept_however_they_are_written(company: Company) -> None:
    room = {"direcao": "diminui", "minimo": 0, "maximo": 1}
    kept = put_policy(
        company.client,
        sensiveis=["Cliente.Sexo", "cliente.Estado Civil", "cliente.sexo", "Títulos em atraso"],
        alteraveis={"pedido.Prazo (dias)": room},
    )
    assert kept["politica"]["sensiveis"] == [
        "cliente.sexo",
        "cliente.estado_civil",
        "titulos_em_atraso",
    ]
    assert list(kept["politica"]["alteraveis"]) == ["pedido.prazo_dias"]
    twice = {"alteraveis": {"pedido.Prazo": room, "pedido.prazo": room}}
    assert_problem(_put(company.client, twice), 422, "ValidationFailed")


def test_a_model_that_reads_a_sensitive_column_written_otherwise_does_not_answer(
    company: Company,
) -> None:
    publish_credit_model(company.tenant)
    put_policy(company.client, sensiveis=["cliente.Segmento"])
    found = decide(company.client)
    assert (found["decisao"], found["probabilidade"]) == ("revisao", None)
    assert found["avisos"][0]["tipo"] == "modelo_usa_coluna_sensivel"
    fair = company.client.get("/credito/equidade", coluna="Cliente.SEGMENTO")
    assert (fair.json["coluna"], fair.json["n"]) == ("cliente.segmento", 1)


def test_whoever_names_a_column_that_no_dataset_has_is_told(
    company: Company, sending: Sending
) -> None:
    assert sending.conclude(sending.store_whole(canal_de_venda="loja")).status == 202
    work_off()
    kept = put_policy(company.client, sensiveis=["pedido.Canal de venda", "cliente.sexo"])
    (said,) = kept["avisos"]
    assert "cliente.sexo" in said
    assert "canal" not in said
    assert company.client.get(POLITICA).json["avisos"] == []
