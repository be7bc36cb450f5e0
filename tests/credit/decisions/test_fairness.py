"""Fairness: shares by group with intervals, for columns declared sensitive, small groups named."""

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.credit.service_fairness import OTHERS, UNKNOWN, Group, group_values
from chalicelib.ml.proportions import newcombe, wilson
from tests.client import Client, assert_problem
from tests.credit.companies import Company
from tests.credit.conftest import MakeCompany
from tests.credit.decisions.deciding import decide, order, put_policy

EQUIDADE = "/credito/equidade"


@dataclass
class Row(Group):
    """Counts of one value, as the database gives them."""

    valor: Any = None


def _row(valor: Any, n: int) -> Row:
    return Row("", n, n // 2, valor=valor)


def _many(company: Company, sexo: str | None, n: int, **stands: Any) -> None:
    """Copies of a decided order, of a group, as they stand."""
    items = order()["itens"]
    items["cliente"]["atributos"] = {} if sexo is None else {"sexo": sexo}
    pedido_id = decide(company.client, itens=items, cliente=f"{sexo}-{stands}")["id"]
    values = {"situacao": "negado", "desfecho": None, "id": pedido_id, "n": n, **stands}
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(
            text(
                "WITH copia AS (INSERT INTO credito_pedidos"
                " (tenant, dataset_id, numero, cliente, valor, pedido_em, desfecho)"
                " SELECT tenant, dataset_id, numero || '-' || g, cliente, valor, pedido_em,"
                " cast(:desfecho AS text) FROM credito_pedidos, generate_series(1, :n) g"
                " WHERE id = :id RETURNING id)"
                " INSERT INTO credito_decisoes (tenant, pedido_id, cliente, decisao, situacao,"
                " origem, politica_versao, entradas, sensiveis, decidido_em, decidido_por)"
                " SELECT d.tenant, copia.id, d.cliente, d.decisao, cast(:situacao AS text),"
                " d.origem, d.politica_versao, d.entradas, d.sensiveis, d.decidido_em,"
                " d.decidido_por FROM credito_decisoes d, copia WHERE d.pedido_id = :id"
            ),
            values,
        )
        session.execute(text("DELETE FROM credito_decisoes WHERE pedido_id = :id"), values)


@pytest.fixture
def shop(company: Company) -> Company:
    """A company that has declared a column sensitive."""
    put_policy(company.client, sensiveis=["cliente.sexo"])
    return company


def _report(client: Client, **query: Any) -> dict[str, Any]:
    answer = client.get(EQUIDADE, coluna="cliente.sexo", **query)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def test_shares_by_group_and_by_outcome(shop: Company) -> None:
    _many(shop, "M", 40, situacao="aprovado", desfecho="pago")
    _many(shop, "M", 20, situacao="aprovado", desfecho="inadimplente")
    _many(shop, "M", 40)
    _many(shop, "F", 30, situacao="aprovado", desfecho="pago")
    _many(shop, "F", 10, desfecho="pago")
    _many(shop, "F", 30, situacao="revisao")
    _many(shop, None, 3)
    found = _report(shop.client)
    assert (found["n"], found["referencia"]) == (173, "M")
    groups = {group["grupo"]: group for group in found["grupos"]}
    men, women = groups["M"], groups["F"]
    assert [men[k] for k in ("n", "aprovados", "em_revisao", "negados")] == [100, 60, 0, 40]
    assert [women[k] for k in ("n", "aprovados", "em_revisao", "negados")] == [70, 30, 30, 10]
    assert men["diferenca_de_aprovacao"] is None
    share = wilson(30, 70)
    assert women["aprovacao"] == {
        "valor": share.value,
        "minimo": share.low,
        "maximo": share.high,
        "n": 70,
    }
    apart = newcombe(wilson(30, 40), wilson(40, 40))
    assert women["diferenca_de_oportunidade"] == {
        "valor": apart.value,
        "minimo": apart.low,
        "maximo": apart.high,
        "n": 40,
    }
    assert apart.value == -0.25
    assert apart.high < 0


def test_small_groups_are_named_and_not_computed(shop: Company) -> None:
    _many(shop, "M", 40, situacao="aprovado", desfecho="inadimplente")
    _many(shop, "F", 29, situacao="aprovado", desfecho="pago")
    groups = {group["grupo"]: group for group in _report(shop.client)["grupos"]}
    assert groups["F"]["n"] == 29
    for name in ("aprovacao", "aprovacao_dos_bons", "diferenca_de_aprovacao"):
        assert groups["F"][name] is None
    assert groups["F"]["motivo"] == "Menos de 30 pedidos: aprovação, bons, ruins."
    assert groups["M"]["aprovacao"]["valor"] == 1
    assert groups["M"]["aprovacao_dos_ruins"]["valor"] == 1
    assert groups["M"]["motivo"] == "Menos de 30 pedidos: bons."


def test_only_columns_that_are_declared(shop: Company, make_company: MakeCompany) -> None:
    for column in ("cliente.segmento", "valor_pedido", "'; --"):
        refused = shop.client.get(EQUIDADE, coluna=column)
        assert_problem(refused, 422, "ColunaNaoSensivel")
    assert shop.client.get(EQUIDADE).status == 422
    other = make_company()
    refused = other.client.get(EQUIDADE, coluna="cliente.sexo")
    assert_problem(refused, 422, "ColunaNaoSensivel")
    put_policy(other.client, sensiveis=["cliente.sexo"])
    _many(shop, "M", 30)
    assert _report(other.client)["n"] == 0


def test_period_counts(shop: Company) -> None:
    _many(shop, "M", 30)
    assert _report(shop.client, desde=utc_now().isoformat())["n"] == 0
    assert _report(shop.client, ate=utc_now().isoformat())["n"] == 30
    assert _report(shop.client, ate="2001-01-01T00:00:00Z")["referencia"] is None


def test_many_numbers_become_bands_of_like_size() -> None:
    groups = group_values([_row(age, 10) for age in range(20, 60)] + [_row(None, 5)])
    assert [(g.nome, g.n) for g in groups] == [
        ("20 a 29", 100),
        ("30 a 39", 100),
        ("40 a 49", 100),
        ("50 a 59", 100),
        (UNKNOWN, 5),
    ]


def test_many_texts_are_summed_behind_the_largest() -> None:
    groups = group_values([_row(f"cidade {n}", 50 - n) for n in range(25)])
    assert (len(groups), groups[-1].nome, groups[-1].n) == (21, OTHERS, sum(range(26, 31)))


def test_few_numbers_and_truth_values_are_groups() -> None:
    assert [g.nome for g in group_values([_row(1, 3), _row(2.5, 2), _row(True, 1)])] == [
        "1",
        "2,5",
        "sim",
    ]
