"""Every queue handler under Lambda's runtime client, fed by SQS, its objects in S3.

Handlers are deployed as container images with all libraries, so here they run on this
project's own interpreter. Who adds a handler adds its case to `CASES`.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import Job
from chalicelib.core.settings import HOUSE
from chalicelib.core.uploads import object_store
from functions import EVENT_SOURCES
from infra.aws.pythons import ROOT
from infra.local.bookshop import Shop, make_stock, serve_shop
from infra.local.bookshop.server import ShopServer
from infra.local.lambda_service import Function, LambdaInstance
from infra.local.seed import load_gym
from infra.local.simulation import simulate
from tests.client import Answer
from tests.conftest import MakeUser
from tests.credit.companies import Company, sign_up_company
from tests.credit.conftest import Sending
from tests.credit.decisions.deciding import order, publish_credit_model
from tests.credit.models.records import load
from tests.gym.conftest import count
from tests.gym.publishing import publish_model
from tests.gym.work import CSV
from tests.infra.aws.deployed import (
    DeployedClient,
    Deployment,
    EventSourceMapping,
    assert_reasons_add_up,
)
from tests.prices.files import as_csv, small_table
from tests.prices.publishing import CAR, publish_price_model


@dataclass(frozen=True)
class Cloud:
    """The API in its package, the handlers beside it, S3 and SQS between them.

    Attributes:
        api: A signed-in admin at the packaged API.
        company: A company's user there.
        aws: Address of S3 and SQS.
        environment: Of every function.
        folder: For logs.
    """

    api: DeployedClient
    company: DeployedClient
    aws: str
    environment: dict[str, str]
    folder: Path

    def result(self, queue: str, accepted: Answer) -> dict[str, Any]:
        """Let the handler of a queue do the job that the API has promised; gives its result."""
        assert accepted.status == 202, accepted.body
        found = self.work_off(queue, accepted.json["id"])
        # One id from the request to what the handler logs.
        asked_by = f'"request_id": "{accepted.headers["X-Request-Id"]}"'
        assert asked_by in (self.folder / f"{queue}.log").read_text()
        return found

    def work_off(self, queue: str, job_id: str) -> dict[str, Any]:
        """Let the handler of a queue do a job that has been rung for; gives its result.

        A message that nobody knows comes with it, or after it where a batch is of one message: the
        handler gives that back, and only that.
        """
        mapping = EventSourceMapping(self.aws, queue)
        mapping.send(json.dumps({"job": str(UUID(int=7))}))
        with self.handler(queue) as instance:
            taken = mapping.deliver(instance)
            if EVENT_SOURCES[queue].batch_size == 1:
                taken += mapping.deliver(instance)
        assert taken == 1
        assert mapping.left() == 1
        with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
            job = session.get(Job, UUID(job_id))
        assert job is not None
        assert job.state == "succeeded", job.error
        assert job.result is not None
        return job.result

    @contextmanager
    def handler(self, queue: str) -> Iterator[LambdaInstance]:
        """A queue's handler, cold."""
        name = EVENT_SOURCES[queue].handler
        told = {**self.environment, "LOG_LEVEL": "INFO"}
        function = Function(Path(sys.executable), ROOT, name, told)
        with LambdaInstance(function, self.folder / f"{queue}.log") as instance:
            yield instance


@pytest.fixture
def bookshop(deployed_environment: dict[str, str]) -> Iterator[ShopServer]:
    """A shop of made-up books, which is the one that the functions read."""
    with serve_shop(Shop(make_stock(60, shelves=4))) as server:
        deployed_environment["BOOKS_BASE_URL"] = server.url
        yield server


@pytest.fixture
def cloud(
    deployment: Deployment,
    bookshop: ShopServer,
    deployed_environment: dict[str, str],
    aws: str,
    client_of: MakeUser,
    tmp_path: Path,
) -> Iterator[Cloud]:
    """Everything that is deployed, on an empty database and an empty bucket."""
    admin, company = client_of(Role.ADMIN), sign_up_company().client
    function = deployment.function(deployed_environment)
    with LambdaInstance(function, tmp_path / "api.log") as instance:
        api, of_company = (DeployedClient(user.token).at(instance) for user in (admin, company))
        yield Cloud(api, of_company, aws, deployed_environment, tmp_path)


def _a_shop_is_read(cloud: Cloud) -> None:
    report = cloud.result("books_scrape_queue", cloud.api.post("/api/v1/scraping/trigger", {}))
    assert (report["books"], report["new"], report["made_up"]) == (60, 60, True)
    assert count("books") == 60
    for formato in ("csv", "ndjson", "parquet"):
        assert cloud.api.get(f"/api/v1/dumps/latest/{formato}").status == 303


