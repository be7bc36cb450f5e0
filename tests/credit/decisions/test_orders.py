"""Orders: decided once, with reasons that sum to the score, whatever is sent."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from math import fsum
from typing import Any

import pytest
from sqlalchemy import text

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.uploads import object_store
from tests.client import Answer, Client, assert_problem
from tests.conftest import MakeUser
from tests.credit.companies import Company
from tests.credit.conftest import MakeCompany
from tests.credit.decisions.deciding import (
    decide,
    order,
    publish_credit_model,
    put_policy,
    used,
)

PEDIDOS = "/credito/pedidos"


@pytest.fixture
def shop(company: Company) -> Client:
    """A company with a model in use."""
    publish_credit_model(company.tenant)
    return company.client


@pytest.fixture
def lenient(shop: Client) -> Client:
    """A company whose model approves everything: what is denied is denied by a rule."""
    put_policy(shop, limiares={"aprova_abaixo_de": 1.0, "nega_a_partir_de": 1.0})
    return shop


def _rows(table: str, where: str = "true") -> int:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        return int(session.scalar(text(f"SELECT count(*) FROM {table} WHERE {where}")) or 0)


# What is decided.


@pytest.mark.parametrize(
    "sent",
    [
        order(valor="2000"),
        order(valor="20000.00", data="2026-03-18T10:30:00-03:00"),
        order(valor="10.5", atributos={"prazo": 28, "nota": 3.0, "canal": "app", "novo": None}),
        order(valor="9000.00", itens={"limite": {"valor": "1000"}}),
    ],
)
def test_what_is_answered_is_what_is_kept(company: Company, sent: dict[str, Any]) -> None:
    publish_credit_model(company.tenant, names=None)
    put_policy(
        company.client,
        alteraveis={"valor_pedido": {"direcao": "diminui", "minimo": 0, "maximo": 1e6}},
        sensiveis=["cliente.sexo"],
    )
    answered = company.client.post(PEDIDOS, sent)
    assert answered.status == 201
    assert answered.json == company.client.get(f"{PEDIDOS}/{answered.json['id']}").json


def test_model_approves_denies_and_leaves_to_a_person(shop: Client) -> None:
    found = {v: decide(shop, valor=f"{v}.00") for v in (2000, 17000, 20000)}
    assert [(d["decisao"], d["origem"]) for d in found.values()] == [
        ("aprovado", "modelo"),
        ("revisao", "modelo"),
        ("negado", "modelo"),
    ]
    for each in found.values():
        limits = each["limiares"]
        assert (each["probabilidade"] < limits["aprova_abaixo_de"]) == (
            each["decisao"] == "aprovado"
        )
        assert (each["probabilidade"] >= limits["nega_a_partir_de"]) == (
            each["decisao"] == "negado"
        )
        assert each["modelo_versao"] == 1
        assert len(each["modelo_sha256"]) == 64
        assert each["politica_versao"] == 1


@pytest.mark.parametrize(
    "algorithm", ["regressao_logistica", "histograma_gradiente", "floresta_aleatoria"]
)
def test_reasons_sum_to_the_score_and_are_said(company: Company, algorithm: str) -> None:
    publish_credit_model(company.tenant, names=None, algorithm=algorithm)
    found = decide(company.client, valor="15000.00")
    reasons = found["justificativas"]
    assert len(reasons) == 21
    total = found["valor_base"] + fsum(reason["efeito"] for reason in reasons)
    assert abs(total - found["probabilidade"]) <= 1e-6
    effects = [abs(reason["efeito"]) for reason in reasons]
    assert effects == sorted(effects, reverse=True)
    said = {reason["coluna"]: reason for reason in reasons}["valor_pedido"]
    assert said["valor"] == 15000
    assert "R$ 15.000,00" in said["texto"]


def test_denial_names_the_nearest_change_and_it_would_be_approved(shop: Client) -> None:
    denied = decide(shop, valor="20000.00")
    (change,) = denied["contrafactual"]["mudancas"]
    assert (change["coluna"], change["de"], change["direcao"]) == (
        "valor_pedido",
        20000,
        "diminui",
    )
    again = decide(shop, valor=f"{change['para']:.2f}")
    assert again["decisao"] == "aprovado"
    assert again["probabilidade"] == pytest.approx(denied["contrafactual"]["probabilidade"])
    assert decide(shop, valor=f"{change['para'] * 1.01:.2f}")["decisao"] != "aprovado"


def test_denial_by_the_limit_is_approved_to_the_cent_below(lenient: Client) -> None:
    limit = {"limite": used("3000.00", "1500.50")}
    items = order()["itens"] | limit
    denied = decide(lenient, itens=items)
    assert (denied["origem"], denied["regra"], denied["exposicao"]) == (
        "regra",
        "limite",
        "1500.50",
    )
    assert "R$ 1.500,50" in denied["regras"][0]["texto"]
    (change,) = denied["contrafactual"]["mudancas"]
    assert change["para"] == 1499.5
    assert decide(lenient, valor="1499.50", itens=items)["decisao"] == "aprovado"


def test_only_denials_have_a_nearest_change(shop: Client) -> None:
    assert decide(shop)["contrafactual"] is None
    assert decide(shop, valor="17000.00")["contrafactual"] is None
    hopeless = order()["itens"] | {"consulta": {"falencia": True}}
    denied = decide(shop, itens=hopeless)
    assert denied["contrafactual"]["mudancas"] is None
    assert "falencia" in denied["contrafactual"]["motivo"]


def test_unknown_cliente_is_left_to_a_person_by_the_default_policy(shop: Client) -> None:
    found = decide(shop, cliente="Nunca Visto", itens={}, atributos={})
    assert (found["decisao"], found["origem"]) == ("revisao", "regra")
    assert {rule["regra"] for rule in found["regras"]} == {"sem_limite", "cliente_desconhecido"}
    assert found["probabilidade"] is not None
    missing = next(a for a in found["avisos"] if a["tipo"] == "coluna_ausente")
    assert "limite_credito" in missing["colunas"]
    assert "pedido.prazo" in missing["colunas"]
    kinds = [(a["tipo"], a["texto"].partition(":")[0]) for a in found["avisos"]]
    assert len(kinds) == len(set(kinds)), "each thing is said once, of all columns it is true of"


def test_without_a_model_a_person_decides_and_it_is_said(company: Company) -> None:
    found = decide(company.client)
    assert (found["decisao"], found["origem"]) == ("revisao", "sem_modelo")
    assert found["probabilidade"] is None
    assert found["justificativas"] == []
    assert [aviso["tipo"] for aviso in found["avisos"]] == ["sem_modelo"]


def test_model_that_looks_at_a_sensitive_column_does_not_answer(shop: Client) -> None:
    put_policy(shop, sensiveis=["cliente.segmento"])
    found = decide(shop)
    assert (found["decisao"], found["origem"]) == ("revisao", "sem_modelo")
    assert [aviso["tipo"] for aviso in found["avisos"]] == ["modelo_usa_coluna_sensivel"]
    assert found["modelo_versao"] is None
    assert "varejo" not in json.dumps(found)


def test_model_that_is_not_the_registered_one_does_not_answer(company: Company) -> None:
    version = publish_credit_model(company.tenant)
    object_store().put(f"{company.tenant}/models/credito/{version}/model.onnx", b"other")
    found = decide(company.client)
    assert (found["decisao"], found["origem"]) == ("revisao", "sem_modelo")
    assert [aviso["tipo"] for aviso in found["avisos"]] == ["modelo_inutilizavel"]


def test_what_the_model_does_not_know_is_named(shop: Client) -> None:
    items = order()["itens"]
    items["cliente"]["atributos"] = {"segmento": "governo", "região": "Sul"}
    items["limite"]["valor"] = "900000.00"
    found = decide(shop, itens=items, atributos={"prazo": "à vista", "canal": "web"})
    named = {aviso["tipo"]: aviso["colunas"] for aviso in found["avisos"]}
    assert named["coluna_desconhecida"] == ["cliente.regiao", "pedido.canal"]
    assert named["valor_de_outro_tipo"] == ["pedido.prazo"]
    assert named["categoria_nova"] == ["cliente.segmento"]
    assert "fora_da_faixa" in named


def test_items_of_a_lot_and_of_an_order_are_read_alike(shop: Client) -> None:
    as_number = decide(shop, atributos={"prazo": 10})
    as_written = decide(shop, atributos={"Prazo ": "10,0"})
    assert as_written["probabilidade"] == as_number["probabilidade"]
    assert as_written["avisos"] == as_number["avisos"]


# Exposure.


def _keep_limit(client: Client, cliente: str, valor: str, utilizado: str | None = "0.00") -> None:
    """An order that brings a limit along, and is itself left to a person."""
    limit = {"valor": valor} if utilizado is None else used(valor, utilizado)
    items = {"cliente": {"titulos_em_atraso": 1}, "limite": limit}
    found = decide(client, cliente=cliente, valor="0.00", itens=items)
    assert found["decisao"] == "revisao"


def _of(client: Client, cliente: str, valor: str) -> dict[str, Any]:
    items = {"cliente": {"titulos_em_atraso": 0}}
    return decide(client, cliente=cliente, valor=valor, itens=items)


def test_approved_orders_use_the_limit_until_they_are_paid(lenient: Client) -> None:
    _keep_limit(lenient, "C9", "5000.00", "1000.00")
    first = _of(lenient, "C9", "3000.00")
    assert (first["decisao"], first["exposicao"]) == ("aprovado", "1000.00")
    second = _of(lenient, "C9", "1000.01")
    assert (second["decisao"], second["exposicao"]) == ("negado", "4000.00")
    lenient.post(f"{PEDIDOS}/{first['id']}/desfecho", {"desfecho": "pago"})
    third = _of(lenient, "C9", "1000.01")
    assert (third["decisao"], third["exposicao"]) == ("aprovado", "1000.00")


def test_a_default_goes_on_using_the_limit_and_a_blocked_order_does_not(lenient: Client) -> None:
    _keep_limit(lenient, "C9", "9000.00")
    one, other = _of(lenient, "C9", "2000.00"), _of(lenient, "C9", "3000.00")
    lenient.post(f"{PEDIDOS}/{one['id']}/desfecho", {"desfecho": "inadimplente"})
    lenient.post(f"{PEDIDOS}/{other['id']}/desfecho", {"desfecho": "bloqueado"})
    assert _of(lenient, "C9", "1.00")["exposicao"] == "2000.00"


def test_a_newer_limit_counts_what_was_approved_before_as_used(lenient: Client) -> None:
    _keep_limit(lenient, "C9", "9000.00")
    _of(lenient, "C9", "2000.00")
    _keep_limit(lenient, "C9", "9000.00", "2500.00")
    assert _of(lenient, "C9", "1.00")["exposicao"] == "2500.00"


def test_where_nobody_says_what_is_used_all_that_is_not_paid_is(lenient: Client) -> None:
    _keep_limit(lenient, "C9", "9000.00")
    _of(lenient, "C9", "2000.00")
    _keep_limit(lenient, "C9", "9000.00", None)
    assert _of(lenient, "C9", "1.00")["exposicao"] == "2000.00"


def test_what_is_used_is_each_clientes_own(lenient: Client) -> None:
    for cliente in ("C8", "C9"):
        _keep_limit(lenient, cliente, "9000.00")
    _of(lenient, "C8", "2000.00")
    assert _of(lenient, "C9", "1.00")["exposicao"] == "0.00"


def test_two_orders_at_once_do_not_both_use_the_last_of_a_limit(lenient: Client) -> None:
    for turn in range(8):
        cliente = f"T{turn}"
        _keep_limit(lenient, cliente, "3000.00")
        bodies = [
            order(cliente=cliente, itens={"cliente": {"titulos_em_atraso": 0}}) for _ in range(4)
        ]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda body: lenient.post(PEDIDOS, body).json, bodies))
        assert sorted(a["decisao"] for a in answers) == ["aprovado", *["negado"] * 3]


def test_first_orders_of_a_new_cliente_at_once_wait_for_each_other(lenient: Client) -> None:
    put_policy(
        lenient,
        limiares={"aprova_abaixo_de": 1.0, "nega_a_partir_de": 1.0},
        regras={"sem_limite": {"ativa": False, "consequencia": "revisao"}},
    )
    bodies = [order(cliente="Novo", itens={"cliente": {"titulos_pagos": 0}}) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: lenient.post(PEDIDOS, body).json, bodies))
    assert sorted(float(a["exposicao"]) for a in answers) == [0, 2000, 4000, 6000]


# Once.


def test_an_order_is_decided_once(shop: Client) -> None:
    body = order()
    first = shop.post(PEDIDOS, body)
    assert first.headers["Location"] == f"{PEDIDOS}/{first.json['id']}"
    again = shop.post(PEDIDOS, body)
    assert_problem(again, 409, "PedidoRepetido")
    assert again.headers["Location"] == first.headers["Location"]
    assert shop.get(again.headers["Location"]).json == first.json
    assert_problem(shop.post(PEDIDOS, {**body, "valor": "9.00"}), 409, "PedidoRepetido")
    assert (_rows("credito_decisoes"), _rows("credito_pedidos")) == (1, 1)


def test_two_of_one_number_at_once_are_one(shop: Client) -> None:
    body = order()
    with ThreadPoolExecutor(4) as pool:
        answers: list[Answer] = list(pool.map(lambda _: shop.post(PEDIDOS, body), range(4)))
    assert sorted(a.status for a in answers) == [201, 409, 409, 409]
    assert len({a.headers["Location"] for a in answers}) == 1
    assert _rows("credito_decisoes") == 1


def test_with_a_key_the_first_answer_comes_again(shop: Client) -> None:
    body, key = order(), {"Idempotency-Key": "k-1"}
    first = shop.post(PEDIDOS, body, headers=key)
    again = shop.post(PEDIDOS, body, headers=key)
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert _rows("credito_decisoes") == 1


def test_a_number_that_came_with_a_dataset_is_not_decided(shop: Client, company: Company) -> None:
    with unit_of_work(tenant=company.tenant) as session:
        session.execute(
            text(
                "INSERT INTO credito_pedidos (tenant, dataset_id, numero, cliente, valor)"
                " SELECT tenant, id, 'H-1', 'C1', 10 FROM credito_datasets"
            )
        )
    refused = assert_problem(shop.post(PEDIDOS, order(numero="H-1")), 409, "PedidoRepetido")
    assert "history" in refused["detail"]


def test_numbers_are_each_companys_own(shop: Client, make_company: MakeCompany) -> None:
    other = make_company().client
    body = order()
    assert [c.post(PEDIDOS, body).status for c in (shop, other)] == [201, 201]


# What is sent.


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"valor": "-0.01"}, "valor"),
        ({"valor": True}, "valor"),
        ({"valor": "1e20"}, "valor"),
        ({"valor": "NaN"}, "valor"),
        ({"valor": "10.001"}, "valor"),
        ({"valor": None}, "valor"),
        ({"numero": ""}, "numero"),
        ({"numero": "n" * 101}, "numero"),
        ({"numero": 7}, "numero"),
        ({"cliente": " "}, "cliente"),
        ({"data": "2999-01-01"}, "data"),
        ({"data": "ontem"}, "data"),
        ({"data": "2026-02-30"}, "data"),
        ({"data": 1700000000}, "data"),
        ({"atributos": {"a": [1]}}, "atributos"),
        ({"atributos": {f"a{n}": n for n in range(301)}}, "atributos"),
        ({"atributos": {"a": "x" * 501}}, "atributos"),
        ({"atributos": {"a" * 61: 1}}, "atributos"),
        ({"atributos": {"Seg": 1, "seg": 2}}, "seg"),
        ({"itens": {"cliente": {"titulos_em_atraso": -1}}}, "itens.cliente.titulos_em_atraso"),
        ({"itens": {"limite": {}}}, "itens.limite.valor"),
        ({"itens": {"limite": {"valor": "-1"}}}, "itens.limite.valor"),
        ({"itens": {"limite": {"valor": "1", "utilizado": "0"}}}, "itens.limite.vale_desde"),
        ({"itens": {"cliente": {}}}, "itens.cliente"),
        ({"itens": {"cliente": {"vale_desde": "2020-01-01"}}}, "itens.cliente"),
        ({"itens": {"cliente": {"atributos": {"segmento": "-"}}}}, "itens.cliente"),
        ({"itens": {"consulta": {"consultada_em": "2020-01-01"}}}, "itens.consulta"),
        ({"itens": {"consulta": {"consultada_em": "2999-01-01"}}}, "itens.consulta.consultada_em"),
        ({"itens": {"cliente": {"cliente_desde": "31/02/2020"}}}, "itens.cliente.cliente_desde"),
        ({"outro": 1}, "outro"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(shop: Client, changes: Any, field: str) -> None:
    refused = assert_problem(shop.post(PEDIDOS, order(**changes)), 422, "ValidationFailed")
    assert any(error["campo"].startswith(field) for error in refused["errors"]), refused
    assert _rows("credito_pedidos") == 0


def test_nul_and_what_is_no_json_are_refused(shop: Client) -> None:
    nul = json.dumps(order(cliente="C\0")).encode()
    assert_problem(shop.post(PEDIDOS, nul), 422, "ValidationFailed")
    assert_problem(shop.post(PEDIDOS, b"{"), 400, "BadRequest")


@pytest.mark.parametrize(
    "changes",
    [
        {"atributos": {f"a{n}": n for n in range(300)}},
        {
            "atributos": {
                "a": "x" * 500,
                "b": 1e-300,
                "c": -1e15,
                "d": True,
                "e": None,
                "f": "\ud7ff",
            }
        },
        {"cliente": "日本 'C' \"D\" %s $1 :nome"},
        {"valor": "0.00"},
        {"valor": "99999999999999.99"},
        {"data": "1970-01-02"},
        {"itens": {"consulta": {"falencia": False}}},
        {
            "itens": {
                "cliente": {"vale_desde": "1999-01-01", "titulos_pagos": 0},
                "limite": {"valor": "0.00"},
            }
        },
        {"itens": {"cliente": {"maior_atraso_dias": -3, "atraso_medio_dias": -1.5}}},
    ],
)
def test_whatever_can_be_read_is_decided_and_replays(shop: Client, changes: Any) -> None:
    found = decide(shop, **changes)
    assert found["decisao"] in ("aprovado", "revisao", "negado")
    replay = shop.get(f"{PEDIDOS}/{found['id']}/replay").json
    assert replay["igual"], [field for field in replay["campos"] if not field["igual"]]


def test_an_order_of_the_past_knows_only_its_past(shop: Client) -> None:
    past = (utc_now() - timedelta(days=30)).isoformat()
    _keep_limit(shop, "C9", "5000.00")
    found = decide(shop, cliente="C9", data=past, itens={}, atributos={})
    assert found["limite"] is None
    assert "cliente_desconhecido" in {rule["regra"] for rule in found["regras"]}


def test_an_order_of_today_knows_what_was_learnt_this_morning(shop: Client) -> None:
    _keep_limit(shop, "C9", "5000.00")
    today = (utc_now() - timedelta(hours=3)).date().isoformat()
    assert decide(shop, cliente="C9", data=today, itens={}, atributos={})["limite"] == "5000.00"


# Who may.


def test_others_orders_are_not_there(shop: Client, make_company: MakeCompany) -> None:
    mine = decide(shop)["id"]
    other = make_company().client
    for path in ("", "/replay"):
        assert_problem(other.get(f"{PEDIDOS}/{mine}{path}"), 404, "PedidoNotFound")
    said = {"revisao": {"decisao": "negado", "motivo": "x"}, "desfecho": {"desfecho": "pago"}}
    for path, body in said.items():
        assert_problem(other.post(f"{PEDIDOS}/{mine}/{path}", body), 404, "PedidoNotFound")
    assert other.get(PEDIDOS).json["total"] == 0


def test_who_is_no_company_is_kept_out(client_of: MakeUser, anonymous: Client) -> None:
    assert_problem(anonymous.post(PEDIDOS, order()), 401, "Unauthorized")
    for role in (Role.OPERADOR, Role.CIENTISTA, Role.LEITOR):
        assert client_of(role).post(PEDIDOS, order()).status == 403


# Lists.


def test_lists_are_filtered_and_paged(shop: Client) -> None:
    approved = [decide(shop, cliente=f"L{n}")["id"] for n in range(3)]
    denied = decide(shop, valor="20000.00")["id"]
    found = shop.get(PEDIDOS, situacao="aprovado", limit=2).json
    assert ([i["id"] for i in found["items"]], found["total"]) == (approved[:0:-1], 3)
    rest = shop.get(found["next"]).json
    assert [i["id"] for i in rest["items"]] == approved[:1]
    assert rest["next"] is None
    assert [i["id"] for i in shop.get(PEDIDOS, cliente="L1").json["items"]] == [approved[1]]
    assert [i["id"] for i in shop.get(PEDIDOS, situacao="negado").json["items"]] == [denied]
    assert shop.get(PEDIDOS, origem="regra").json["total"] == 0
    numero = shop.get(f"{PEDIDOS}/{denied}").json["numero"]
    assert shop.get(PEDIDOS, numero=numero).json["total"] == 1
    assert shop.get(PEDIDOS, desde=utc_now().isoformat()).json["total"] == 0
    assert shop.get(PEDIDOS, ate=utc_now().isoformat()).json["total"] == 4
    assert_problem(shop.get(PEDIDOS, cursor="abc"), 400, "CursorInvalid")
    assert shop.get(PEDIDOS, situacao="talvez").status == 422
