"""Trainings: asked for, refused by name, followed by the whole project, cancelled."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import Job, JobState
from chalicelib.prices.algorithms import ALGORITMOS
from chalicelib.prices.service_training import seconds_left
from tests.client import Answer, assert_problem
from tests.prices.conftest import Project
from tests.prices.publishing import add_dataset


def train(project: Project, number: int, **asked: Any) -> Answer:
    """Ask for a training on a dataset."""
    body = {"dataset": number, "alvo": "preco", **asked}
    return project.treinador.post(f"{project.path}/treinamentos", body)


def change_jobs(assignments: str) -> None:
    """Let jobs be in another state."""
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text(f"UPDATE jobs SET {assignments}"))


def test_algorithms_are_listed_with_schemas_of_their_hyperparameters(project: Project) -> None:
    items = project.stranger.get("/precos/algoritmos").json["items"]
    assert {each["nome"] for each in items} == set(ALGORITMOS)
    forest = next(each for each in items if each["nome"] == "floresta_aleatoria")
    schema = forest["hiperparametros"]["regressao"]
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert schema["properties"]


def test_a_training_is_accepted_and_followed_by_all_of_its_project(project: Project) -> None:
    dataset = add_dataset(project.id)
    answer = train(project, dataset, algoritmos=[{"nome": "regressao_ridge"}])
    assert answer.status == 202, answer.body
    assert answer.json["queue"] == "prices_training_queue"
    (listed,) = project.leitor.get(f"{project.path}/treinamentos").json["items"]
    assert (listed["estado"], listed["alvo"], listed["dataset_id"]) == ("queued", "preco", dataset)
    assert listed["algoritmos"] == ["regressao_ridge"]
    assert listed["job_id"] == answer.json["id"]
    found = project.leitor.get(f"{project.path}/treinamentos/{listed['id']}").json
    assert found["experimento"]["validacao"]["tipo"] == "k_fold"
    assert (found["resultado"], found["versao"], found["figuras"]) == (None, None, {})
    # The job is its owner's; the training is the whole project's.
    assert_problem(project.leitor.get(f"/jobs/{answer.json['id']}"), 404, "JobNotFound")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"alvo": "valor"}, "alvo"),
        ({"colunas": ["peso", "cor"]}, "colunas.1"),
        ({"colunas": ["preco"]}, "colunas.0"),
        ({"algoritmos": [{"nome": "oraculo"}]}, "algoritmos.0.nome"),
        (
            {"algoritmos": [{"nome": "regressao_ridge", "hiperparametros": {"beta": 1}}]},
            "algoritmos.0.hiperparametros.beta",
        ),
        (
            {"algoritmos": [{"nome": "regressao_ridge", "hiperparametros": {"alpha": "x"}}]},
            "algoritmos.0.hiperparametros.alpha",
        ),
        ({"validacao": {"dobras": 1}}, "validacao.dobras"),
        ({"validacao": {"tipo": "k_fold_grupos", "coluna_grupo": "cor"}}, "validacao.coluna_grupo"),
        ({"engenharia": {"colunas": {"cor": {"log": True}}}}, "engenharia.colunas.cor"),
        ({"engenharia": {"colunas": {"marca": {"log": True}}}}, "engenharia.colunas.marca.log"),
        ({"nada": 1}, "nada"),
        ({"dataset": "1"}, "dataset"),
    ],
)
def test_what_does_not_fit_the_dataset_is_refused_by_name(
    project: Project, asked: dict[str, Any], field: str
) -> None:
    answer = train(project, add_dataset(project.id), **asked)
    problem = assert_problem(answer, 422, "ValidationFailed")
    assert field in [error["campo"] for error in problem["errors"]]
    assert project.leitor.get(f"{project.path}/treinamentos").json["total"] == 0


def test_too_few_rows_are_refused_with_the_number_that_is_needed(project: Project) -> None:
    answer = train(project, add_dataset(project.id, linhas=59))
    problem = assert_problem(answer, 422, "ValidationFailed")
    assert "60" in problem["errors"][0]["erro"]


def test_only_a_profiled_dataset_of_the_project_is_trained_on(project: Project) -> None:
    other = project.treinador.post("/precos/projetos", {"nome": "Outro"}).json["id"]
    assert_problem(train(project, add_dataset(other)), 404, "DatasetNotFound")
    assert_problem(train(project, 999), 404, "DatasetNotFound")
    dataset = add_dataset(project.id)
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(
            text("UPDATE precos_datasets SET estado = 'recusado', parquet = NULL WHERE id = :id"),
            {"id": dataset},
        )
    assert_problem(train(project, dataset), 409, "DatasetNaoPronto")


def test_a_trainer_cancels_what_another_asked_for(project: Project) -> None:
    train(project, add_dataset(project.id))
    path = f"{project.path}/treinamentos/1/cancelar"
    answer = project.admin.post(path)
    assert (answer.status, answer.json["state"]) == (200, "cancelled")
    assert_problem(project.treinador.post(path), 409, "TreinamentoTerminou")
    found = project.leitor.get(f"{project.path}/treinamentos/1").json
    assert found["estado"] == "cancelled"


def test_a_running_training_says_how_long_the_rest_takes(project: Project) -> None:
    train(project, add_dataset(project.id))
    change_jobs(
        "state = 'running', progress = 0.25, step = 'avaliando gradiente', attempt = 1,"
        " started_at = now() - interval '30 seconds', lease_until = now() + interval '1 minute'"
    )
    (found,) = project.leitor.get(f"{project.path}/treinamentos").json["items"]
    assert (found["estado"], found["etapa"]) == ("running", "avaliando gradiente")
    assert 85 <= found["restam_segundos"] <= 100
    answer = project.treinador.post(f"{project.path}/treinamentos/1/cancelar")
    assert (answer.json["state"], answer.json["cancel_requested"]) == ("running", True)


def test_time_left_is_not_guessed_at_the_beginning() -> None:
    now = utc_now()
    job = Job(id=uuid4(), state=JobState.RUNNING, started_at=now - timedelta(seconds=10))
    job.progress = 0.01
    assert seconds_left(job, now) is None
    job.progress = 0.5
    assert seconds_left(job, now) == 10.0
    job.state = JobState.SUCCEEDED
    assert seconds_left(job, now) is None
    assert seconds_left(None, now) is None


def test_a_training_whose_job_is_long_gone_is_still_listed(project: Project) -> None:
    train(project, add_dataset(project.id))
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text("DELETE FROM jobs"))
    (found,) = project.leitor.get(f"{project.path}/treinamentos").json["items"]
    assert (found["estado"], found["progresso"]) == (None, 0.0)
    answer = project.treinador.post(f"{project.path}/treinamentos/1/cancelar")
    assert_problem(answer, 409, "TreinamentoTerminou")


def test_a_dataset_that_was_trained_on_is_kept(project: Project) -> None:
    dataset = add_dataset(project.id)
    train(project, dataset)
    answer = project.dono.delete(f"{project.path}/datasets/{dataset}")
    assert_problem(answer, 409, "DatasetEmUso")
