"""Datasets: concluded, checked as a whole, closed and trained on once, or given up."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chalicelib.core.claims import claim
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.runs import JobRun, LeaseLost, RunCancelled
from chalicelib.core.uploads import object_store
from chalicelib.credit import service_closing, service_removal
from chalicelib.credit.queues import CREDIT_DATASETS_QUEUE, FecharMessage
from chalicelib.credit.schemas_orders import DesfechoIn
from chalicelib.credit.service_reviews import record_outcome
from functions.credit import close_datasets
from tests.client import Answer, assert_problem
from tests.core.conftest import change_job
from tests.credit.companies import Company
from tests.credit.conftest import MakeCompany, Sending, jobs_of, rows, stored
from tests.functions.conftest import rings
from tests.gym.work import finished_job, work_off

ACERVO = "SELECT id FROM credito_datasets WHERE acervo"


def concluded(sending: Sending, counts: dict[str, int], **terms: bool) -> dict[str, Any]:
    """Conclude a dataset and let that be done; gives the job's report."""
    job = finished_job(sending.client, sending.conclude(counts, **terms))
    assert job["state"] == "succeeded", job
    report: dict[str, Any] = job["result"]
    return report


def trainings() -> list[Any]:
    """Messages of the trainings that were asked for."""
    found = rows("SELECT message FROM jobs WHERE queue = 'credit_training_queue'")
    return [row.message for row in found]


def acervo_of(columns: str, table: str) -> list[tuple[Any, ...]]:
    """Some columns of what is in the only acervo."""
    order = "id" if table != "credito_pedidos" else "numero"
    statement = f"SELECT {columns} FROM {table} WHERE dataset_id = ({ACERVO}) ORDER BY {order}"
    return [tuple(row) for row in rows(statement)]


# Closed.


def test_a_dataset_that_is_whole_is_closed_poured_and_trained_on(sending: Sending) -> None:
    report = concluded(sending, sending.store_whole())
    training = report.pop("treino")
    assert report == {"estado": "fechado", "problemas": 0, "avisos": 0, "itens": 8}
    assert sending.client.get(f"/jobs/{training}").json["queue"] == "credit_training_queue"
    seen = sending.seen()
    assert (seen["estado"], seen["expira_em"], seen["problemas"]) == ("fechado", None, [])
    assert seen["encerrado_em"] is not None
    (asked,) = trainings()
    assert (asked["dataset"], asked["motivo"]) == (sending.id, "dataset")
    assert acervo_of("codigo, seq", "credito_clientes") == [("C0", None), ("C1", None)]
    assert len(acervo_of("id", "credito_pedidos")) == 4
    assert len(stored("credito_pedidos", "id", sending.id)) == 4


def test_a_closed_dataset_takes_nothing_more(sending: Sending) -> None:
    counts = sending.store_whole()
    concluded(sending, counts)
    assert_problem(sending.put("clientes", 2, [{"codigo": "X"}]), 409, "DatasetEncerrado")
    assert_problem(sending.conclude(counts), 409, "DatasetEncerrado")
    assert_problem(sending.client.delete(sending.path), 409, "DatasetFechado")


def test_pending_lots_are_waited_for(sending: Sending) -> None:
    counts = sending.store_whole()
    sending.put("clientes", 2, [{"codigo": "C9"}])
    document = assert_problem(sending.conclude(counts), 409, "LotesPendentes")
    assert "still being stored: 1." in document["detail"]
    assert sending.seen()["estado"] == "aberto"


def test_counts_must_be_told(sending: Sending) -> None:
    for counts in ({}, {"pedidos": 0}, {"pedidos": -1}, {"pedidos": 1, "outros": 2}):
        assert_problem(sending.conclude(counts), 422, "ValidationFailed")


# What is wrong is said, and nothing is lost.


def test_counts_that_differ_are_told_with_numbers_and_can_be_repaired(sending: Sending) -> None:
    counts = sending.store_whole()
    more = counts | {"clientes": 3, "limites": 0}
    report = concluded(sending, more)
    assert (report["estado"], report["problemas"]) == ("aberto", 2)
    clientes, limites = sending.seen()["problemas"]
    assert (clientes["codigo"], clientes["tipo"]) == ("contagem", "clientes")
    assert clientes["numeros"] == {"esperados": 3, "recebidos": 2, "aceitos": 2, "recusados": 0}
    assert clientes["mensagem"] == (
        "Eram esperados 3 itens de clientes; vieram 2, dos quais 2 foram aceitos."
    )
    assert limites["tipo"] == "limites"
    assert trainings() == []
    assert acervo_of("id", "credito_clientes") == []
    sending.store("clientes", 2, [{"codigo": "C2"}])
    assert concluded(sending, counts | {"clientes": 3})["estado"] == "fechado"
    assert len(trainings()) == 1


