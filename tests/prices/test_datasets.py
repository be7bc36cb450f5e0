"""Datasets of a project: sent, profiled, corrected, drawn, downloaded, deleted."""

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from chalicelib.core import settings
from chalicelib.core.claims import claim
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.runs import JobRun, LeaseLost
from chalicelib.core.uploads import object_store
from chalicelib.prices.errors import DatasetNotFound
from chalicelib.prices.media import PARQUET
from chalicelib.prices.profiling.frame import read_frame
from chalicelib.prices.profiling.job import profile
from chalicelib.prices.queues import PRICES_PROFILE_QUEUE
from chalicelib.prices.tables import Dataset
from functions.runtime import run_job
from tests.client import Answer, Client, assert_problem
from tests.functions.conftest import job
from tests.prices.conftest import Project
from tests.prices.files import as_csv, as_ndjson, as_parquet, small_table
from tests.prices.working import change, profiled, work_off

CSV = as_csv(small_table())
NA_CSV = as_csv(
    {
        "id": list(range(1, 61)),
        "Pool QC": ["NA"] * 55 + ["Ex"] * 5,
        "nota": [*range(59), "boa"],
        "SalePrice": [1000 * (i % 17) + i for i in range(60)],
    }
)


def send(
    project: Project,
    data: bytes = CSV,
    media_type: str = "text/csv",
    client: Client | None = None,
    query: str = "",
) -> Answer:
    sender = client or project.treinador
    return sender.post(f"{project.path}/datasets{query}", data, content_type=media_type)


def uploaded(client: Client, data: bytes, media_type: str = "text/csv") -> dict[str, str]:
    """The body that names a file put by signed upload."""
    asked = {"tamanho_bytes": len(data), "content_type": media_type}
    objeto = client.post("/uploads", asked).json["objeto"]
    object_store().put(objeto, data)
    return {"objeto": objeto}


@pytest.fixture
def dataset(project: Project) -> str:
    """The address of a profiled dataset."""
    return f"{project.path}/datasets/{profiled(send(project, NA_CSV))['id']}"


# Sending.


def test_file_in_the_body_becomes_a_dataset_with_its_profile(project: Project) -> None:
    sent = send(project, query="?nome=Casas")
    assert sent.status == 202
    assert sent.headers["Location"] == f"/jobs/{sent.json['job']['id']}"
    told = sent.json["dataset"]
    assert (told["nome"], told["versao"], told["estado"]) == ("Casas", 1, "recebido")
    assert told["sha256"] == hashlib.sha256(CSV).hexdigest()
    done = work_off(sent.json["job"]["id"])
    assert done.result == {
        "dataset": told["id"],
        "versao": 1,
        "repetido": False,
        "linhas": 40,
        "recusadas": 0,
    }
    found = project.leitor.get(f"{project.path}/datasets/{told['id']}").json
    assert (found["estado"], found["linhas"], found["revisao"]) == ("pronto", 40, 1)
    assert [each["nome"] for each in found["colunas"]] == list(small_table())
    assert found["alvos"][0]["coluna"] == "preco"
    assert found["origem"]["separador"] == ","
    assert "objeto" not in found["origem"]


@pytest.mark.parametrize(
    ("as_file", "media_type"), [(as_ndjson, "application/x-ndjson"), (as_parquet, PARQUET)]
)
def test_other_formats_are_taken_too(project: Project, as_file: Any, media_type: str) -> None:
    told = profiled(send(project, as_file(small_table()), media_type))
    found = project.leitor.get(f"{project.path}/datasets/{told['id']}").json
    assert [each["tipo"] for each in found["colunas"]] == [
        "categoria",
        "numero",
        "data",
        "booleano",
        "numero",
    ]


def test_parquet_passes_api_gateway_as_it_is() -> None:
    assert PARQUET in Client.app.api.binary_types