def _members_are_imported(cloud: Cloud) -> None:
    plano = cloud.api.post("/planos", {"nome": "Padrão", "mensalidade": "119.90"})
    assert plano.status == 201, plano.body
    rows = [f"Aluno {n},a{n}@example.com,Padrão" for n in range(50)]
    file = "\n".join(["nome,email,plano", *rows, "Sem Plano,x@example.com,Nenhum"]).encode()
    accepted = cloud.api.post("/aluno/registro/lote", file, content_type=CSV)
    report = cloud.result("aluno_queue", accepted)
    assert (report["aceitas"], report["rejeitadas"]) == (50, 1)
    assert count("alunos") == 50


def _visits_are_imported(cloud: Cloud) -> None:
    plano = cloud.api.post("/planos", {"nome": "Padrão", "mensalidade": "119.90"}).json
    member = {"nome": "Ana Lima", "email": "ana@example.com", "plano_id": plano["id"]}
    aluno_id = cloud.api.post("/aluno/registro", member).json["id"]
    rows = [f"{aluno_id},2026-03-{day:02}T07:15:00-03:00" for day in range(1, 29)]
    file = "\n".join(["aluno_id,entrada", *rows, "999999,2026-03-01T07:15:00-03:00"]).encode()
    accepted = cloud.api.post("/aluno/checkin/lote", file, content_type=CSV)
    report = cloud.result("checkin_queue", accepted)
    assert (report["aceitas"], report["rejeitadas"]) == (28, 1)
    assert count("checkins") == 28


def _a_trained_model_answers_in_the_package(cloud: Cloud) -> None:
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, simulate(alunos=300, meses=9, until=utc_now()))
    report = cloud.result("model_update_queue", cloud.api.post("/admin/atualizar-modelo"))
    assert (report["versao"], report["promovido"]) == (1, True)
    answers = (cloud.api.get(f"/aluno/{n}/risco-churn").json for n in range(1, 301))
    score = next(answer for answer in answers if answer["tipo"] == "modelo")
    assert score["modelo_versao"] == 1
    assert_reasons_add_up(score)


def _every_member_is_scored(cloud: Cloud) -> None:
    publish_model()
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, simulate(alunos=60, meses=6, until=utc_now()))
    report = cloud.result(
        "churn_probabilities_queue", cloud.api.post("/admin/calcular-probabilidades")
    )
    assert report["alunos"] == count("probabilidades_churn") > 0


def _a_day_is_reported(cloud: Cloud) -> None:
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, simulate(alunos=60, meses=3, until=utc_now()))
    day = str(utc_now().date() - timedelta(days=7))
    cloud.result("daily_report_queue", cloud.api.post("/admin/relatorios", {"data": day}))
    report = cloud.api.get(f"/relatorios/{day}").json
    assert report["dia"] == day


def _two_models_are_compared(cloud: Cloud) -> None:
    versions = {"a": publish_model(1), "b": publish_model(2)}
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, simulate(alunos=150, meses=9, until=utc_now()))
    report = cloud.result(
        "model_comparison_queue", cloud.api.post("/modelos/churn/comparar", versions)
    )
    assert report["linhas"] > 0


def _the_gym_is_analysed(cloud: Cloud) -> None:
    first, _ = publish_model(1), publish_model(2)
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, simulate(alunos=60, meses=6, until=utc_now()))
    promoted = cloud.api.post(f"/modelos/churn/{first}/promover", {"motivo": "Conferido."})
    assert promoted.status == 200, promoted.body
    (job,) = cloud.api.get("/jobs", queue="analysis_queue").json["items"]
    cloud.work_off("analysis_queue", job["id"])
    assert cloud.api.get("/retencao/coortes").json["retencao"]["curvas"]


def _files_about_an_erased_person_are_deleted(cloud: Cloud) -> None:
    plano = cloud.api.post("/planos", {"nome": "Padrão", "mensalidade": "119.90"}).json
    member = {"nome": "Ana Lima", "email": "ana@example.com", "plano_id": plano["id"]}
    aluno_id = cloud.api.post("/aluno/registro", member).json["id"]
    cloud.result("lgpd_queue", cloud.api.request("DELETE", f"/aluno/{aluno_id}/dados"))
    assert cloud.api.get(f"/aluno/{aluno_id}").status == 404


