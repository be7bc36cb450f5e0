"""Versions of a project's model: listed, shown, promoted, rolled back, put away, restored."""

from typing import Any

import pytest
from sqlalchemy import select

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import Job
from chalicelib.prices import service_models
from tests.client import Answer, Client, assert_problem
from tests.prices.conftest import Project
from tests.prices.publishing import ask, publish_price_model

WHY = {"motivo": "Conferido com o comercial."}


def do(client: Client, project: Project, what: str, body: Any = WHY) -> Answer:
    """Do something with the versions."""
    return client.post(f"{project.path}/modelos/{what}", body)


def test_versions_are_listed_with_their_use_and_metrics(project: Project) -> None:
    for seed in (1, 2):
        publish_price_model(project.id, seed=seed)
    assert do(project.dono, project, "1/arquivar").status == 200
    listed = project.leitor.get(f"{project.path}/modelos").json
    assert [(v["versao"], v["uso"]) for v in listed["items"]] == [(2, "campeao"), (1, None)]
    newest, oldest = listed["items"]
    assert newest["mae"]["value"] == 1.0
    assert newest["roc_auc"] is None
    assert {"medae", "mape", "f1_macro", "acuracia"} <= newest.keys()
    assert (newest["alvo"], newest["tarefa"]) == ("preco", "regressao")
    assert (newest["arquivada_em"] is None, oldest["arquivada_em"] is None) == (True, False)


def test_card_says_what_it_foretells_and_where_its_figures_are(project: Project) -> None:
    publish_price_model(project.id)
    card = project.leitor.get(f"{project.path}/modelos/1").json
    assert card["rotulo"].startswith("preco em mil reais")
    assert card["colunas"] == ["potencia", "peso", "marca", "automatico"]
    figure = project.leitor.get(card["figuras"]["residuos"])
    assert figure.json == {"data": [], "layout": {}}
    missing = project.leitor.get(f"{project.path}/modelos/1/figuras/nenhuma")
    assert_problem(missing, 404, "FiguraNotFound")
    assert_problem(project.leitor.get(f"{project.path}/modelos/9"), 404, "ModelVersionNotFound")


def test_promotion_and_rollback_move_who_answers_and_are_remembered(project: Project) -> None:
    for seed in (1, 2):
        publish_price_model(project.id, seed=seed)
    assert do(project.admin, project, "1/promover").json["uso"] == "campeao"
    assert ask(project.leitor, project).json["versao"] == 1
    assert_problem(do(project.admin, project, "1/promover"), 409, "AlreadyChampion")
    assert do(project.admin, project, "reverter").json["versao"] == 2
    assert do(project.admin, project, "reverter").json["versao"] == 1
    assert_problem(do(project.admin, project, "reverter"), 409, "NoEarlierChampion")
    moves = project.leitor.get(f"{project.path}/modelos/historico").json["items"]
    assert [(m["tipo"], m["versao"]) for m in moves] == [
        ("reversao", 1),
        ("reversao", 2),
        ("promocao", 1),
        ("promocao", 2),
        ("promocao", 1),
    ]
    assert moves[0]["motivo"] == WHY["motivo"]
    assert_problem(do(project.admin, project, "9/promover"), 404, "ModelVersionNotFound")


def test_a_promotion_has_the_model_measured(project: Project) -> None:
    for seed in (1, 2):
        publish_price_model(project.id, seed=seed)
    do(project.admin, project, "1/promover")
    (job,) = project.admin.get("/jobs", queue="prices_analysis_queue").json["items"]
    assert job["state"] == "queued"


def test_every_project_that_is_there_is_measured_each_night(project: Project) -> None:
    publish_price_model(project.id)
    gone, without = (
        project.admin.post("/precos/projetos", {"nome": nome}).json["id"] for nome in ("a", "b")
    )
    publish_price_model(gone)
    project.admin.delete(f"/precos/projetos/{gone}")
    service_models.ask_for_nightly_health()
    service_models.ask_for_nightly_health()
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        queue = Job.queue == "prices_analysis_queue"
        found = session.scalars(select(Job).where(queue)).all()
    assert [job.message["analise"]["projeto"] for job in found] == [project.id]
    assert without != gone


def test_an_archived_version_answers_nobody_until_it_is_restored(project: Project) -> None:
    for seed in (1, 2):
        publish_price_model(project.id, seed=seed)
    assert_problem(do(project.admin, project, "2/arquivar"), 409, "CampeaoNaoSeArquiva")
    assert do(project.admin, project, "1/arquivar").json["arquivada_em"] is not None
    assert_problem(do(project.admin, project, "1/arquivar"), 409, "VersaoArquivada")
    assert_problem(ask(project.leitor, project, versao=1), 409, "VersaoArquivada")
    assert_problem(do(project.admin, project, "1/promover"), 409, "VersaoArquivada")
    assert_problem(do(project.admin, project, "reverter"), 409, "VersaoArquivada")
    assert ask(project.leitor, project).json["versao"] == 2
    assert do(project.admin, project, "1/restaurar", None).json["arquivada_em"] is None
    assert_problem(do(project.admin, project, "1/restaurar", None), 409, "VersaoNaoArquivada")
    assert ask(project.leitor, project, versao=1).status == 201
    for what in ("9/arquivar", "9/restaurar"):
        body = WHY if what.endswith("arquivar") else None
        assert_problem(do(project.admin, project, what, body), 404, "ModelVersionNotFound")


def test_versions_of_other_targets_are_not_compared(project: Project) -> None:
    publish_price_model(project.id)
    publish_price_model(project.id, seed=2, alvo="aluguel")
    answer = do(project.treinador, project, "comparar", {"a": 1, "b": 2})
    assert_problem(answer, 422, "AlvosDiferentes")
    for body in ({"a": 1, "b": 1}, {"a": 1}, {"a": 0, "b": 1}):
        assert_problem(do(project.treinador, project, "comparar", body), 422, "ValidationFailed")
    answer = do(project.treinador, project, "comparar", {"a": 1, "b": 9})
    assert_problem(answer, 404, "ModelVersionNotFound")


def test_without_a_reason_nothing_moves(project: Project) -> None:
    publish_price_model(project.id)
    for what in ("1/promover", "reverter", "1/arquivar"):
        answer = do(project.admin, project, what, {"motivo": "  x "})
        assert_problem(answer, 422, "ValidationFailed")


@pytest.mark.parametrize("estado", ["sem_dados"])
def test_health_says_that_nothing_was_measured(project: Project, estado: str) -> None:
    assert project.leitor.get(f"{project.path}/saude").json["estado"] == estado
    publish_price_model(project.id)
    found = project.leitor.get(f"{project.path}/saude").json
    assert (found["estado"], found["versao"]) == (estado, 1)
    assert "Ainda não medido" in found["motivos"][0]