def test_file_by_signed_upload_is_taken_and_its_digest_found(project: Project) -> None:
    body = uploaded(project.treinador, CSV)
    sent = project.treinador.post(f"{project.path}/datasets", body)
    assert sent.json["dataset"]["sha256"] is None
    told = profiled(sent)
    found = project.leitor.get(f"{project.path}/datasets/{told['id']}").json
    assert found["sha256"] == hashlib.sha256(CSV).hexdigest()


def test_same_bytes_are_the_dataset_they_made(project: Project) -> None:
    first = profiled(send(project))
    again = send(project)
    assert (again.status, again.json["repetido"], again.json["job"]) == (200, True, None)
    assert again.json["dataset"]["id"] == first["id"]
    assert again.headers["Location"] == f"{project.path}/datasets/{first['id']}"
    assert project.leitor.get(f"{project.path}/datasets").json["total"] == 1


def test_same_bytes_by_upload_name_the_dataset_they_made(project: Project) -> None:
    first = profiled(send(project))
    sent = project.treinador.post(f"{project.path}/datasets", uploaded(project.treinador, CSV))
    done = work_off(sent.json["job"]["id"])
    assert done.result is not None
    assert (done.result["repetido"], done.result["dataset"]) == (True, first["id"])
    second = project.leitor.get(f"{project.path}/datasets/{sent.json['dataset']['id']}").json
    assert second["estado"] == "recusado"
    assert second["motivo"] == "Os mesmos bytes já são a versão 1 deste projeto."


def test_same_bytes_sent_while_the_first_wait_follow_the_same_job(project: Project) -> None:
    first, second = send(project), send(project)
    assert second.status == 202
    assert second.json["job"]["id"] == first.json["job"]["id"]
    assert second.json["repetido"] is True


def test_same_bytes_are_another_dataset_in_another_project(project: Project) -> None:
    send(project)
    other = project.dono.post("/precos/projetos", {"nome": "Outro"}).json["id"]
    sent = project.dono.post(f"/precos/projetos/{other}/datasets", CSV, content_type="text/csv")
    assert (sent.status, sent.json["dataset"]["versao"]) == (202, 1)


def test_two_who_send_the_same_at_once_make_one_dataset(project: Project) -> None:
    with ThreadPoolExecutor(2) as pool:
        sent = list(pool.map(lambda who: send(project, client=who), [project.dono, project.admin]))
    assert [each.status for each in sent] == [202, 202]
    assert len({each.json["dataset"]["id"] for each in sent}) == 1


def test_request_sent_again_with_its_key_creates_nothing_more(project: Project) -> None:
    key = {"Idempotency-Key": "um-envio"}
    path = f"{project.path}/datasets"
    first, second = (
        project.treinador.post(path, CSV, content_type="text/csv", headers=key) for _ in range(2)
    )
    assert (first.json, second.headers["Idempotent-Replayed"]) == (second.json, "true")