def test_gaps_are_told(sending: Sending) -> None:
    counts = sending.store_whole()
    sending.store("clientes", 5, [{"codigo": "C5"}])
    concluded(sending, counts | {"clientes": 3})
    (found,) = sending.seen()["problemas"]
    assert found["codigo"] == "lotes_faltando"
    assert found["numeros"] == {"faltando": 3, "maior_seq": 5}
    assert found["exemplos"] == [{"tipo": "clientes", "lote": 2, "linha": None}]


def test_items_of_unknown_clientes_are_told_where_they_are(sending: Sending) -> None:
    counts = sending.store_whole()
    paid = {"valor": 1, "desfecho": "pago"}
    orders = [{"numero": f"X{n}", "cliente": f"Z{n}", **paid} for n in range(7)]
    sending.store("pedidos", 2, orders)
    sending.store("consultas-serasa", 2, [{"cliente": "Z", "consultada_em": "2025-01-01"}])
    counts |= {"pedidos": 11, "consultas-serasa": 2}
    concluded(sending, counts)
    orphans, queries = sending.seen()["problemas"]
    assert (orphans["codigo"], orphans["numeros"]) == ("sem_cliente", {"itens": 7})
    assert [(e["lote"], e["linha"]) for e in orphans["exemplos"]] == [(2, n) for n in range(1, 6)]
    assert queries["tipo"] == "consultas-serasa"
    assert concluded(sending, counts, aceitar_sem_cliente=True)["estado"] == "fechado"
    assert "sem_cliente" in [a["codigo"] for a in sending.seen()["avisos"]]


def test_without_an_outcome_of_its_target_there_is_nothing_to_learn(company: Company) -> None:
    sending = Sending(company.client, "faturamento")
    concluded(sending, sending.store_whole())
    (found,) = sending.seen()["problemas"]
    assert found["codigo"] == "sem_desfecho"
    assert found["numeros"] == {"faturado": 0, "bloqueado": 0, "outros": 4}


def test_one_outcome_alone_is_a_warning(sending: Sending) -> None:
    sending.put("clientes", 1, [{"codigo": "C"}])
    orders = [{"numero": 1, "cliente": "C", "valor": 1, "desfecho": "pago"}]
    sending.store("pedidos", 1, orders)
    assert concluded(sending, {"clientes": 1, "pedidos": 1})["estado"] == "fechado"
    assert "um_so_desfecho" in [a["codigo"] for a in sending.seen()["avisos"]]


def test_odd_data_is_a_warning(sending: Sending) -> None:
    counts = sending.store_whole()
    new = {"codigo": "C0", "cliente_desde": "2025-06-01"}
    sending.store("clientes", 1, [new, {"codigo": "C1"}])
    sending.store("limites", 1, [{"cliente": "C0", "valor": 100, "utilizado": 150}])
    assert concluded(sending, counts)["estado"] == "fechado"
    told = {a["codigo"]: a["numeros"] for a in sending.seen()["avisos"]}
    assert told["cliente_novo"] == {"itens": 2}
    assert told["limite_excedido"] == {"itens": 1}


def test_a_bare_day_on_which_something_was_ordered_is_a_warning(sending: Sending) -> None:
    counts = sending.store_whole()
    order = {"numero": "H", "cliente": "C1", "valor": 1, "desfecho": "pago"}
    sending.store("pedidos", 2, [order | {"pedido_em": "2025-01-01T15:00:00-03:00"}])
    since = ("2025-01-01", "2025-01-01 10:00")
    limits = [{"cliente": "C1", "valor": 1, "vale_desde": at} for at in since]
    sending.store("limites", 2, limits)
    assert concluded(sending, counts | {"pedidos": 5, "limites": 3})["estado"] == "fechado"
    told = [a for a in sending.seen()["avisos"] if a["codigo"] == "mesmo_dia"]
    assert [(a["tipo"], a["numeros"]) for a in told] == [
        ("limites", {"itens": 1}),
        ("consultas-serasa", {"itens": 1}),
    ]


# Refused items.


@pytest.fixture
def with_refused(sending: Sending) -> tuple[Sending, dict[str, int]]:
    """A dataset with two refused clientes, and its counts of all that was sent."""
    counts = sending.store_whole()
    sending.store("clientes", 2, [{"codigo": "C2", "titulos_pagos": "x"}, {}, {"codigo": "C3"}])
    return sending, counts | {"clientes": 5}


