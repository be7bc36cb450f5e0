"""Lots: taken once, judged item by item, replaced whole."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from chalicelib.core.auth import Role
from chalicelib.core.claims import claim
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import enqueue
from chalicelib.core.runs import LeaseLost
from chalicelib.core.uploads import object_store
from chalicelib.credit import service_storing
from chalicelib.credit.queues import CREDIT_LOTS_QUEUE, LoteMessage
from functions.credit import receive_lots
from infra.local.worker import open_worker
from tests.client import Client, assert_problem
from tests.conftest import MakeUser
from tests.core.conftest import change_job
from tests.credit.companies import Company
from tests.credit.conftest import MakeCompany, Sending, jobs_of, rows, stored
from tests.functions.conftest import rings
from tests.gym.work import work_off

CLIENTES = [{"codigo": "C1", "setor": "Varejo"}, {"codigo": "C2", "setor": "Indústria"}]


def codes(sending: Sending) -> list[str]:
    """Codes of the clientes that are stored."""
    return sorted(code for (code,) in stored("credito_clientes", "codigo", sending.id))


# Taken.


def test_a_lot_of_json_is_stored(sending: Sending) -> None:
    answer = sending.put("clientes", 1, CLIENTES)
    assert answer.status == 202
    assert answer.headers["Location"] == f"{sending.path}/lotes/clientes/1"
    assert (answer.json["estado"], answer.json["itens"]) == ("pendente", 2)
    work_off()
    found = sending.client.get(answer.headers["Location"]).json
    assert (found["estado"], found["aceitos"], found["recusados"]) == ("gravado", 2, 0)
    assert stored("credito_clientes", "codigo, atributos, linha", sending.id) == [
        ("C1", {"setor": "Varejo"}, 1),
        ("C2", {"setor": "Indústria"}, 2),
    ]
    job = sending.client.get(f"/jobs/{found['job_id']}").json
    assert job["result"] == {"tipo": "clientes", "seq": 1, "aceitos": 2, "recusados": 0}


@pytest.mark.parametrize(
    "body",
    [
        'numero,cliente,valor,data,status,região\nP1,C1,"1.234,56",03/02/2025,Pago,Sul\n',
        (
            "\ufeffnumero;cliente;valor;data;status;região;;\n"
            "P1;C1;R$ 1.234,56;2025-02-03;pago;Sul;;\n"
        ),
        "Número\tCliente\tValor\tData\tStatus\tRegião\nP1\tC1\t1234.56\t3/2/2025\tPAGO\tSul\n",
        "numero;cliente;valor;data;status;região\r\nP1;C1;1234,56;03/02/2025;quitado;Sul\r\n".encode(
            "latin-1"
        ),
        "numero\tcliente\tvalor\tdata\tstatus\tregião\nP1\tC1\t1234,56\t03/02/2025\tpago\tSul".encode(
            "utf-16"
        ),
        json.dumps(
            {
                "itens": [
                    {
                        "numero": "P1",
                        "cliente": "C1",
                        "valor": 1234.56,
                        "pedido_em": "2025-02-03",
                        "desfecho": "pago",
                        "atributos": {"regiao": "Sul"},
                    }
                ]
            }
        ),
    ],
    ids=["commas", "bom semicolons nameless columns", "tabs", "latin-1 crlf", "utf-16", "json"],
)
def test_however_it_is_written_it_is_the_same_order(sending: Sending, body: Any) -> None:
    data = body if isinstance(body, bytes) else body.encode()
    media_type = "application/json" if data.startswith(b"{") else "text/csv"
    assert sending.put("pedidos", 1, data, content_type=media_type).status == 202
    work_off()
    columns = "numero, cliente, valor::text, pedido_em::text, desfecho, atributos"
    assert stored("credito_pedidos", columns, sending.id) == [
        ("P1", "C1", "1234.56", "2025-02-03 03:00:00+00", "pago", {"regiao": "Sul"})
    ]


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (b"", "LoteIlegivel"),
        (b"{", "LoteIlegivel"),
        (b"[" * 100_000, "LoteIlegivel"),
        (b'{"x": []}', "LoteIlegivel"),
        (b'{"itens": 3}', "LoteIlegivel"),
        (b"3", "LoteIlegivel"),
        (b"[]", "LoteVazio"),
        (json.dumps([{}] * 501).encode(), "LoteGrande"),
    ],
)
def test_what_is_no_lot_is_refused_at_once(sending: Sending, body: bytes, title: str) -> None:
    answer = sending.put("clientes", 1, body, content_type="application/json")
    assert_problem(answer, 422, title)
    assert rows("SELECT 1 FROM credito_lotes") == []
    assert jobs_of("credit_lots_queue") == []


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ("setor\nVarejo\n", "LoteIlegivel"),
        ("codigo,Código\n1,2\n", "LoteIlegivel"),
        ("codigo,codigo\n1,2\n", "HeaderInvalid"),
        ("codigo\n", "LoteVazio"),
        ("codigo\n" + "C\n" * 501, "LoteGrande"),
    ],
)
def test_a_csv_without_its_columns_is_refused_at_once(
    sending: Sending, body: str, title: str
) -> None:
    document = assert_problem(sending.put("clientes", 1, body), 422, title)
    if body.startswith("setor"):
        assert document["detail"] == "The header lacks: codigo."


def test_unknown_kinds_numbers_and_content_types_are_refused(sending: Sending) -> None:
    assert_problem(sending.put("fornecedores", 1, CLIENTES), 422, "ValidationFailed")
    assert_problem(sending.put("clientes", 0, CLIENTES), 422, "ValidationFailed")
    assert_problem(sending.put("clientes", 1_000_001, CLIENTES), 422, "ValidationFailed")
    xml = sending.put("clientes", 1, b"<a/>", content_type="text/xml")
    assert_problem(xml, 415, "UnsupportedMediaType")


def test_a_full_lot_of_three_hundred_columns_is_taken(sending: Sending) -> None:
    header = ["codigo", *(f"c{n}" for n in range(300))]
    lines = [";".join([f"C{i}", *(f"{n},5" for n in range(300))]) for i in range(500)]
    found = sending.store("clientes", 1, "\n".join([";".join(header), *lines]))
    assert (found["aceitos"], found["recusados"]) == (500, 0)


# Judged.


def test_one_bad_item_of_three_costs_itself_only(sending: Sending) -> None:
    found = sending.store(
        "pedidos",
        1,
        "numero;cliente;valor;pedido_em\nP1;C1;10;2025-01-01\nP2;;-5;31/02/2025\n\nP3;C1;7;\n",
    )
    assert (found["itens"], found["aceitos"], found["recusados"]) == (3, 2, 1)
    assert sending.faults() == [
        ("pedidos", 1, 2, "cliente", "obrigatório"),
        ("pedidos", 1, 2, "valor", "valor negativo"),
        ("pedidos", 1, 2, "pedido_em", "data que não existe"),
    ]
    lines = stored("credito_pedidos", "numero, linha", sending.id)
    assert lines == [("P1", 1), ("P3", 4)]


def test_rows_that_cannot_be_split_are_refused_one_by_one(sending: Sending) -> None:
    sending.store("clientes", 1, 'codigo,setor\nC1,a\nC2\nC3,"b\nC4,c,d\nC5,"e"\n')
    assert codes(sending) == ["C1", "C5"]
    assert [line for _, _, line, _, _ in sending.faults()] == [2, 3, 4]


def test_faults_are_listed_by_kind_and_lot_in_pages(sending: Sending) -> None:
    sending.put("clientes", 1, [{}, {}])
    sending.put("clientes", 2, [{}])
    sending.store("pedidos", 1, [{}])
    assert len(sending.faults()) == 6
    assert [lot for _, lot, *_ in sending.faults(tipo="clientes")] == [1, 1, 2]
    assert [lot for _, lot, *_ in sending.faults(tipo="clientes", lote=2)] == [2]
    first = sending.client.get(f"{sending.path}/erros", limit=4).json
    assert (len(first["items"]), first["total"]) == (4, 6)
    rest = sending.client.get(first["next"]).json
    assert (len(rest["items"]), rest["next"]) == (2, None)
    assert_problem(sending.client.get(f"{sending.path}/erros", cursor="x"), 400, "CursorInvalid")


def test_a_key_twice_in_a_lot_keeps_the_first(sending: Sending) -> None:
    sending.store("clientes", 1, [{"codigo": "C1", "n": 1}, {"codigo": " C1", "n": 2}])
    assert stored("credito_clientes", "atributos", sending.id) == [({"n": 1},)]
    reason = "repetido: a linha 1 deste lote tem a mesma chave"
    assert sending.faults() == [("clientes", 1, 2, "codigo", reason)]


def test_a_cliente_may_be_known_at_several_instants(sending: Sending) -> None:
    found = sending.store(
        "clientes", 1, [{"codigo": "C1"}, {"codigo": "C1", "vale_desde": "2025-01-01"}]
    )
    assert found["aceitos"] == 2


def test_a_key_of_another_lot_is_refused_until_that_lot_lets_go_of_it(sending: Sending) -> None:
    sending.store("clientes", 1, [{"codigo": "C1"}, {"codigo": "C2"}])
    sending.store("clientes", 2, [{"codigo": "C2"}, {"codigo": "C3"}])
    reason = "repetido: a linha 2 do lote 1 tem a mesma chave"
    assert sending.faults() == [("clientes", 2, 1, "codigo", reason)]
    sending.store("clientes", 1, [{"codigo": "C1"}])
    assert sending.faults() == []
    assert codes(sending) == ["C1", "C2", "C3"]
    assert sending.kind("clientes")["aceitos"] == 3


# Once, and replaced whole.


def test_the_same_body_again_changes_nothing(sending: Sending) -> None:
    first = sending.put("clientes", 1, CLIENTES)
    waiting = sending.put("clientes", 1, CLIENTES)
    assert (waiting.status, waiting.body) == (202, first.body)
    work_off()
    ids = stored("credito_clientes", "id", sending.id)
    again = sending.put("clientes", 1, CLIENTES)
    assert again.status == 202
    assert again.json["estado"] == "gravado"
    assert work_off() == 0
    assert stored("credito_clientes", "id", sending.id) == ids
    assert jobs_of("credit_lots_queue") == ["succeeded"]


def test_another_body_replaces_items_and_faults(sending: Sending) -> None:
    sending.store("clientes", 1, [{"codigo": "C1"}, {}])
    found = sending.store("clientes", 1, [{"codigo": "C9"}])
    assert (found["itens"], found["aceitos"], found["recusados"]) == (1, 1, 0)
    assert codes(sending) == ["C9"]
    assert sending.faults() == []
    # The body that was replaced is still there: nothing that was sent is lost.
    prefix = rows("SELECT objeto FROM credito_lotes")[0].objeto.rpartition("/")[0]
    assert len(list(object_store().list(prefix))) == 2


def test_bodies_that_overtake_each_other_leave_the_last_one(sending: Sending) -> None:
    sending.put("clientes", 1, [{"codigo": "C1"}])
    sending.put("clientes", 1, [{"codigo": "C2"}])
    sending.put("clientes", 1, [{"codigo": "C1"}])
    assert jobs_of("credit_lots_queue") == ["queued"] * 3
    work_off()
    assert codes(sending) == ["C1"]
    assert jobs_of("credit_lots_queue") == ["succeeded"] * 3


def test_many_bodies_at_once_leave_one_of_them_whole(sending: Sending) -> None:
    bodies = [[{"codigo": f"C{n}"}, {"codigo": f"D{n}"}] for n in range(4)]

    def send_and_work(n: int) -> int:
        answer = sending.put("clientes", 1, bodies[n % 4])
        open_worker().drain()
        return answer.status

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(send_and_work, range(12))) <= {202, 503}
    change_waiting_jobs_to_due()
    work_off()
    (left,) = {code[1] for code in codes(sending)}
    assert codes(sending) == [f"C{left}", f"D{left}"]
    assert sending.kind("clientes")["aceitos"] == 2


def change_waiting_jobs_to_due() -> None:
    """Let what waits for another attempt be due now."""
    for row in rows("SELECT id FROM jobs WHERE state = 'queued'"):
        change_job(row.id, "next_attempt_at = created_at")


def test_lots_that_share_keys_stored_at_once_have_each_key_once(sending: Sending) -> None:
    everybody = [{"codigo": f"C{n}"} for n in range(200)]
    for seq in (1, 2, 3, 4):
        sending.put("clientes", seq, everybody[::-1] if seq % 2 else everybody)
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        open_worker().drain()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result()
    change_waiting_jobs_to_due()
    work_off()
    assert len(codes(sending)) == 200
    of = sending.kind("clientes")
    assert (of["aceitos"], of["recusados"], of["pendentes"]) == (200, 600, 0)


def test_a_lot_delivered_twice_is_stored_once(sending: Sending, company: Company) -> None:
    sending.put("clientes", 1, CLIENTES)
    (job,) = rows("SELECT id, tenant FROM jobs")
    event = rings(job.id, job.id)
    assert receive_lots.handler(event, None) == {"batchItemFailures": []}
    # Somebody else's job for the same lot finds it done.
    message = LoteMessage(dataset=UUID(sending.id), tipo="clientes", seq=1)
    with unit_of_work(tenant=job.tenant) as session:
        enqueue(session, CREDIT_LOTS_QUEUE, message, tenant=job.tenant, owner="usuario:1")
    ids = stored("credito_clientes", "id", sending.id)
    assert work_off() == 1
    assert stored("credito_clientes", "id", sending.id) == ids
    assert len(ids) == 2


def test_who_has_lost_the_lease_stores_nothing(sending: Sending) -> None:
    sending.put("clientes", 1, CLIENTES)
    run = claim(CREDIT_LOTS_QUEUE)
    assert run is not None
    change_job(run.job_id, "attempt = attempt + 1")
    with pytest.raises(LeaseLost):
        service_storing.store_lot(run, LoteMessage.model_validate(run.message))
    assert codes(sending) == []
    assert sending.kind("clientes")["pendentes"] == 1


def test_a_lot_whose_job_was_cancelled_is_stored_when_it_is_sent_again(sending: Sending) -> None:
    first = sending.put("clientes", 1, CLIENTES)
    cancelled = sending.client.post(f"/jobs/{first.json['job_id']}/cancelar")
    assert cancelled.json["state"] == "cancelled"
    again = sending.put("clientes", 1, CLIENTES)
    assert again.json["job_id"] != first.json["job_id"]
    work_off()
    assert codes(sending) == ["C1", "C2"]


def test_a_body_that_is_gone_fails_its_job_and_is_kept_when_sent_again(sending: Sending) -> None:
    sending.put("clientes", 1, CLIENTES)
    object_store().delete(rows("SELECT objeto FROM credito_lotes")[0].objeto)
    work_off()
    (job,) = rows("SELECT state, error FROM jobs")
    assert (job.state, job.error["title"]) == ("failed", "LoteSemCorpo")
    sending.store("clientes", 1, CLIENTES)
    assert codes(sending) == ["C1", "C2"]


# Seen.


def test_gaps_and_counts_are_shown(sending: Sending) -> None:
    for seq in (2, 3, 7):
        sending.put("clientes", seq, [{"codigo": f"C{seq}"}, {}])
    of = sending.kind("clientes")
    assert (of["lotes"], of["maior_seq"], of["pendentes"], of["itens"]) == (3, 7, 3, 6)
    assert (of["lotes_faltando"], of["faltando"]) == (4, [{"de": 1, "ate": 1}, {"de": 4, "ate": 6}])
    work_off()
    of = sending.kind("clientes")
    assert (of["pendentes"], of["aceitos"], of["recusados"]) == (0, 3, 3)
    assert sending.kind("limites")["lotes"] == 0
    lots = sending.client.get(f"{sending.path}/lotes", tipo="clientes", estado="gravado", limit=2)
    assert [lot["seq"] for lot in lots.json["items"]] == [7, 3]
    rest = sending.client.get(lots.json["next"]).json
    assert [lot["seq"] for lot in rest["items"]] == [2]


def test_outcomes_are_counted_and_other_statuses_shown_as_written(sending: Sending) -> None:
    statuses = ["Pago", "quitado", "VENCIDO", "Em análise", "em análise", None, "bloqueado"]
    orders = [
        {"numero": n, "cliente": "C1", "valor": 1, "status": status}
        for n, status in enumerate(statuses)
    ]
    sending.store("pedidos", 1, orders)
    assert sending.seen()["desfechos"] == {
        "pago": 2,
        "(sem status)": 1,
        "Em análise": 1,
        "bloqueado": 1,
        "em análise": 1,
        "inadimplente": 1,
    }


def test_rules_that_values_were_read_by_are_told(sending: Sending) -> None:
    sending.store("clientes", 1, [{"codigo": "C1", "renda": "2.500"}])
    sending.store("clientes", 2, [{"codigo": "C2", "renda": "3.500"}])
    told = {(a["codigo"], a["coluna"]): a for a in sending.seen()["avisos"]}
    assert told["ponto_ambiguo", "cliente.renda"]["numeros"] == {"itens": 2}
    assert told["vale_desde_ausente", None]["mensagem"].startswith("Itens sem vale_desde: 2.")


def test_another_companys_datasets_are_not_there(
    sending: Sending, make_company: MakeCompany
) -> None:
    sending.store("clientes", 1, [{}])
    other = make_company("Outra").client
    lot = f"{sending.path}/lotes/clientes/1"
    for path in (sending.path, f"{sending.path}/lotes", f"{sending.path}/erros", lot):
        assert_problem(other.get(path), 404, "DatasetNotFound")
    assert_problem(other.put(lot, CLIENTES), 404, "DatasetNotFound")
    assert_problem(other.delete(sending.path), 404, "DatasetNotFound")
    whole = {"esperados": {"pedidos": 1}}
    assert_problem(other.post(f"{sending.path}/concluir", whole), 404, "DatasetNotFound")
    assert other.get("/credito/datasets").json["items"] == []
    nothing = f"/credito/datasets/{uuid4()}"
    assert_problem(sending.client.get(nothing), 404, "DatasetNotFound")
    assert_problem(sending.client.get(f"{sending.path}/lotes/clientes/9"), 404, "LoteNotFound")


def test_the_acervo_is_no_dataset_that_can_be_sent(make_company: MakeCompany) -> None:
    company = make_company()
    client, tenant = company.client, company.tenant
    statement = "SELECT id FROM credito_datasets WHERE tenant = :tenant"
    path = f"/credito/datasets/{rows(statement, tenant=tenant)[0].id}"
    assert_problem(client.get(path), 404, "DatasetNotFound")
    assert_problem(client.put(f"{path}/lotes/clientes/1", CLIENTES), 404, "DatasetNotFound")
    assert_problem(client.delete(path), 404, "DatasetNotFound")


def test_callers_without_a_token_or_a_company_are_refused(
    sending: Sending, anonymous: Client, client_of: MakeUser
) -> None:
    requests = (
        ("POST", "/credito/datasets"),
        ("GET", "/credito/datasets"),
        ("GET", sending.path),
        ("DELETE", sending.path),
        ("GET", f"{sending.path}/lotes"),
        ("PUT", f"{sending.path}/lotes/clientes/1"),
        ("GET", f"{sending.path}/lotes/clientes/1"),
        ("GET", f"{sending.path}/erros"),
        ("POST", f"{sending.path}/concluir"),
    )
    operador = client_of(Role.OPERADOR)
    for method, path in requests:
        assert_problem(anonymous.request(method, path), 401, "Unauthorized")
        assert_problem(operador.request(method, path), 403, "CompaniesOnly")