def _a_lot_is_stored(cloud: Cloud) -> None:
    sending = Sending(cloud.company)
    accepted = sending.put("clientes", 1, "codigo;setor\nC1;Varejo\nC2;\n;x\n")
    assert accepted.status == 202, accepted.body
    result = cloud.work_off("credit_lots_queue", accepted.json["job_id"])
    assert (result["aceitos"], result["recusados"]) == (2, 1)


def _a_dataset_is_closed(cloud: Cloud) -> None:
    sending = Sending(cloud.company)
    counts = sending.send_whole()
    with cloud.handler("credit_lots_queue") as instance:
        assert EventSourceMapping(cloud.aws, "credit_lots_queue").deliver(instance) == 4
    report = cloud.result("credit_datasets_queue", sending.conclude(counts))
    assert (report["estado"], report["itens"]) == ("fechado", 8)


def _a_cancelled_dataset_is_removed(cloud: Cloud) -> None:
    sending = Sending(cloud.company)
    sending.put("clientes", 1, [{"codigo": "C1"}])
    assert sending.client.delete(sending.path).status == 200
    (job,) = cloud.company.get("/jobs", queue="credit_removals_queue").json["items"]
    assert cloud.work_off("credit_removals_queue", job["id"])["objetos"] == 1


def _files_about_an_erased_cliente_are_deleted(cloud: Cloud) -> None:
    sending = Sending(cloud.company)
    accepted = sending.put("clientes", 1, [{"codigo": "Ana"}])
    cloud.work_off("credit_lots_queue", accepted.json["job_id"])
    erased = cloud.company.post("/credito/clientes/apagar", {"cliente": "Ana"})
    assert cloud.result("credit_lgpd_queue", erased)["lotes_removidos"] == 1


def _orders_are_decided(cloud: Cloud) -> None:
    company = sign_up_company()
    publish_credit_model(company.tenant)
    client = _as(company, cloud)
    sent = client.post("/credito/pedidos/lote", {"pedidos": [order(), order(valor="-1")]})
    report = cloud.work_off("credit_orders_queue", sent.json["job_id"])
    assert (report["aprovados"], report["problemas"]) == (1, 1)
    found = client.get(sent.headers["Location"]).json
    assert [item["decisao"] for item in found["items"]] == ["aprovado", None]


def _a_company_trains_its_model(cloud: Cloud) -> None:
    company = sign_up_company()
    asked = {"dataset": str(load(company.tenant))}
    accepted = _as(company, cloud).post("/credito/retreinamentos", asked)
    report = cloud.result("credit_training_queue", accepted)
    assert (report["versao"], report["promovido"]) == (1, True)


def _a_company_tries_a_version_on_a_file(cloud: Cloud) -> None:
    company = sign_up_company()
    version = publish_credit_model(company.tenant)
    path = f"/credito/modelos/{version}/testar"
    accepted = _as(company, cloud).post(path, b"valor\n10.00\n20.00\n", content_type=CSV)
    report = cloud.result("credit_analysis_queue", accepted)
    assert (report["lidas"], len(report["pedidos"])) == (2, 2)


def _as(company: Company, cloud: Cloud) -> DeployedClient:
    return DeployedClient(company.client.token).at(cloud.api.instance)


def _prices_are_learnt(cloud: Cloud) -> None:
    """The job follows a reading of the shop."""
    cloud.result("books_scrape_queue", cloud.api.post("/api/v1/scraping/trigger", {}))
    (job,) = cloud.api.get("/jobs?queue=books_training_queue").json["items"]
    report = cloud.work_off("books_training_queue", job["id"])
    assert (report["linhas"], report["modelo"]["versao"]) == (60, 1)
    assert cloud.api.get("/api/v1/ml/training-data?format=parquet").status == 303
    answer = cloud.api.post("/api/v1/ml/predictions", {"rating": 3})
    assert (answer.status, answer.json["version"]) == (200, 1)


def _price_project(cloud: Cloud) -> str:
    """A project with a model that answers; gives its address."""
    made = cloud.api.post("/precos/projetos", {"nome": "Carros"})
    assert made.status == 201, made.body
    publish_price_model(made.json["id"])
    return f"/precos/projetos/{made.json['id']}"


def _a_file_of_cases_is_predicted(cloud: Cloud) -> None:
    at = _price_project(cloud)
    data = b"potencia,peso,marca\n100,1000,Cume\n"
    upload = cloud.api.post("/uploads", {"tamanho_bytes": len(data), "content_type": CSV}).json
    object_store().put(upload["objeto"], data, content_type=CSV)
    sent = cloud.api.post(f"{at}/previsoes/lote", {"objeto": upload["objeto"]})
    assert cloud.result("prices_prediction_queue", sent)["previstas"] == 1
    found = cloud.api.get(f"{at}/previsoes/lote/{sent.json['id']}").json
    assert found["relatorio"]["linhas"] == 1