def test_refused_items_are_told_by_reason(with_refused: tuple[Sending, dict[str, int]]) -> None:
    sending, counts = with_refused
    concluded(sending, counts)
    problems = sending.seen()["problemas"]
    told = [(found["codigo"], found["coluna"], found["mensagem"]) for found in problems]
    assert told == [
        ("recusados", None, "2 itens de clientes foram recusados."),
        ("motivo_de_recusa", "codigo", "1 item: obrigatório."),
        ("motivo_de_recusa", "titulos_pagos", "1 item: não é um número."),
    ]
    assert len(sending.faults()) == 2


def test_one_reason_in_other_numbers_is_told_by_an_example(sending: Sending) -> None:
    counts = sending.store_whole()
    found = [{"codigo": "C7"}, {"codigo": "C8"}, {"codigo": "C8"}, {"codigo": "C7"}]
    sending.store("clientes", 2, found)
    concluded(sending, counts | {"clientes": counts["clientes"] + 4})
    (told,) = [p for p in sending.seen()["problemas"] if p["codigo"] == "motivo_de_recusa"]
    said = "2 itens: por exemplo, repetido: a linha 1 deste lote tem a mesma chave."
    assert told["mensagem"] == said


def test_a_reason_that_is_a_sentence_has_one_full_stop(sending: Sending) -> None:
    counts = sending.store_whole()
    sending.store("clientes", 2, "codigo;setor\nC7\n")
    concluded(sending, counts | {"clientes": counts["clientes"] + 1})
    (told,) = [p for p in sending.seen()["problemas"] if p["codigo"] == "motivo_de_recusa"]
    assert told["mensagem"] == "1 item: A linha tem um número de campos diferente do cabeçalho."


@pytest.mark.parametrize("without", [0, 2])
def test_they_are_left_out_where_the_company_says_so_or_counts_without_them(
    with_refused: tuple[Sending, dict[str, int]], without: int
) -> None:
    sending, counts = with_refused
    terms = {} if without else {"aceitar_recusados": True}
    report = concluded(sending, counts | {"clientes": 5 - without}, **terms)
    assert (report["estado"], report["itens"]) == ("fechado", 9)
    assert "recusados" in [a["codigo"] for a in sending.seen()["avisos"]]
    assert len(sending.faults()) == 2


def test_accepting_the_refused_excuses_no_other_count(
    with_refused: tuple[Sending, dict[str, int]],
) -> None:
    sending, counts = with_refused
    concluded(sending, counts | {"clientes": 4}, aceitar_recusados=True)
    assert sending.codes() == ["contagem"]


# Exactly once.


def test_concluding_twice_at_once_is_one_job_and_one_training(sending: Sending) -> None:
    counts = sending.store_whole()
    barrier = threading.Barrier(4)

    def conclude(_: int) -> Answer:
        barrier.wait()
        return sending.conclude(counts)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(conclude, range(4)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert_problem(sending.conclude(counts | {"clientes": 9}), 409, "DatasetEmConferencia")
    assert_problem(sending.put("clientes", 2, [{"codigo": "X"}]), 409, "DatasetEmConferencia")
    work_off()
    assert jobs_of("credit_datasets_queue") == ["succeeded"]
    assert len(trainings()) == 1


def test_a_conclusion_delivered_twice_closes_once(sending: Sending) -> None:
    job = UUID(sending.conclude(sending.store_whole()).json["id"])
    assert close_datasets.handler(rings(job, job), None) == {"batchItemFailures": []}
    assert len(trainings()) == 1
    again = sending.client.post(f"/jobs/{job}/reenviar")
    assert_problem(again, 409, "JobNotRedrivable")


def claimed(sending: Sending) -> tuple[JobRun, FecharMessage]:
    """The attempt at a conclusion that a worker has just begun."""
    sending.conclude(sending.store_whole())
    return begun()


def begun() -> tuple[JobRun, FecharMessage]:
    """The next attempt at it."""
    run = claim(CREDIT_DATASETS_QUEUE)
    assert run is not None
    return run, FecharMessage.model_validate(run.message)


def test_a_worker_killed_after_the_commit_is_followed_by_one_that_finds_it_done(
    sending: Sending,
) -> None:
    run, message = claimed(sending)
    service_closing.close_dataset(run, message)
    # Killed here: the job is queued again by the sweep.
    change_job(run.job_id, "state = 'queued', lease_until = NULL")
    work_off()
    assert jobs_of("credit_datasets_queue") == ["succeeded"]
    assert len(trainings()) == 1
    assert len(acervo_of("id", "credito_pedidos")) == 4


def test_a_worker_killed_before_the_commit_leaves_nothing_behind(sending: Sending) -> None:
    run, message = claimed(sending)
    change_job(run.job_id, "attempt = attempt + 1")
    with pytest.raises(LeaseLost):
        service_closing.close_dataset(run, message)
    assert trainings() == []
    assert acervo_of("id", "credito_clientes") == []
    change_job(run.job_id, "state = 'queued', lease_until = NULL")
    work_off()
    assert sending.seen()["estado"] == "fechado"
    assert len(trainings()) == 1


def test_a_training_asked_for_while_the_datasets_own_waits_is_that_one(sending: Sending) -> None:
    run, message = claimed(sending)
    report = service_closing.close_dataset(run, message)
    asked = sending.client.post("/credito/retreinamentos", {"dataset": str(message.dataset)})
    assert asked.json["id"] == str(report.treino)
    assert len(trainings()) == 1


def test_two_attempts_at_the_same_moment_close_once(sending: Sending) -> None:
    run, message = claimed(sending)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(service_closing.close_dataset, run, message) for _ in range(2)]
        reports = [future.result() for future in futures]
    assert sorted(report.itens for report in reports) == [0, 8]
    assert len(trainings()) == 1


