"""News that comes with an order: laid over what is known, and no way around the limit."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.clock import utc_now
from tests.client import Client
from tests.credit.companies import Company
from tests.credit.conftest import rows
from tests.credit.decisions.deciding import decide, order, publish_credit_model, put_policy, used
from tests.gym.work import work_off

PEDIDOS = "/credito/pedidos"
LIMIT = {"limite": {"valor": "3000.00"}}


@pytest.fixture
def lenient(company: Company) -> Client:
    """A company whose model approves everything: what is denied is denied by a rule."""
    publish_credit_model(company.tenant)
    put_policy(company.client, limiares={"aprova_abaixo_de": 1.0, "nega_a_partir_de": 1.0})
    return company.client


def _rules(found: dict[str, Any]) -> set[str]:
    return {rule["regra"] for rule in found["regras"]}


# Of the cliente.


def test_what_an_order_leaves_out_stays_as_it_was_known(lenient: Client) -> None:
    known = {"titulos_em_atraso": 3, "maior_atraso_dias": 90, "atributos": {"segmento": "varejo"}}
    decide(lenient, cliente="K", itens={"cliente": known} | LIMIT)
    news = {"titulos_pagos": 5, "atributos": {"porte": "pequeno"}}
    found = decide(lenient, cliente="K", itens={"cliente": news})
    assert {"titulos_em_atraso", "dias_de_atraso"} <= _rules(found)
    (last,) = rows(
        "SELECT titulos_pagos, titulos_em_atraso, atributos FROM credito_clientes"
        " WHERE codigo = 'K' ORDER BY vale_desde DESC LIMIT 1"
    )
    assert tuple(last) == (5, 3, {"segmento": "varejo", "porte": "pequeno"})


def test_news_of_one_instant_add_up(lenient: Client) -> None:
    since = {"vale_desde": "2026-01-05T10:00:00Z"}
    for said in ({"titulos_em_atraso": 3}, {"titulos_pagos": 5}):
        decide(lenient, cliente="K", itens={"cliente": since | said})
    asked = {"consultada_em": "2026-01-05T10:00:00Z"}
    for said in ({"protestos": 4}, {"pontuacao": 700}):
        decide(lenient, cliente="K", itens={"consulta": asked | said})
    found = decide(lenient, cliente="K", itens={})
    assert {"titulos_em_atraso", "protestos"} <= _rules(found)


def test_news_of_the_past_are_laid_over_what_was_known_then(lenient: Client) -> None:
    early, late = "2026-01-05T10:00:00Z", "2026-02-05T10:00:00Z"
    for since, overdue in ((early, 0), (late, 3)):
        news = {"vale_desde": since, "titulos_em_atraso": overdue}
        decide(lenient, cliente="K", itens={"cliente": news} | LIMIT)
    between = {"vale_desde": "2026-01-20T10:00:00Z", "titulos_pagos": 7}
    assert "titulos_em_atraso" in _rules(decide(lenient, cliente="K", itens={"cliente": between}))
    (found,) = rows("SELECT titulos_em_atraso FROM credito_clientes WHERE titulos_pagos = 7")
    assert found.titulos_em_atraso == 0


def test_a_query_takes_nothing_over_from_an_earlier_one(lenient: Client) -> None:
    decide(lenient, cliente="K", itens={"consulta": {"protestos": 4}})
    found = decide(lenient, cliente="K", itens={"consulta": {"pontuacao": 700}})
    assert "protestos" not in _rules(found)
    # But a bankruptcy is not forgotten.
    decide(lenient, cliente="K", itens={"consulta": {"falencia": True}})
    assert "falencia" in _rules(decide(lenient, cliente="K", itens={"consulta": {"protestos": 0}}))


# Of the limit.


def test_a_limit_that_comes_with_every_order_is_used_up(lenient: Client) -> None:
    found = [decide(lenient, cliente="K", itens=_with_limit()) for _ in range(3)]
    assert [each["decisao"] for each in found] == ["aprovado", "negado", "negado"]


def test_what_was_said_to_be_used_counts_on_with_what_was_approved_since(lenient: Client) -> None:
    decide(lenient, cliente="K", valor="500.00", itens=_with_limit(used("3000.00", "1000.00")))
    found = decide(lenient, cliente="K", valor="1.00", itens=_with_limit())
    assert found["exposicao"] == "1500.00"


def test_news_of_a_limit_keep_its_own_columns(lenient: Client) -> None:
    decide(lenient, cliente="K", itens={"limite": {"valor": "1", "atributos": {"classe": "A"}}})
    decide(lenient, cliente="K", itens={"limite": {"valor": "2", "atributos": {"regiao": "S"}}})
    (last,) = rows("SELECT atributos FROM credito_limites WHERE valor = 2")
    assert last.atributos == {"classe": "A", "regiao": "S"}


def test_a_lot_of_orders_with_their_limit_uses_it_once(lenient: Client) -> None:
    since = {"vale_desde": (utc_now() - timedelta(hours=1)).isoformat()}
    limit = {"valor": "3000.00", "utilizado": "0.00"}
    for cliente, said in (("A", limit | since), ("B", LIMIT["limite"]), ("C", limit)):
        orders = [order(cliente=cliente, itens=_with_limit(said)) for _ in range(4)]
        answer = lenient.post(f"{PEDIDOS}/lote", {"pedidos": orders})
        assert answer.status == 202, answer.body
        work_off()
        seen = lenient.get(answer.headers["Location"]).json
        expected = (0, 0, 4) if cliente == "C" else (1, 3, 0)
        assert (seen["aprovados"], seen["negados"], seen["problemas"]) == expected


def test_orders_at_once_with_their_limit_use_it_once(lenient: Client) -> None:
    for turn in range(4):
        bodies = [order(cliente=f"T{turn}", itens=_with_limit()) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda body: lenient.post(PEDIDOS, body).json, bodies))
        assert sorted(a["decisao"] for a in answers) == ["aprovado", *["negado"] * 3]


def test_what_was_invoiced_uses_the_limit_for_as_long_as_the_policy_says(lenient: Client) -> None:
    past = (utc_now() - timedelta(days=40)).isoformat()
    first, other = (decide(lenient, cliente="K", valor="700.00", data=past) for _ in range(2))
    ended = {"desfecho": "faturado", "em": (utc_now() - timedelta(days=31)).isoformat()}
    assert lenient.post(f"{PEDIDOS}/{first['id']}/desfecho", ended).status == 201
    assert decide(lenient, cliente="K", valor="1.00")["exposicao"] == "1400.00"
    for days, exposure in ((32, "1401.00"), (30, "702.00")):
        rule = {"ativa": True, "consequencia": "negado", "faturado_usa_por_dias": days}
        limits = {"aprova_abaixo_de": 1.0, "nega_a_partir_de": 1.0}
        put_policy(lenient, limiares=limits, regras={"limite": rule})
        assert decide(lenient, cliente="K", valor="1.00")["exposicao"] == exposure
    assert lenient.get(f"{PEDIDOS}/{other['id']}").json["desfecho"] is None


def _with_limit(limit: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"cliente": {"titulos_em_atraso": 0}, "limite": limit or LIMIT["limite"]}
