"""A cliente's copy of what is held of them; and their erasure, after which nothing is found."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from chalicelib.core.clock import utc_now
from chalicelib.core.db import Base
from chalicelib.core.idempotency import HEADER
from chalicelib.core.personal_data import export_folder
from chalicelib.core.uploads import object_store
from chalicelib.credit import lgpd_rows, queues
from chalicelib.credit.service_lots import bodies_of
from tests.client import Answer, Client, assert_problem
from tests.core.conftest import change_job
from tests.credit.companies import Company, sign_up_company
from tests.credit.conftest import Sending, rows
from tests.credit.decisions.deciding import decide, order, publish_credit_model
from tests.gym.work import finished_job, work_off
from tests.traces import objects_with, tables_with

CPF = "123.456.789-09"
NAME = "Zenóbia Quixadá"
TRACES = (CPF, "zenóbia", "quixad", "quixeramobim", "zq-")
WHO = {"cliente": CPF}
PEDIDOS = 6  # Enough for their street to be an example of the dataset's schema.


def _send_dataset(client: Client) -> Sending:
    """A closed dataset in which the person has clientes, orders, a limit and a query."""
    sending = Sending(client)
    own = {"nome": NAME, "entrega": "Rua Quixeramobim"}
    sending.put("clientes", 1, [{"codigo": CPF, "titulos_pagos": 3, **own}, {"codigo": "C2"}])
    orders = [
        {"numero": f"ZQ-{n}", "cliente": CPF, "valor": 10, "pedido_em": "2025-03-10", **own}
        | {"desfecho": "pago", "desfecho_em": "2025-04-10"}
        for n in range(PEDIDOS)
    ]
    other = {"numero": "P2", "cliente": "C2", "valor": 20, "desfecho": "inadimplente"}
    sending.put("pedidos", 1, [*orders, other])
    sending.put("limites", 1, [{"cliente": CPF, "valor": 100}, {"cliente": "C2", "valor": 5}])
    sending.put("consultas-serasa", 1, [{"cliente": CPF, "consultada_em": "2025-01-01"}])
    work_off()
    counts = {"clientes": 2, "pedidos": PEDIDOS + 1, "limites": 2, "consultas-serasa": 1}
    assert sending.conclude(counts).status == 202
    work_off()
    assert sending.seen()["estado"] == "fechado"
    return sending


def _live_through_everything(company: Company) -> dict[str, Any]:
    """Leaves traces of the person in every way there is; gives their decided order."""
    client = company.client
    _send_dataset(client)
    open_one = Sending(client)
    open_one.store("clientes", 1, [{"codigo": CPF, "nome": NAME}, {"codigo": CPF, "nome": NAME}])
    version = publish_credit_model(company.tenant)
    kept = {HEADER: "zq-chave"}
    sent = order(numero="ZQ-9", cliente=CPF, atributos={"prazo": 10, "entrega": NAME})
    decided = client.post("/credito/pedidos", sent, headers=kept).json
    path = f"/credito/pedidos/{decided['id']}"
    client.post(f"{path}/revisao", {"decisao": "negado", "motivo": f"{NAME} pediu"}, headers=kept)
    client.post(f"{path}/desfecho", {"desfecho": "bloqueado", "motivo": NAME}, headers=kept)
    lot = {"pedidos": [order(numero="ZQ-10", cliente=CPF), order(numero="P-lote", cliente="C2")]}
    decided["lote"] = client.post("/credito/pedidos/lote", lot).json["id"]
    rows_of_file = f"numero,cliente,valor\nZQ-11,{CPF},10\n".encode()
    tried = client.post(f"/credito/modelos/{version}/testar", rows_of_file, content_type="text/csv")
    assert finished_job(client, tried)["state"] == "succeeded"
    signed = client.post("/uploads", {"tamanho_bytes": 9, "content_type": "text/csv"}).json
    object_store().put(signed["objeto"], f"nome\n{NAME}\n".encode())
    object_store().put(f"{export_folder(company.tenant)}copia.json", CPF.encode())
    work_off()
    return dict(decided)


@pytest.fixture
def decided(company: Company) -> dict[str, Any]:
    """The decided order of a person who has left traces everywhere."""
    return _live_through_everything(company)


def _erase(client: Client, cliente: str = CPF) -> Answer:
    return client.post("/credito/clientes/apagar", {"cliente": cliente})


def test_nothing_of_the_cliente_is_found_after_the_erasure(
    company: Company, decided: dict[str, Any], environment: dict[str, str]
) -> None:
    assert tables_with(TRACES) == {
        *lgpd_rows.ROWS,
        "credito_datasets",
        "idempotency_keys",
        "jobs",
    }
    assert len(objects_with(TRACES, environment)) == 9

    accepted = _erase(company.client)
    assert accepted.status == 202
    assert tables_with(TRACES) == set()
    job = finished_job(company.client, accepted)
    assert (job["state"], job["result"]) == (
        "succeeded",
        {"lotes_removidos": 5, "arquivos_removidos": 3, "exportacoes_removidas": 1},
    )
    assert tables_with(TRACES) == set()
    assert objects_with(TRACES, environment) == []


def test_erased_cliente_is_nobody_and_the_numbers_are_free(
    company: Company, decided: dict[str, Any]
) -> None:
    client, path = company.client, f"/credito/pedidos/{decided['id']}"
    _erase(client)
    for answer in (client.get(path), client.get(f"{path}/replay")):
        assert_problem(answer, 404, "PedidoNotFound")
    for said in ("dados", "apagar"):
        assert_problem(client.post(f"/credito/clientes/{said}", WHO), 404, "ClienteNotFound")
    assert client.get("/credito/pedidos", cliente=CPF).json["items"] == []
    work_off()
    again = decide(client, numero="ZQ-9", cliente=CPF, itens={})
    assert (again["limite"], again["exposicao"]) == (None, "0.00")


def test_a_lot_of_orders_says_which_were_erased(company: Company, decided: dict[str, Any]) -> None:
    _erase(company.client)
    lot = company.client.get(f"/credito/pedidos/lotes/{decided['lote']}").json
    erased, other = lot["items"]
    assert (erased["numero"], erased["pedido_id"]) == (None, None)
    assert erased["problema"]["title"] == "PedidoApagado"
    assert (other["numero"], other["problema"]) == ("P-lote", None)
    assert (lot["pendentes"], lot["problemas"]) == (0, 1)


def test_the_trail_says_that_orders_were_erased_and_holds_together(
    company: Company, decided: dict[str, Any]
) -> None:
    client = company.client
    job_id = _erase(client).json["id"]
    (entry,) = client.get("/credito/auditoria", acao="cliente.dados_apagados").json["items"]
    assert entry["objeto"] == f"apagamento:{job_id}"
    # Of the dataset, the acervo and those decided; items of clientes, limites and consultas.
    assert entry["detalhes"] == {"pedidos": 2 * PEDIDOS + 2, "itens": 11}
    decision = client.get("/credito/auditoria", objeto=f"pedido:{decided['id']}").json["items"]
    assert decision[-1]["acao"] == "pedido.decidido"
    assert client.get("/credito/auditoria/verificar").json["ok"]


def test_others_keep_what_is_theirs(company: Company, decided: dict[str, Any]) -> None:
    other = sign_up_company("Outra")
    theirs = decide(other.client, cliente=CPF)
    mine = decide(company.client, cliente="C2")
    assert _erase(company.client).status == 202
    work_off()
    assert other.client.get(f"/credito/pedidos/{theirs['id']}").json["cliente"] == CPF
    found = company.client.get(f"/credito/pedidos/{mine['id']}")
    assert (found.status, found.json["cliente"]) == (200, "C2")
    assert company.client.get(f"/credito/pedidos/{mine['id']}/replay").json["igual"]
    assert rows("SELECT 1 FROM credito_clientes WHERE codigo = 'C2'")


@pytest.mark.parametrize("name", ["lots", "datasets", "orders", "training", "analysis"])
def test_erasure_waits_for_work_that_could_bring_the_cliente_back(
    company: Company, name: str
) -> None:
    decide(company.client, cliente=CPF)
    queue = f"credit_{name}_queue"
    asked = company.client.post("/credito/modelos/saude").json["id"]
    change_job(UUID(asked), f"queue = '{queue}'")
    assert_problem(_erase(company.client), 409, "DadosEmUso")
    change_job(UUID(asked), "state = 'cancelled', finished_at = now()")
    assert _erase(company.client).status == 202


def test_files_that_came_later_stay(company: Company) -> None:
    decide(company.client, cliente=CPF)
    accepted = _erase(company.client)
    sending = Sending(company.client)
    assert sending.put("clientes", 1, [{"codigo": "C2"}]).status == 202
    report = finished_job(company.client, accepted)["result"]
    assert (report["lotes_removidos"], report["arquivos_removidos"]) == (0, 0)
    assert sending.kind("clientes")["aceitos"] == 1
    assert len(list(object_store().list(bodies_of(company.tenant)))) == 1


def test_a_lot_that_must_be_read_anew_after_an_erasure_asks_to_be_sent(sending: Sending) -> None:
    """Its stored body would bring the cliente back."""
    sending.store("clientes", 1, [{"codigo": CPF}, {"codigo": "C2"}])
    kept_out = [{"codigo": "C2", "titulos_pagos": 1}, {"codigo": "C3"}]
    sending.store("clientes", 2, kept_out)
    assert finished_job(sending.client, _erase(sending.client))["state"] == "succeeded"
    assert sending.put("clientes", 1, [{"codigo": "C9"}]).status == 202
    work_off()
    lot = sending.client.get(f"{sending.path}/lotes/clientes/2").json
    job = sending.client.get(f"/jobs/{lot['job_id']}").json
    assert (lot["estado"], job["error"]["title"]) == ("pendente", "LoteSemCorpo")
    assert sending.store("clientes", 2, kept_out)["aceitos"] == 2


def test_an_order_after_the_erasure_knows_nothing(company: Company) -> None:
    decide(company.client, cliente=CPF)
    accounts = "SELECT count(*) AS n FROM credito_contas WHERE cliente = :cliente"
    assert _erase(company.client).status == 202
    assert rows(accounts, cliente=CPF)[0].n == 0
    assert decide(company.client, cliente=CPF, itens={})["limite"] is None


def test_every_table_that_names_a_cliente_or_hangs_on_an_order_is_erased() -> None:
    named = {
        table.name
        for table in Base.metadata.sorted_tables
        if table.name.startswith("credito_")
        and ("cliente" in table.columns or "codigo" in table.columns)
    }
    hanging = {
        table.name
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table.name in ("credito_pedidos", "credito_decisoes")
    }
    assert named | hanging == set(lgpd_rows.ROWS)


def test_a_job_that_takes_a_file_names_it_where_all_do() -> None:
    """Else the file would be deleted under it, and never be found when somebody is erased."""
    trial = queues.AnaliseMessage(analise=queues.EnsaioMessage(versao=1, objeto="a/b"))
    assert trial.model_dump(mode="json")["objeto"] == "a/b"
    again = queues.AnaliseMessage.model_validate(trial.model_dump(mode="json"))
    assert again == trial


def test_copy_holds_all_there_is(company: Company, decided: dict[str, Any]) -> None:
    answer = company.client.post("/credito/clientes/dados", WHO)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    found = answer.json
    assert found["cliente"] == CPF
    assert {table: len(held) for table, held in found["registros"].items()} == {
        "credito_clientes": 5,
        "credito_limites": 4,
        "credito_consultas": 2,
        "credito_itens_pedidos": 1,
        "credito_desfechos": 1,
        "credito_revisoes": 1,
        "credito_decisoes": 2,
        "credito_pedidos": 2 * PEDIDOS + 2,
        "credito_contas": 1,
    }
    (mine,) = [d for d in found["registros"]["credito_decisoes"] if d["pedido_id"] == decided["id"]]
    assert mine["justificativas"]
    assert len(found["respostas_guardadas"]) == 3
    assert {"pedido.decidido", "pedido.revisado"} <= {e["acao"] for e in found["auditoria"]}
    assert len(found["arquivos_recebidos"]) == 8
    (entry,) = company.client.get("/credito/auditoria", acao="cliente.dados_exportados").json[
        "items"
    ]
    assert CPF not in json.dumps(entry)


def test_large_copy_is_fetched_from_the_store(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(company.client, cliente=CPF)
    monkeypatch.setattr("chalicelib.core.personal_data.LARGEST_ANSWER_BYTES", 10)
    answer = company.client.post("/credito/clientes/dados", WHO)
    assert (answer.status, answer.body) == (303, b"")
    (stored,) = object_store().list(export_folder(company.tenant))
    assert stored.modified > utc_now() - timedelta(minutes=1)
    assert json.loads(object_store().read(stored.key))["cliente"] == CPF


def test_a_code_is_taken_whole(company: Company) -> None:
    decide(company.client, cliente=CPF)
    for other in (CPF[:-1], "%", f"{CPF}0"):
        assert_problem(_erase(company.client, other), 404, "ClienteNotFound")
    for none in ("", " ", "a\u0000"):
        assert _erase(company.client, none).status == 422