@pytest.mark.parametrize("when", ["queued", "running"])
def test_a_cancelled_conclusion_leaves_the_dataset_open(sending: Sending, when: str) -> None:
    counts = sending.store_whole()
    job_id = sending.conclude(counts).json["id"]
    if when == "running":
        run, message = begun()
        sending.client.post(f"/jobs/{job_id}/cancelar")
        with pytest.raises(RunCancelled):
            service_closing.close_dataset(run, message)
        run.mark_cancelled()
    else:
        sending.client.post(f"/jobs/{job_id}/cancelar")
    assert sending.seen()["estado"] == "aberto"
    sending.store("clientes", 2, [{"codigo": "C2"}])
    # Sent again, the job of before finds that another one is to come.
    assert sending.client.post(f"/jobs/{job_id}/reenviar").status == 202
    work_off()
    assert sending.seen()["estado"] == "aberto"
    assert concluded(sending, counts | {"clientes": 3})["estado"] == "fechado"
    assert len(trainings()) == 1


def test_a_conclusion_that_was_cancelled_can_be_asked_for_again_at_once(sending: Sending) -> None:
    counts = sending.store_whole()
    first = sending.conclude(counts).json["id"]
    sending.client.post(f"/jobs/{first}/cancelar")
    second = sending.conclude(counts | {"pedidos": 5})
    assert second.json["id"] != first
    work_off()
    assert sending.codes() == ["contagem"]


# The acervo.


def test_a_later_dataset_wins_in_the_acervo(company: Company) -> None:
    first, second = Sending(company.client), Sending(company.client)
    concluded(first, first.store_whole(canal="loja"))
    counts = second.store_whole(orders=5, canal="app")
    concluded(second, counts)
    orders = acervo_of("numero, atributos ->> 'canal'", "credito_pedidos")
    assert orders == [(f"P{n}", "app") for n in range(5)]
    assert len(trainings()) == 2


def latest(table: str, key: str) -> dict[str, tuple[Any, ...]]:
    """What counts in the only acervo, by the code of the cliente."""
    columns = "titulos_pagos" if table == "credito_clientes" else "valor::int, utilizado::int"
    statement = f"""
        SELECT DISTINCT ON ({key}) {key}, vale_desde, {columns} FROM {table}
        WHERE dataset_id = ({ACERVO}) ORDER BY {key}, vale_desde DESC
    """
    return {row[0]: tuple(row[1:]) for row in rows(statement)}


def test_news_without_a_date_win_in_the_acervo(company: Company) -> None:
    past = {"vale_desde": "2026-01-01T00:00:00Z"}
    first, second = Sending(company.client), Sending(company.client)
    first.put("clientes", 1, [{"codigo": "A", "titulos_pagos": 1} | past, {"codigo": "B"}])
    first.put("limites", 1, [{"cliente": c, "valor": 1} | past for c in "AB"])
    paid = {"valor": 1, "desfecho": "pago"}
    first.store("pedidos", 1, [{"numero": "P", "cliente": "A"} | paid])
    concluded(first, {"clientes": 2, "limites": 2, "pedidos": 1})
    news = [{"codigo": code, "titulos_pagos": 7} for code in "ABCD"]
    dated = {"codigo": "D", "titulos_pagos": 8} | past
    second.put("clientes", 1, news)
    second.put("clientes", 2, [dated])
    used = {"cliente": "B", "valor": 9, "utilizado": 4}
    second.put("limites", 1, [{"cliente": "A", "valor": 9}, used])
    second.store("pedidos", 1, [{"numero": "Q", "cliente": "A"} | paid])
    concluded(second, {"clientes": 5, "limites": 2, "pedidos": 1})
    (dates,) = rows(
        "SELECT criado_em, encerrado_em FROM credito_datasets WHERE id = :id", id=UUID(second.id)
    )
    always = datetime(1970, 1, 1, tzinfo=UTC)
    assert latest("credito_clientes", "codigo") == {
        "A": (dates.encerrado_em, 7),
        "B": (dates.encerrado_em, 7),
        "C": (always, 7),
        "D": (datetime(2026, 1, 1, tzinfo=UTC), 8),
    }
    assert latest("credito_limites", "cliente") == {
        "A": (dates.encerrado_em, 9, None),
        "B": (dates.criado_em, 9, 4),
    }


