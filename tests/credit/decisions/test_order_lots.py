"""Orders in lots: each decided once by the queue, whatever happens to worker or neighbours."""

from dataclasses import fields
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from chalicelib.core.claims import claim
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.pages import encode_cursor
from chalicelib.core.runs import JobRun, LeaseLost
from chalicelib.core.types import LARGEST_ID
from chalicelib.core.uploads import object_store
from chalicelib.credit.queues import CREDIT_ORDERS_QUEUE, PedidosMessage
from chalicelib.credit.service_order_lots import decide_lot
from functions.credit.decide_orders import handler
from tests.client import Answer, Client, assert_problem
from tests.core.conftest import change_job, job_row
from tests.credit.companies import Company
from tests.credit.conftest import MakeCompany
from tests.credit.decisions.deciding import decide, order, publish_credit_model
from tests.functions.conftest import rings
from tests.gym.work import work_off

LOTE = "/credito/pedidos/lote"


@pytest.fixture
def shop(company: Company) -> Client:
    """A company with a model in use."""
    publish_credit_model(company.tenant)
    return company.client


class Killed(Exception):
    """The worker is gone."""


class DyingRun(JobRun):
    """A run whose worker is killed when it has decided two orders."""

    def progress(self, done: float, total: float, step: str) -> None:
        """Show how far it has come."""
        super().progress(done, total, step)
        if done == 2:
            raise Killed


def _send(client: Client, pedidos: list[Any]) -> Answer:
    answer = client.post(LOTE, {"pedidos": pedidos})
    assert answer.status == 202, answer.body
    assert answer.headers["Location"] == f"/credito/pedidos/lotes/{answer.json['id']}"
    return answer


def _seen(client: Client, sent: Answer, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.get(sent.headers["Location"], **query).json
    return found


def _decisions() -> int:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        return int(session.scalar(text("SELECT count(*) FROM credito_decisoes")) or 0)


def test_every_order_is_decided_as_if_sent_alone(shop: Client) -> None:
    sent = _send(shop, [order(valor=v) for v in ("2000.00", "17000.00", "20000.00")])
    assert _seen(shop, sent)["pendentes"] == 3
    work_off()
    found = _seen(shop, sent)
    assert [i["decisao"] for i in found["items"]] == ["aprovado", "revisao", "negado"]
    assert [found[n] for n in ("aprovados", "em_revisao", "negados", "problemas")] == [1, 1, 1, 0]
    assert (found["itens"], found["pendentes"], found["total"]) == (3, 0, 3)
    one = shop.get(f"/credito/pedidos/{found['items'][2]['pedido_id']}").json
    alone = decide(shop, valor="20000.00")
    for name in ("probabilidade", "justificativas", "contrafactual", "avisos"):
        assert one[name] == alone[name]
    assert one["lote_id"] == sent.json["id"]
    job = shop.get(f"/jobs/{sent.json['job_id']}").json
    assert job["state"] == "succeeded"
    assert job["result"] == {
        "itens": 3,
        "aprovados": 1,
        "em_revisao": 1,
        "negados": 1,
        "problemas": 0,
    }


def test_bad_ones_are_named_and_keep_no_other_back(shop: Client) -> None:
    known = decide(shop)
    twice = order()
    pedidos: list[Any] = [
        order(valor="-1"),
        order(),
        "nada",
        {**order(), "numero": known["numero"]},
        twice,
        twice,
        {"numero": "só isto"},
        order(data="2999-01-01"),
        None,
        [],
        {"numero": 7},
    ]
    sent = _send(shop, pedidos)
    work_off()
    found = _seen(shop, sent)
    assert [i["problema"] is None for i in found["items"]] == [n in (1, 4) for n in range(11)]
    titles = [i["problema"]["title"] for i in found["items"] if i["problema"]]
    assert titles == ["ValidationFailed"] * 2 + ["PedidoRepetido"] * 2 + ["ValidationFailed"] * 5
    assert found["items"][3]["problema"]["location"] == f"/credito/pedidos/{known['id']}"
    assert found["items"][0]["problema"]["errors"][0]["campo"] == "valor"
    assert found["items"][0]["numero"] == pedidos[0]["numero"]
    assert (found["problemas"], found["aprovados"], _decisions()) == (9, 2, 3)


def test_what_fails_on_one_order_does_not_hold_back_those_behind_it(company: Company) -> None:
    client = company.client
    publish_credit_model(company.tenant)
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text("UPDATE model_versions SET data = data - 'usual'"))
    sent = _send(client, [order(), order(valor="-1"), order()])
    work_off()
    found = _seen(client, sent)
    assert [i["problema"]["status"] for i in found["items"]] == [500, 422, 500]
    assert found["items"][0]["problema"]["title"] == "InternalError"
    assert (found["pendentes"], _decisions()) == (0, 0)
    assert client.get(f"/jobs/{sent.json['job_id']}").json["state"] == "succeeded"


