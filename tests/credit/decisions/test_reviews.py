"""People: they settle, overturn, say what became of an order; and a decision can be made again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.uploads import object_store
from chalicelib.credit.service_replay import is_same
from chalicelib.ml.versions import model_cache
from tests.client import Answer, Client, assert_problem
from tests.credit.companies import Company
from tests.credit.decisions.deciding import decide, order, publish_credit_model, put_policy

PEDIDOS = "/credito/pedidos"


@pytest.fixture
def shop(company: Company) -> Client:
    """A company with a model in use."""
    publish_credit_model(company.tenant)
    return company.client


def _revise(client: Client, pedido_id: int, decisao: str, motivo: str = "Conversei.") -> Answer:
    return client.post(f"{PEDIDOS}/{pedido_id}/revisao", {"decisao": decisao, "motivo": motivo})


def _outcome(client: Client, pedido_id: int, desfecho: str | None, **more: Any) -> Answer:
    return client.post(f"{PEDIDOS}/{pedido_id}/desfecho", {"desfecho": desfecho, **more})


# Settling.


def test_the_oldest_of_those_that_wait_comes_first(shop: Client) -> None:
    waiting = [decide(shop, valor="17000.00")["id"] for _ in range(3)]
    decide(shop)
    found = shop.get("/credito/revisoes", limit=2).json
    assert ([i["id"] for i in found["items"]], found["total"]) == (waiting[:2], 3)
    assert [i["id"] for i in shop.get(found["next"]).json["items"]] == waiting[2:]
    assert _revise(shop, waiting[0], "aprovado").status == 201
    assert [i["id"] for i in shop.get("/credito/revisoes").json["items"]] == waiting[1:]


def test_a_person_settles_and_overturns_and_all_of_it_stays(shop: Client) -> None:
    pedido_id = decide(shop, valor="17000.00")["id"]
    settled = _revise(shop, pedido_id, "aprovado", "Cliente antigo.").json
    assert (settled["decisao"], settled["situacao"]) == ("revisao", "aprovado")
    overturned = _revise(shop, pedido_id, "negado", "Não é mais.").json
    assert (overturned["decisao"], overturned["situacao"]) == ("revisao", "negado")
    said = [(r["de"], r["para"], r["motivo"], r["por"]) for r in overturned["revisoes"]]
    assert said == [
        ("revisao", "aprovado", "Cliente antigo.", shop.subject),
        ("aprovado", "negado", "Não é mais.", shop.subject),
    ]


def test_saying_the_same_again_is_refused(shop: Client) -> None:
    approved = decide(shop)["id"]
    assert_problem(_revise(shop, approved, "aprovado"), 409, "DecisaoIgual")
    assert_problem(_revise(shop, approved, "revisao"), 422, "ValidationFailed")
    assert_problem(_revise(shop, approved, "negado", " "), 422, "ValidationFailed")
    assert_problem(_revise(shop, 10**9, "negado"), 404, "PedidoNotFound")


def test_two_people_at_once_settle_once(shop: Client) -> None:
    pedido_id = decide(shop, valor="17000.00")["id"]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: _revise(shop, pedido_id, "negado"), range(4)))
    assert sorted(a.status for a in answers) == [201, 409, 409, 409]


def test_what_a_person_approves_uses_the_limit(shop: Client) -> None:
    pedido_id = decide(shop, valor="17000.00")["id"]
    _revise(shop, pedido_id, "aprovado")
    found = decide(shop, itens={"cliente": {"titulos_em_atraso": 0}})
    assert found["exposicao"] == "17000.00"


def test_the_trail_has_no_reasons_of_people(shop: Client) -> None:
    _revise(shop, decide(shop, cliente="Ana Lima")["id"], "negado", "Ana Lima não paga.")
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        trail = session.execute(text("SELECT acao, a::text AS all FROM auditoria a")).all()
    assert {"pedido.decidido", "pedido.revisado"} <= {entry.acao for entry in trail}
    assert not any("Ana" in entry.all for entry in trail)


# What became of it.


def test_outcome_is_recorded_and_corrected_with_a_reason(shop: Client) -> None:
    pedido_id = decide(shop)["id"]
    first = _outcome(shop, pedido_id, "pago").json
    assert first["desfecho"] == "pago"
    assert first["desfecho_em"] is not None
    assert_problem(_outcome(shop, pedido_id, "pago"), 409, "DesfechoIgual")
    assert_problem(_outcome(shop, pedido_id, "inadimplente"), 409, "CorrecaoSemMotivo")
    fixed = _outcome(shop, pedido_id, "inadimplente", motivo="Era outro.").json
    assert fixed["desfecho"] == "inadimplente"
    gone = _outcome(shop, pedido_id, None, motivo="Ainda não.").json
    assert (gone["desfecho"], gone["desfecho_em"]) == (None, None)
    said = [(d["de"], d["para"], d["motivo"]) for d in gone["desfechos"]]
    assert said == [
        (None, "pago", None),
        ("pago", "inadimplente", "Era outro."),
        ("inadimplente", None, "Ainda não."),
    ]


def test_outcome_lies_between_the_order_and_now(shop: Client) -> None:
    ordered = utc_now() - timedelta(days=10)
    pedido_id = decide(shop, data=ordered.isoformat())["id"]
    for em in ((ordered - timedelta(days=2)).isoformat(), "2999-01-01", "logo"):
        refused = assert_problem(_outcome(shop, pedido_id, "pago", em=em), 422, "ValidationFailed")
        assert refused["errors"][0]["campo"] == "em"
    same_day = (ordered - timedelta(hours=3)).date().isoformat()
    found = _outcome(shop, pedido_id, "faturado", em=same_day)
    assert found.status == 201, found.body


def test_unknown_outcomes_are_refused(shop: Client) -> None:
    pedido_id = decide(shop)["id"]
    assert_problem(_outcome(shop, pedido_id, "perdido"), 422, "ValidationFailed")
    assert_problem(_outcome(shop, 10**9, "pago"), 404, "PedidoNotFound")
    assert_problem(shop.post(f"{PEDIDOS}/{pedido_id}/desfecho", {}), 422, "ValidationFailed")


def test_an_order_whose_outcome_is_known_is_not_revised(shop: Client) -> None:
    pedido_id = decide(shop)["id"]
    _outcome(shop, pedido_id, "pago")
    assert_problem(_revise(shop, pedido_id, "negado"), 409, "PedidoEncerrado")


def test_a_bad_outcome_is_known_to_the_next_order_of_the_cliente(shop: Client) -> None:
    past = (utc_now() - timedelta(days=20)).isoformat()
    pedido_id = decide(shop, data=past)["id"]
    _outcome(shop, pedido_id, "inadimplente", em=(utc_now() - timedelta(days=5)).isoformat())
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        later = decide(shop)["id"]
        row = "SELECT entradas #>> '{caso,linha,pedidos_ruins}' FROM credito_decisoes"
        found = session.scalar(text(f"{row} WHERE pedido_id = :id"), {"id": later})
    assert float(str(found)) == 1


def test_a_denial_is_a_bad_outcome_once_the_company_says_so(shop: Client) -> None:
    past = (utc_now() - timedelta(days=20)).isoformat()
    denied = decide(shop, valor="20000.00", data=past)
    assert denied["decisao"] == "negado"
    bad = []
    for said in (None, "bloqueado"):
        if said:
            _outcome(shop, denied["id"], said, em=(utc_now() - timedelta(days=5)).isoformat())
        row = "SELECT entradas #>> '{caso,linha,pedidos_ruins}' FROM credito_decisoes"
        with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
            later = {"id": decide(shop)["id"]}
            found = session.scalar(text(f"{row} WHERE pedido_id = :id"), later)
        bad.append(float(str(found)))
    assert bad == [0, 1]


# Once more.


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"valor": "17000.00"},
        {"valor": "20000.00"},
        {"itens": {"limite": {"valor": "100.00"}, "consulta": {"falencia": True}}},
        {"itens": {"cliente": {"atributos": {"segmento": "governo"}}}},
        {"atributos": {"prazo": 1 / 3, "outro": 0.1 + 0.2, "texto": "ã 'x' \"y\""}},
    ],
)
def test_a_decision_made_again_is_the_same(shop: Client, changes: Any) -> None:
    found = decide(shop, **changes)
    model_cache().clear()
    again = shop.get(f"{PEDIDOS}/{found['id']}/replay").json
    assert again["igual"], [f for f in again["campos"] if not f["igual"]]
    assert again["indisponivel"] == []
    score = next(f for f in again["campos"] if f["campo"] == "probabilidade")
    assert abs(score["gravado"] - score["recalculado"]) <= 1e-9


@pytest.mark.parametrize("algorithm", ["histograma_gradiente", "floresta_aleatoria"])
def test_of_every_algorithm(company: Company, algorithm: str) -> None:
    publish_credit_model(company.tenant, names=None, algorithm=algorithm)
    found = decide(company.client, valor="20000.00")
    assert company.client.get(f"{PEDIDOS}/{found['id']}/replay").json["igual"]


def test_it_does_not_depend_on_what_came_later(company: Company) -> None:
    publish_credit_model(company.tenant)
    found = decide(company.client, valor="20000.00")
    publish_credit_model(company.tenant, seed=2)
    put_policy(company.client, limiares={"aprova_abaixo_de": 1.0, "nega_a_partir_de": 1.0})
    _revise(company.client, found["id"], "aprovado")
    decide(company.client, itens={"limite": {"valor": "1.00"}})
    again = company.client.get(f"{PEDIDOS}/{found['id']}/replay").json
    assert again["igual"]
    assert (again["modelo_versao"], again["politica_versao"]) == (1, 1)


@pytest.mark.parametrize("sensitive", [[], ["cliente.segmento"]])
def test_without_a_model_too(company: Company, sensitive: list[str]) -> None:
    if sensitive:
        publish_credit_model(company.tenant)
    put_policy(company.client, sensiveis=sensitive)
    found = decide(company.client)
    assert found["origem"] == "sem_modelo"
    assert company.client.get(f"{PEDIDOS}/{found['id']}/replay").json["igual"]


def test_what_is_no_longer_there_is_named(company: Company) -> None:
    version = publish_credit_model(company.tenant)
    found = decide(company.client)
    object_store().delete(f"{company.tenant}/models/credito/{version}/model.onnx")
    model_cache().clear()
    again = company.client.get(f"{PEDIDOS}/{found['id']}/replay").json
    assert (again["igual"], again["campos"]) == (False, [])
    assert again["indisponivel"] == ["modelo 1"]


def test_what_differs_is_named(shop: Client) -> None:
    found = decide(shop)
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text("UPDATE credito_decisoes SET probabilidade = probabilidade + 1e-6"))
    again = shop.get(f"{PEDIDOS}/{found['id']}/replay").json
    assert not again["igual"]
    assert [f["campo"] for f in again["campos"] if not f["igual"]] == ["probabilidade"]


def test_same_is_the_same_shape_and_numbers_within_1e_9() -> None:
    assert is_same({"a": [1, 0.1]}, {"a": [1.0, 0.1 + 1e-10]})
    assert not is_same({"a": 1}, {"a": 1, "b": None})
    assert not is_same([1], [1, 2])
    reason = {"coluna": "pedido.prazo", "efeito": 0.1, "texto": "prazo: 3; aumenta o risco."}
    assert is_same([reason], [reason | {"texto": "Aumenta o risco: prazo de 3 dias."}])
    assert not is_same([reason], [reason | {"efeito": 0.2}])
    assert not is_same(True, 1.0)
    assert not is_same(0.1, 0.1 + 1e-8)


def test_sensitive_values_are_kept_from_what_decides(shop: Client) -> None:
    put_policy(shop, sensiveis=["cliente.sexo"])
    items = order()["itens"]
    items["cliente"]["atributos"]["sexo"] = "F"
    found = decide(shop, itens=items)
    assert found["origem"] == "modelo"
    assert not any("cliente.sexo" in aviso["colunas"] for aviso in found["avisos"])
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        row = session.execute(text("SELECT entradas::text, sensiveis FROM credito_decisoes")).one()
    assert "sexo" not in row.entradas
    assert row.sensiveis == {"cliente.sexo": "F"}