def test_in_the_acervo_payment_is_not_taken_back_and_outcomes_are_not_forgotten(
    company: Company,
) -> None:
    first = Sending(company.client)
    concluded(first, first.store_whole())
    second = Sending(company.client, "faturamento")
    statuses = ["faturado", None, "bloqueado", "inadimplente", "faturado"]
    second.put("clientes", 1, [{"codigo": "C"}])
    second.store(
        "pedidos",
        1,
        [
            {"numero": f"P{n}", "cliente": "C", "valor": 1, "desfecho": status}
            for n, status in enumerate(statuses)
        ],
    )
    concluded(second, {"clientes": 1, "pedidos": 5})
    found = acervo_of("numero, cliente, desfecho, desfecho_em IS NULL", "credito_pedidos")
    assert found == [
        ("P0", "C", "inadimplente", False),
        ("P1", "C", "pago", False),
        ("P2", "C", "inadimplente", False),
        ("P3", "C", "inadimplente", True),
        ("P4", "C", "faturado", True),
    ]


DECIDE = """
INSERT INTO credito_decisoes (tenant, pedido_id, cliente, decisao, situacao, origem,
    politica_versao, entradas, decidido_em, decidido_por)
SELECT tenant, id, cliente, 'aprovado', 'aprovado', 'regra', 1, '{}', now(), 'usuario:1'
FROM credito_pedidos WHERE numero = 'P0' AND dataset_id = ({acervo})
"""


def test_an_order_that_was_decided_on_only_learns_its_outcome(company: Company) -> None:
    first, second = Sending(company.client), Sending(company.client)
    concluded(first, first.store_whole())
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text(DECIDE.replace("{acervo}", ACERVO)))
    second.put("clientes", 1, [{"codigo": "C"}])
    orders = [
        {"numero": f"P{n}", "cliente": "C", "valor": 99, "desfecho": "quitado"} for n in range(2)
    ]
    second.store("pedidos", 1, orders)
    concluded(second, {"clientes": 1, "pedidos": 2})
    found = acervo_of("numero, cliente, valor::int, desfecho", "credito_pedidos")
    assert found[:2] == [("P0", "C0", 10, "pago"), ("P1", "C", 99, "pago")]


def decided_then_told(company: Company, word: Any, **told: Any) -> Sending:
    """A dataset, closed, that tells of P0, which was decided on and of which a person has said
    something, before it or, with `late`, after it was stored."""
    late = told.pop("late", False)
    first, second = Sending(company.client), Sending(company.client)
    concluded(first, first.store_whole())
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text("UPDATE credito_pedidos SET desfecho = NULL, desfecho_em = NULL"))
        session.execute(text(DECIDE.replace("{acervo}", ACERVO)))
    (order,) = rows(
        f"SELECT id FROM credito_pedidos WHERE numero = 'P0' AND dataset_id = ({ACERVO})"
    )

    def say() -> None:
        with unit_of_work(tenant=company.tenant) as session:
            said = DesfechoIn(desfecho=word)
            record_outcome(session, company.principal, order.id, said, utc_now())

    if not late:
        say()
    second.put("clientes", 1, [{"codigo": "C"}])
    orders = [{"numero": f"P{n}", "cliente": "C", "valor": 9} | told for n in range(2)]
    second.store("pedidos", 1, orders)
    if late:
        say()
    concluded(second, {"clientes": 1, "pedidos": 2})
    return second


def words() -> list[tuple[Any, ...]]:
    """What was said to have become of orders, in turn."""
    return [tuple(row) for row in rows("SELECT de, para, por FROM credito_desfechos ORDER BY id")]


def test_an_outcome_that_a_dataset_tells_is_on_record(company: Company) -> None:
    told = decided_then_told(company, "faturado", desfecho="quitado", desfecho_em="2025-04-01")
    (said, by_dataset) = words()
    assert said[:2] == (None, "faturado")
    assert by_dataset == ("faturado", "pago", f"dataset:{told.id}")
    assert acervo_of("desfecho, desfecho_em::date::text", "credito_pedidos")[0] == (
        "pago",
        "2025-04-01",
    )
    trail = rows("SELECT objeto, detalhes FROM auditoria WHERE acao = 'dataset.desfechos'")
    assert [(row.objeto, row.detalhes["pedidos"]) for row in trail] == [(f"dataset:{told.id}", 1)]