def test_delivered_twice_it_is_decided_once(shop: Client) -> None:
    sent = _send(shop, [order(), order()])
    event = rings(UUID(sent.json["job_id"]))
    assert handler(event, None) == {"batchItemFailures": []}
    assert handler(event, None) == {"batchItemFailures": []}
    assert (_decisions(), _seen(shop, sent)["aprovados"]) == (2, 2)


def test_a_worker_that_is_killed_is_followed_by_one_that_goes_on(shop: Client) -> None:
    sent = _send(shop, [order(), order(), order(), order()])
    run = claim(CREDIT_ORDERS_QUEUE)
    assert run is not None

    known = {field.name: getattr(run, field.name) for field in fields(run) if field.init}
    with pytest.raises(Killed):
        decide_lot(DyingRun(**known), PedidosMessage.model_validate(run.message))
    assert (_decisions(), _seen(shop, sent)["pendentes"]) == (2, 2)
    first = _seen(shop, sent)["items"]
    change_job(run.job_id, "state = 'queued', lease_until = NULL")
    work_off()
    found = _seen(shop, sent)
    assert (_decisions(), found["aprovados"], found["pendentes"]) == (4, 4, 0)
    assert found["items"][:2] == first


def test_a_run_whose_lease_is_lost_writes_nothing(shop: Client) -> None:
    _send(shop, [order()])
    run = claim(CREDIT_ORDERS_QUEUE)
    assert run is not None
    change_job(run.job_id, "attempt = attempt + 1")
    with pytest.raises(LeaseLost):
        decide_lot(run, PedidosMessage.model_validate(run.message))
    assert _decisions() == 0


def test_a_body_that_is_gone_is_said(shop: Client) -> None:
    sent = _send(shop, [order()])
    message = PedidosMessage.model_validate(job_row(UUID(sent.json["job_id"])).message)
    object_store().delete(message.objeto)
    work_off()
    job = shop.get(f"/jobs/{sent.json['job_id']}").json
    assert (job["state"], job["error"]["title"]) == ("failed", "LotePedidosSemCorpo")


def test_lots_are_paged_and_each_companys_own(shop: Client, make_company: MakeCompany) -> None:
    sent = _send(shop, [order() for _ in range(5)])
    work_off()
    page = _seen(shop, sent, limit=2)
    lines = [i["linha"] for i in page["items"]]
    while page["next"]:
        page = shop.get(page["next"]).json
        lines += [i["linha"] for i in page["items"]]
    assert lines == [1, 2, 3, 4, 5]
    behind_all = shop.get(sent.headers["Location"], cursor=encode_cursor([LARGEST_ID]))
    assert behind_all.json["items"] == []
    other = make_company().client
    assert_problem(other.get(sent.headers["Location"]), 404, "LotePedidosNotFound")
    unknown = f"/credito/pedidos/lotes/{uuid4()}"
    assert_problem(shop.get(unknown), 404, "LotePedidosNotFound")
    assert shop.get("/credito/pedidos/lotes/abc").status == 422


@pytest.mark.parametrize("body", [{"pedidos": []}, {"pedidos": [{}] * 501}, {}, [], {"pedidos": 1}])
def test_what_is_no_lot_is_refused(shop: Client, body: Any) -> None:
    assert_problem(shop.post(LOTE, body), 422, "ValidationFailed")


def test_a_whole_lot_is_decided(shop: Client) -> None:
    sent = _send(shop, [order(itens={"limite": {"valor": "50000.00"}}) for _ in range(500)])
    work_off()
    found = _seen(shop, sent)
    assert (found["pendentes"], found["problemas"]) == (0, 0)