def _a_price_model_is_measured(cloud: Cloud) -> None:
    at = _price_project(cloud)
    asked = cloud.api.post(f"{at}/previsoes", {"instancia": CAR})
    assert asked.status == 201, asked.body
    report = cloud.result("prices_analysis_queue", cloud.api.post(f"{at}/saude"))
    assert (report["versao"], report["previsoes"]) == (1, 1)


def _a_price_model_is_trained_in_one_call(cloud: Cloud) -> None:
    rows = [{"area": n % 90 + 0.5, "preco": 3 * (n % 90) + n % 7} for n in range(240)]
    body = {"dados": rows, "alvo": "preco", "algoritmo": "regressao_ridge"}
    begun = cloud.api.post("/precos/treinar", body)
    assert begun.status == 202, begun.body
    report = cloud.work_off("prices_training_queue", begun.json["job_id"])
    assert (report["versao"], report["promovido"]) == (1, True)
    asked = {"modelo": begun.json["modelo"], "dados": {"area": 50}}
    found = cloud.api.post("/precos/prever", asked)
    assert found.status == 201, found.body
    assert found.json["previsoes"][0]["baixo"] < 152 < found.json["previsoes"][0]["alto"]


def _a_file_is_profiled(cloud: Cloud) -> None:
    told = _dataset(cloud)
    found = cloud.api.get(told["address"]).json
    assert (found["estado"], found["linhas"]) == ("pronto", 40)
    assert found["alvos"][0]["coluna"] == "preco"
    assert cloud.api.get(f"{told['address']}/parquet").status == 303


def _dataset(cloud: Cloud) -> dict[str, Any]:
    """A profiled dataset, and its address."""
    project = cloud.api.post("/precos/projetos", {"nome": "Casas"}).json["id"]
    path = f"/precos/projetos/{project}/datasets"
    sent = cloud.api.post(path, as_csv(small_table()), content_type=CSV)
    assert sent.status == 202, sent.body
    cloud.work_off("prices_profile_queue", sent.json["job"]["id"])
    return {**sent.json["dataset"], "address": f"{path}/{sent.json['dataset']['id']}"}


def _a_deleted_dataset_is_removed(cloud: Cloud) -> None:
    assert cloud.api.delete(_dataset(cloud)["address"]).status == 204
    (job,) = cloud.api.get("/jobs?queue=prices_removal_queue").json["items"]
    assert cloud.work_off("prices_removal_queue", job["id"]) == {"objetos": 1}


CASES: dict[str, Callable[[Cloud], None]] = {
    "prices_analysis_queue": _a_price_model_is_measured,
    "prices_prediction_queue": _a_file_of_cases_is_predicted,
    "prices_training_queue": _a_price_model_is_trained_in_one_call,
    "credit_datasets_queue": _a_dataset_is_closed,
    "credit_lots_queue": _a_lot_is_stored,
    "credit_lgpd_queue": _files_about_an_erased_cliente_are_deleted,
    "credit_removals_queue": _a_cancelled_dataset_is_removed,
    "analysis_queue": _the_gym_is_analysed,
    "credit_analysis_queue": _a_company_tries_a_version_on_a_file,
    "credit_training_queue": _a_company_trains_its_model,
    "books_scrape_queue": _a_shop_is_read,
    "books_training_queue": _prices_are_learnt,
    "lgpd_queue": _files_about_an_erased_person_are_deleted,
    "model_comparison_queue": _two_models_are_compared,
    "aluno_queue": _members_are_imported,
    "checkin_queue": _visits_are_imported,
    "churn_probabilities_queue": _every_member_is_scored,
    "credit_orders_queue": _orders_are_decided,
    "daily_report_queue": _a_day_is_reported,
    "model_update_queue": _a_trained_model_answers_in_the_package,
    "prices_profile_queue": _a_file_is_profiled,
    "prices_removal_queue": _a_deleted_dataset_is_removed,
}


def test_every_handler_has_a_case() -> None:
    missing = EVENT_SOURCES.keys() - CASES.keys()
    assert not missing, f"say in CASES what these handlers must have done: {sorted(missing)}"
    assert CASES.keys() <= EVENT_SOURCES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("queue", sorted(CASES))
def test_a_handler_does_its_work_in_lambda(cloud: Cloud, queue: str) -> None:
    CASES[queue](cloud)