@pytest.mark.parametrize(
    ("word", "told", "late"),
    [("inadimplente", "pago", True), ("inadimplente", "faturado", False), ("pago", "pago", False)],
)
def test_what_a_person_said_stands(company: Company, word: str, told: str, late: bool) -> None:
    decided_then_told(company, word, desfecho=told, late=late)
    assert [said[:2] for said in words()] == [(None, word)]
    assert acervo_of("desfecho, desfecho_em IS NULL", "credito_pedidos")[0] == (word, False)
    assert rows("SELECT 1 FROM auditoria WHERE acao = 'dataset.desfechos'") == []


def test_companies_do_not_meet_in_one_acervo(make_company: MakeCompany) -> None:
    for nome in ("Uma", "Outra"):
        sending = Sending(make_company(nome).client)
        concluded(sending, sending.store_whole())
    statement = """
        SELECT c.tenant, count(*) AS n FROM credito_clientes c
        JOIN credito_datasets d ON d.id = c.dataset_id AND d.acervo AND d.tenant = c.tenant
        GROUP BY c.tenant
    """
    assert [row.n for row in rows(statement)] == [2, 2]


# The schema.


def schema(sending: Sending, tipo: str) -> dict[str, dict[str, Any]]:
    """A closed dataset's columns of one kind, by name."""
    return {column["nome"]: column for column in sending.seen()["esquema"][tipo]}


def close_with(sending: Sending, own: Callable[[int], dict[str, Any]], n: int = 200) -> None:
    """Close a dataset of so many orders, which have columns of the company's own."""
    sending.put("clientes", 1, [{"codigo": "C"}])
    orders = [
        {
            "numero": f"P{i}",
            "cliente": "C",
            "valor": 10 + i % 3,
            "desfecho": "pago" if i % 2 else "vencido",
            "atributos": own(i),
        }
        for i in range(n)
    ]
    sending.store("pedidos", 1, orders)
    assert concluded(sending, {"clientes": 1, "pedidos": n})["estado"] == "fechado"


def test_columns_are_described(sending: Sending) -> None:
    close_with(
        sending,
        lambda i: {
            "prazo": f"{i % 4},5",
            "canal": ("loja", "app")[i % 2],
            "urgente": ("S", "não", True, 0)[i % 4],
            "origem": "web",
            "protocolo": f"PR-{i}x",
            "sequencia": i,
            "raro": "sob medida" if i < 3 else None,
            "misto": i if i % 2 else "muito",
            "quase_numero": "?x" if i == 0 else i % 7,
            "vendedor": "Fulano",
            "contato_email": f"a{i % 2}@example.com",
        },
    )
    found = schema(sending, "pedidos")
    own = {name: column for name, column in found.items() if column["propria"]}
    kinds = {name.removeprefix("pedido."): column["kind"] for name, column in own.items()}
    assert kinds == {
        "prazo": "number",
        "canal": "category",
        "urgente": "bool",
        "origem": "category",
        "protocolo": "category",
        "sequencia": "number",
        "raro": "category",
        "misto": "category",
        "quase_numero": "number",
        "vendedor": "category",
        "contato_email": "category",
    }
    warned = {name.removeprefix("pedido."): c["avisos"] for name, c in own.items() if c["avisos"]}
    assert warned == {
        "origem": ["constante"],
        "protocolo": ["identificador", "muitas_categorias"],
        "sequencia": ["identificador"],
        "raro": ["constante", "quase_vazia"],
        "misto": ["tipos_misturados", "muitas_categorias"],
        "quase_numero": ["tipos_misturados"],
        "vendedor": ["constante"],
    }
    prazo = own["pedido.prazo"]
    assert (prazo["minimo"], prazo["maximo"], prazo["distintos"]) == (0.5, 3.5, 4)
    assert (prazo["faltando"], prazo["presentes"]) == (0, 200)
    assert own["pedido.raro"]["faltando"] == 197
    assert own["pedido.canal"]["exemplos"] == ["app", "loja"]


def test_examples_name_nobody_and_no_single_item(sending: Sending) -> None:
    close_with(
        sending,
        lambda i: {
            "nome_do_contato": "Fulano de Tal",
            "documento": ("123.456.789-09", "987.654.321-00")[i % 2],
            "fone": "(11) 91234-5678",
            "apelido": f"apelido-{i}",
            "faixa": "A" if i > 3 else "B",
            "serie": "SN123456",
        },
    )
    examples = {name: c["exemplos"] for name, c in schema(sending, "pedidos").items()}
    assert {name: found for name, found in examples.items() if found} == {"pedido.faixa": ["A"]}