def test_large_files_are_refused_by_the_setting(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRECOS_DATASET_MAX_MB", "1")
    settings.settings.cache_clear()
    large = b"a,b\n" + b"1,2\n" * 300_000
    assert_problem(send(project, large), 422, "ArquivoGrande")
    named = uploaded(project.treinador, large)
    answer = project.treinador.post(f"{project.path}/datasets", named)
    assert_problem(answer, 422, "ArquivoGrande")


def test_what_is_no_file_of_rows_is_refused(project: Project) -> None:
    path = f"{project.path}/datasets"
    assert_problem(send(project, b""), 422, "EmptyFile")
    assert_problem(send(project, b"%PDF", "application/pdf"), 415, "UnsupportedMediaType")
    pdf = uploaded(project.treinador, b"%PDF", "application/pdf")
    assert_problem(project.treinador.post(path, pdf), 422, "FileTypeUnsupported")
    unknown = {"objeto": "casa/uploads/nada"}
    assert_problem(project.treinador.post(path, unknown), 422, "ObjectMissing")
    foreign = uploaded(project.outsider, CSV)
    assert_problem(project.treinador.post(path, foreign), 422, "ObjectMissing")


# The job.


def test_refused_file_says_why_on_job_and_dataset(project: Project) -> None:
    sent = send(project, b"a,b,a\n1,2,3\n")
    done = work_off(sent.json["job"]["id"])
    assert (done.state, done.attempt) == ("failed", 1)
    assert done.error is not None
    reason = "Há nomes repetidos no cabeçalho: colunas 1, 3."
    assert (done.error["title"], done.error["detail"]) == ("ArquivoRecusado", reason)
    told = project.leitor.get(f"{project.path}/datasets/{sent.json['dataset']['id']}").json
    assert (told["estado"], told["motivo"], told["colunas"]) == ("recusado", reason, [])
    # What was refused once may be sent again: as it is, it is refused again.
    assert send(project, b"a,b,a\n1,2,3\n").json["repetido"] is False


def test_refused_file_whose_job_is_sent_again_is_refused_as_before(project: Project) -> None:
    bad = b"a,b,a\n1,2,3\n"
    first = send(project, bad).json["job"]["id"]
    reason = work_off(first).error
    # The same bytes wait as another dataset meanwhile, which the first must not stand in for.
    assert send(project, bad).status == 202
    project.treinador.post(f"/jobs/{first}/reenviar")
    change(text("UPDATE jobs SET state = 'cancelled' WHERE id <> :id"), id=UUID(first))
    again = work_off(first).error
    assert again is not None
    assert reason is not None
    assert (again["title"], again["detail"]) == (reason["title"], reason["detail"])


def test_refused_rows_are_counted_and_listed_by_line(project: Project) -> None:
    lines = CSV.splitlines(keepends=True)
    lines[4:4] = [b"so,tres,campos\n"]
    sent = send(project, b"".join(lines))
    told = profiled(sent)
    found = project.leitor.get(f"{project.path}/datasets/{told['id']}").json
    assert (found["linhas"], found["linhas_recusadas"]) == (40, 1)
    assert "linhas_recusadas" in [each["codigo"] for each in found["avisos"]]
    listed = project.leitor.get(f"{project.path}/datasets/{told['id']}/rejeicoes").json
    assert listed["items"] == [{"linha": 5, "motivo": "3 campos onde o cabeçalho tem 5."}]
    assert project.treinador.get(f"/jobs/{sent.json['job']['id']}/rejeicoes").json == listed


def test_cancelled_profile_can_be_asked_for_again(project: Project) -> None:
    sent = send(project)
    run = claim(PRICES_PROFILE_QUEUE)
    assert run is not None
    project.treinador.post(f"/jobs/{sent.json['job']['id']}/cancelar")
    run_job(run, PRICES_PROFILE_QUEUE, lambda run, message: profile(run, message.dataset))
    assert job(UUID(sent.json["job"]["id"])).state == "cancelled"
    again = send(project)
    told = again.json["dataset"]
    assert (told["id"], told["estado"]) == (sent.json["dataset"]["id"], "recebido")
    assert again.json["job"]["id"] != sent.json["job"]["id"]
    assert work_off(again.json["job"]["id"]).state == "succeeded"


def test_lost_run_writes_nothing(project: Project) -> None:
    told = send(project).json["dataset"]
    run = claim(PRICES_PROFILE_QUEUE)
    assert run is not None
    change(text("UPDATE jobs SET attempt = attempt + 1"))
    with pytest.raises(LeaseLost):
        profile(run, told["id"])
    assert project.leitor.get(f"{project.path}/datasets/{told['id']}").json["estado"] == "recebido"


def test_profile_of_a_profiled_dataset_changes_nothing(project: Project) -> None:
    sent = send(project)
    told = profiled(sent)
    before = project.leitor.get(f"{project.path}/datasets/{told['id']}").json
    change(text("UPDATE jobs SET state = 'queued', finished_at = NULL"))
    assert work_off(sent.json["job"]["id"]).state == "succeeded"
    assert project.leitor.get(f"{project.path}/datasets/{told['id']}").json == before


def test_job_of_a_deleted_dataset_ends_without_a_trace(project: Project) -> None:
    sent = send(project)
    address = f"{project.path}/datasets/{sent.json['dataset']['id']}"
    assert project.admin.delete(address).status == 204
    done = work_off(sent.json["job"]["id"])
    assert done.error is not None
    assert done.error["title"] == "DatasetNotFound"


def test_everybody_of_the_project_sees_how_far_the_job_is(project: Project) -> None:
    sent = send(project)
    address = f"{project.path}/datasets/{sent.json['dataset']['id']}"
    waiting = {"estado": "queued", "progresso": 0.0, "etapa": None}
    assert project.leitor.get(address).json["andamento"] == waiting
    assert project.leitor.get(f"{address}/rejeicoes").json["total"] == 0
    profiled(sent)
    done = project.leitor.get(address).json["andamento"]
    assert (done["estado"], done["progresso"], done["etapa"]) == ("succeeded", 1.0, "Guardando")


class DeletedMeanwhile(JobRun):
    """A run whose dataset is deleted when all but storing is done."""

    def progress(self, done: float, total: float, step: str) -> None:
        """Delete it at the last step."""
        if step == "Guardando":
            change(text("DELETE FROM precos_datasets"))
        super().progress(done, total, step)


def test_parquet_of_a_dataset_that_was_deleted_meanwhile_is_not_left_behind(
    project: Project,
) -> None:
    told = send(project).json["dataset"]
    found = claim(PRICES_PROFILE_QUEUE)
    assert found is not None
    run = DeletedMeanwhile(**{each.name: getattr(found, each.name) for each in fields(found)})
    with pytest.raises(DatasetNotFound):
        profile(run, told["id"])
    assert list(object_store().list("casa/precos/")) == []


# Corrections.


def test_corrections_make_a_new_revision_that_reads_the_rows_so(
    project: Project, dataset: str, tmp_path: Path
) -> None:
    said = {
        "Pool QC": {"na_e_categoria": True},
        "SalePrice": {"papel": "alvo", "unidade": "USD"},
        "nota": {"ignorar": True},
    }
    found = project.treinador.patch(f"{dataset}/colunas", said)
    assert found.status == 200
    columns = {each["nome"]: each for each in found.json["colunas"]}
    assert found.json["revisao"] == 2
    assert (columns["Pool QC"]["ausentes"], columns["Pool QC"]["distintos"]) == (0, 2)
    assert (columns["SalePrice"]["papel"], columns["SalePrice"]["unidade"]) == ("alvo", "USD")
    assert columns["nota"]["papel"] == "ignorar"
    assert project.leitor.get(dataset).json == found.json
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        row = session.get_one(Dataset, int(dataset.rpartition("/")[2]))
        assert row.parquet is not None
        path = tmp_path / "dados.parquet"
        path.write_bytes(object_store().read(row.parquet["objeto"]))
        frame = read_frame(path, row.colunas)
    assert set(frame.table["Pool QC"]) == {"NA", "Ex"}


def test_correction_that_cannot_hold_changes_nothing(project: Project, dataset: str) -> None:
    said = {"nota": {"tipo": "numero"}, "Pool QC": {"na_e_categoria": True}}
    answer = project.treinador.patch(f"{dataset}/colunas", said)
    problem = assert_problem(answer, 422, "CorrecaoInvalida")
    (error,) = problem["errors"]
    assert error["campo"] == "nota"
    assert error["erro"].startswith("1 de 60 valores presentes não podem ser lidos como um número")
    assert project.leitor.get(dataset).json["revisao"] == 1


def test_same_correction_again_is_no_new_revision_and_null_takes_it_back(
    project: Project, dataset: str
) -> None:
    before = project.leitor.get(dataset).json
    for _ in range(2):
        told = project.treinador.patch(f"{dataset}/colunas", {"id": {"tipo": "numero"}}).json
        assert told["revisao"] == 2
    back = project.treinador.patch(f"{dataset}/colunas", {"id": None}).json
    assert back == {**before, "revisao": 3}


def test_correction_of_what_is_not_profiled_is_refused(project: Project) -> None:
    told = send(project).json["dataset"]
    address = f"{project.path}/datasets/{told['id']}"
    answer = project.treinador.patch(f"{address}/colunas", {"preco": {"papel": "alvo"}})
    assert_problem(answer, 409, "DatasetNaoPronto")
    assert_problem(project.leitor.get(f"{address}/parquet"), 409, "DatasetNaoPronto")
    assert_problem(project.leitor.get(f"{address}/figuras/ausentes"), 409, "DatasetNaoPronto")


@pytest.mark.parametrize("said", [{}, {"preco": {"tipo": "grana"}}, {"preco": {"cor": 1}}, []])
def test_malformed_corrections_are_refused(project: Project, dataset: str, said: Any) -> None:
    answer = project.treinador.patch(f"{dataset}/colunas", said)
    assert_problem(answer, 422, "ValidationFailed")


# Figures.


def test_every_listed_figure_is_drawn_as_plotly_has_it(project: Project, dataset: str) -> None:
    listed = project.leitor.get(dataset).json["figuras"]
    names = [each["nome"] for each in listed]
    assert names == [
        "ausentes",
        "correlacao",
        *(f"histograma-{place}" for place in (1, 2, 3, 4)),
        *(f"alvo-{place}" for place in (1, 2, 3)),
    ]
    plotly = pytest.importorskip("plotly.graph_objects")
    for name in names:
        figure = project.leitor.get(f"{dataset}/figuras/{name}").json
        plotly.Figure(figure)
        assert figure["data"], name


def test_figures_follow_corrections_and_the_target_asked_for(
    project: Project, dataset: str
) -> None:
    project.treinador.patch(f"{dataset}/colunas", {"Pool QC": {"na_e_categoria": True}})
    (bars,) = project.leitor.get(f"{dataset}/figuras/histograma-2").json["data"]
    assert (bars["x"], bars["y"]) == (["NA", "Ex"], [55, 5])
    against = project.leitor.get(f"{dataset}/figuras/alvo-4", alvo="id").json
    assert against["layout"]["title"]["text"].startswith("id por SalePrice")
    boxes = project.leitor.get(f"{dataset}/figuras/alvo-2").json["data"]
    assert [each["name"] for each in boxes] == ["NA", "Ex"]


def test_absent_values_are_drawn_as_absent(project: Project, dataset: str) -> None:
    boxes = project.leitor.get(f"{dataset}/figuras/alvo-2").json["data"]
    assert [(each["name"], len(each["y"])) for each in boxes] == [("ausente", 55), ("Ex", 5)]


@pytest.mark.parametrize(
    "name",
    ["histograma-0", "histograma-5", "histograma-x", "histograma-00021", "alvo-4", "nada"],
)
def test_unknown_figure_is_not_found(project: Project, dataset: str, name: str) -> None:
    assert_problem(project.leitor.get(f"{dataset}/figuras/{name}"), 404, "FiguraNotFound")


# Lists, downloads, deletion.


def test_datasets_are_listed_newest_first(project: Project) -> None:
    ids = [send(project, as_csv(small_table(rows))).json["dataset"]["id"] for rows in (5, 6, 7)]
    first = project.leitor.get(f"{project.path}/datasets", limit=2).json
    rest = project.leitor.get(first["next"]).json
    assert [each["id"] for each in first["items"] + rest["items"]] == ids[::-1]
    assert [each["versao"] for each in first["items"]] == [3, 2]
    assert first["total"] == 3


def test_parquet_is_fetched_by_a_signed_address(project: Project, dataset: str) -> None:
    answer = project.leitor.get(f"{dataset}/parquet")
    assert answer.status == 303
    assert "signature" in answer.headers["Location"] or "_objects/" in answer.headers["Location"]
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        kept = session.get_one(Dataset, int(dataset.rpartition("/")[2])).parquet
    assert kept is not None
    assert kept["objeto"] in answer.headers["Location"]
    data = object_store().read(kept["objeto"])
    assert hashlib.sha256(data).hexdigest() == kept["sha256"]
    assert pq.read_table(io.BytesIO(data)).num_rows == 60


def test_deleted_dataset_is_gone_and_a_job_removes_its_parquet(
    project: Project, dataset: str
) -> None:
    prefix = f"casa/precos/{UUID(project.id).hex}/"
    assert len(list(object_store().list(prefix))) == 1
    assert_problem(project.treinador.delete(dataset), 403, "PapelInsuficiente")
    assert project.admin.delete(dataset).status == 204
    assert_problem(project.admin.get(dataset), 404, "DatasetNotFound")
    (removal,) = project.admin.get("/jobs", queue="prices_removal_queue").json["items"]
    assert work_off(removal["id"]).result == {"objetos": 1}
    assert list(object_store().list(prefix)) == []


def test_deleted_project_loses_the_files_of_all_its_datasets(
    project: Project, dataset: str
) -> None:
    project.dono.delete(project.path)
    removals = project.dono.get("/jobs", queue="prices_removal_queue").json["items"]
    for each in removals:
        work_off(each["id"])
    done = project.dono.get("/jobs", queue="prices_removal_queue").json["items"]
    assert sorted(each["result"]["objetos"] for each in done) == [0, 1]  # No model was trained.
    assert_problem(project.dono.get(dataset), 404, "ProjetoNotFound")


# Who may.

ROUTES = [
    ("GET", "", None, "leitor"),
    ("GET", "/figuras/ausentes", None, "leitor"),
    ("GET", "/parquet", None, "leitor"),
    ("GET", "/rejeicoes", None, "leitor"),
    ("PATCH", "/colunas", {"id": {"unidade": "x"}}, "treinador"),
    ("DELETE", "", None, "admin"),
]


@pytest.mark.parametrize(("method", "path", "body", "lowest"), ROUTES)
def test_role_decides_and_strangers_see_nothing(
    project: Project, dataset: str, method: str, path: str, body: Any, lowest: str
) -> None:
    address = dataset + path
    for client in (project.stranger, project.outsider):
        assert_problem(client.request(method, address, body), 404, "ProjetoNotFound")
    other = project.dono.post("/precos/projetos", {"nome": "Outro"}).json["id"]
    elsewhere = address.replace(project.id, other)
    assert_problem(project.dono.request(method, elsewhere, body), 404, "DatasetNotFound")
    roles = ["leitor", "treinador", "admin"]
    for role in roles[: roles.index(lowest)]:
        answer = getattr(project, role).request(method, address, body)
        assert_problem(answer, 403, "PapelInsuficiente")
    assert getattr(project, lowest).request(method, address, body).status < 400


def test_only_trainers_send_and_nobody_elses_file_is_stored(
    project: Project, tmp_path: Path
) -> None:
    assert_problem(send(project, client=project.leitor), 403, "PapelInsuficiente")
    for client in (project.stranger, project.outsider):
        assert_problem(send(project, client=client), 404, "ProjetoNotFound")
        assert_problem(client.get(f"{project.path}/datasets"), 404, "ProjetoNotFound")
    assert list(object_store().list("")) == []


def test_anonymous_is_refused(anonymous: Client, project: Project) -> None:
    assert_problem(send(project, client=anonymous), 401, "Unauthorized")
    assert_problem(anonymous.get(f"{project.path}/datasets"), 401, "Unauthorized")
    for method, path, body, _ in ROUTES:
        answer = anonymous.request(method, f"{project.path}/datasets/1{path}", body)
        assert_problem(answer, 401, "Unauthorized")