def test_fields_that_we_know_are_described_without_examples(sending: Sending) -> None:
    close_with(sending, lambda _: {}, n=60)
    found = schema(sending, "pedidos")
    assert list(found) == ["numero", "cliente", "valor", "pedido_em", "desfecho", "desfecho_em"]
    assert (found["valor"]["kind"], found["valor"]["distintos"]) == ("number", 3)
    assert found["pedido_em"]["faltando"] == 60
    assert found["pedido_em"]["avisos"] == ["quase_vazia"]
    assert found["numero"]["avisos"] == []
    assert sending.seen()["esquema"]["limites"] == []


def test_more_than_three_hundred_columns_of_a_kind_are_too_many(sending: Sending) -> None:
    counts = sending.store_whole()
    wide = [{"codigo": f"W{i}", **{f"c{i}_{n}": 1 for n in range(160)}} for i in range(2)]
    sending.store("clientes", 2, wide)
    concluded(sending, counts | {"clientes": 4})
    assert sending.codes() == ["colunas_demais"]


# Given up.


def test_a_cancelled_dataset_loses_items_and_objects_and_is_still_listed(sending: Sending) -> None:
    sending.store_whole()
    sending.store("clientes", 2, [{}])
    answer = sending.client.delete(sending.path)
    assert (answer.status, answer.json["estado"]) == (200, "cancelado")
    work_off()
    assert sending.client.delete(sending.path).json["estado"] == "cancelado"
    for table in ("credito_clientes", "credito_pedidos", "credito_limites", "credito_consultas"):
        assert stored(table, "id", sending.id) == []
    assert rows("SELECT 1 FROM credito_lotes") == rows("SELECT 1 FROM credito_erros") == []
    (tenant,) = {row.tenant for row in rows("SELECT tenant FROM empresas")}
    assert list(object_store().list(f"{tenant}/credito/")) == []
    assert [d["estado"] for d in sending.client.get("/credito/datasets").json["items"]] == [
        "cancelado"
    ]
    assert_problem(sending.put("clientes", 1, [{"codigo": "C"}]), 409, "DatasetEncerrado")
    assert_problem(sending.conclude({"pedidos": 1}), 409, "DatasetEncerrado")
    assert jobs_of("credit_removals_queue") == ["succeeded"]


def test_a_dataset_cancelled_while_it_is_checked_is_not_closed(sending: Sending) -> None:
    run, message = claimed(sending)
    assert sending.client.delete(sending.path).json["estado"] == "cancelado"
    assert service_closing.close_dataset(run, message).estado == "cancelado"
    assert trainings() == []


def _in_days(days: float) -> datetime:
    return utc_now() + timedelta(days=days)


def test_a_dataset_that_nothing_comes_for_expires_and_is_removed(sending: Sending) -> None:
    sending.store_whole()
    assert service_removal.expire_datasets(_in_days(6.9)) == 0
    assert service_removal.expire_datasets(_in_days(7.1)) == 1
    assert sending.seen()["estado"] == "expirado"
    work_off()
    assert stored("credito_pedidos", "id", sending.id) == []
    assert_problem(sending.put("clientes", 9, [{"codigo": "C"}]), 409, "DatasetEncerrado")
    assert service_removal.expire_datasets(_in_days(7.2)) == 0


def test_a_lot_puts_expiry_off(sending: Sending) -> None:
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text("UPDATE credito_datasets SET expira_em = now() + interval '1 hour'"))
    sending.store("clientes", 1, [{"codigo": "C"}])
    assert service_removal.expire_datasets(_in_days(6.9)) == 0


def test_closed_datasets_and_those_being_checked_do_not_expire(company: Company) -> None:
    closed, checked, left = (
        Sending(company.client),
        Sending(company.client),
        Sending(company.client),
    )
    concluded(closed, closed.store_whole())
    job_of_left = left.conclude(left.store_whole()).json["id"]
    left.client.post(f"/jobs/{job_of_left}/cancelar")
    checked.conclude(checked.store_whole())
    assert service_removal.expire_datasets(_in_days(8)) == 1
    assert left.seen()["estado"] == "expirado"
    assert [found.seen()["estado"] for found in (closed, checked)] == ["fechado", "conferindo"]


def test_a_removal_that_was_cancelled_is_asked_for_again_the_next_day(sending: Sending) -> None:
    sending.store_whole()
    sending.client.delete(sending.path)
    (job,) = rows("SELECT id FROM jobs WHERE queue = 'credit_removals_queue'")
    sending.client.post(f"/jobs/{job.id}/cancelar")
    service_removal.expire_datasets(_in_days(1))
    work_off()
    assert jobs_of("credit_removals_queue") == ["cancelled", "succeeded"]
    assert stored("credito_pedidos", "id", sending.id) == []


# The trail.


def test_every_change_is_on_the_trail_without_personal_data(sending: Sending) -> None:
    counts = sending.store_whole(contato="Fulano de Tal")
    concluded(sending, counts | {"pedidos": 9})
    concluded(sending, counts)
    other = Sending(sending.client)
    other.client.delete(other.path)
    abandoned = Sending(sending.client)
    service_removal.expire_datasets(_in_days(8))
    work_off()
    trail = rows("SELECT acao, objeto, detalhes::text FROM auditoria ORDER BY id")
    done = [row.acao for row in trail if row.objeto == f"dataset:{sending.id}"]
    assert done == [
        "dataset.aberto",
        *["lote.recebido"] * 4,
        *["lote.gravado"] * 4,
        "dataset.conclusao_pedida",
        "dataset.recusado",
        "dataset.conclusao_pedida",
        "dataset.fechado",
    ]
    assert [row.acao for row in trail if row.objeto == f"dataset:{other.id}"][-1] == (
        "dataset.cancelado"
    )
    assert [row.acao for row in trail if row.objeto == f"dataset:{abandoned.id}"][-1] == (
        "dataset.expirado"
    )
    everything = "\n".join(row.detalhes for row in trail)
    for personal in ("Fulano", "C0", "P0"):
        assert f'"{personal}' not in everything


def test_datasets_are_listed_newest_first(company: Company) -> None:
    ids = [Sending(company.client).id for _ in range(3)]
    first = company.client.get("/credito/datasets", limit=2).json
    assert ([d["id"] for d in first["items"]], first["total"]) == (ids[:0:-1], 3)
    assert [d["id"] for d in company.client.get(first["next"]).json["items"]] == ids[:1]


def test_what_is_no_dataset_is_refused(company: Company) -> None:
    for body in ({}, {"alvo": "lucro"}, {"alvo": "pagamento", "nome": ""}, {"alvo": 1}):
        assert_problem(company.client.post("/credito/datasets", body), 422, "ValidationFailed")


def test_a_lot_that_races_a_conclusion_is_in_the_check_or_refused(sending: Sending) -> None:
    counts = sending.store_whole()
    for seq in range(2, 7):
        barrier = threading.Barrier(2)

        def send(number: int = seq, barrier: threading.Barrier = barrier) -> Answer:
            barrier.wait()
            return sending.put("clientes", number, [{"codigo": f"N{number}"}])

        def conclude(barrier: threading.Barrier = barrier) -> Answer:
            barrier.wait()
            return sending.conclude(counts | {"pedidos": 99})  # Never right: it opens again.

        with ThreadPoolExecutor(2) as pool:
            sent, asked = pool.submit(send), pool.submit(conclude)
        lot, job = sent.result().status, asked.result().status
        assert (lot, job) in {(202, 409), (409, 202)}
        work_off()
        if lot == 409:
            sending.store("clientes", seq, [{"codigo": f"N{seq}"}])
        assert sending.kind("clientes")["aceitos"] == seq + 1


def test_an_own_column_may_have_the_name_of_a_field(sending: Sending) -> None:
    sending.conclude(sending.store_whole(valor="alto", situacao="ativo"))
    work_off()
    columns = {each["nome"]: each for each in sending.seen()["esquema"]["pedidos"]}
    assert (columns["valor"]["kind"], columns["pedido.valor"]["kind"]) == ("number", "category")
    assert columns["valor"]["maximo"] == 13
    assert columns["pedido.situacao"]["propria"]


def test_more_datasets_than_are_looked_at_at_once_expire_in_one_run(company: Company) -> None:
    many = service_removal.DATASETS_AT_ONCE * 2 + 5
    with unit_of_work(tenant=company.tenant) as session:
        session.execute(
            text(
                "INSERT INTO credito_datasets (tenant, alvo, criado_por, expira_em)"
                " SELECT :tenant, 'pagamento', 'teste', :soon FROM generate_series(1, :many)"
            ),
            {"tenant": company.tenant, "soon": _in_days(1), "many": many},
        )
    assert service_removal.expire_datasets(_in_days(2)) == many
    assert jobs_of("credit_removals_queue") == ["queued"] * many
    assert service_removal.expire_datasets(_in_days(2)) == 0
    assert len(jobs_of("credit_removals_queue")) == many
