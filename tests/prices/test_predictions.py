"""Predictions: asked of a version, answered with reasons, and kept."""

import json
from math import fsum
from typing import Any
from uuid import UUID

import pytest

from chalicelib.core.pg import FastConnection
from chalicelib.core.settings import HOUSE
from chalicelib.core.uploads import object_store
from tests.client import assert_problem
from tests.prices.conftest import Project
from tests.prices.publishing import CAR, ask, one, publish_price_model


def test_a_case_is_answered_with_reasons_that_sum_and_kept(project: Project) -> None:
    version = publish_price_model(project.id)
    answer = ask(project.leitor, project, referencia="carro 1")
    found = one(answer)
    said = {name: answer.json[name] for name in ("modelo", "versao", "alvo", "unidade", "tarefa")}
    assert said == {
        "modelo": project.id,
        "versao": version,
        "alvo": "preco",
        "unidade": "mil reais",
        "tarefa": "regressao",
    }
    reasons = found["explicacao"]
    total = reasons["valor_base"] + fsum(reasons["contribuicoes"].values())
    assert total == pytest.approx(found["previsao"], rel=1e-6)
    assert set(reasons["contribuicoes"]) == {"potencia", "peso", "marca", "automatico"}
    assert (found["nao_vistos"], found["ausentes"], found["desconhecidas"]) == ([], [], [])
    kept = project.leitor.get(f"{project.path}/previsoes/{found['id']}").json
    assert (kept["valor"], kept["versao"]) == (found["previsao"], version)
    assert (kept["usuario"], kept["referencia"]) == (project.leitor.subject, "carro 1")
    assert kept["entrada"] == {**CAR, "potencia": 120.0, "automatico": "true"}


def test_many_cases_are_answered_in_their_order_as_each_alone(project: Project) -> None:
    publish_price_model(project.id)
    cars = [{**CAR, "potencia": 100.0 + n} for n in range(40)]
    keys = [f"c{n}" if n % 2 else None for n in range(40)]
    answer = ask(project.leitor, project, instancias=cars, referencias=keys)
    found = answer.json["previsoes"]
    assert [each["referencia"] for each in found] == keys
    assert all(each["explicacao"] is None for each in found)
    alone = one(ask(project.leitor, project, instancia=cars[7]))
    assert found[7]["previsao"] == alone["previsao"]
    values = [each["previsao"] for each in found]
    assert values == sorted(values)
    assert sorted(each["id"] for each in found) == [each["id"] for each in found]


def test_what_training_had_not_seen_is_named(project: Project) -> None:
    publish_price_model(project.id)
    odd = {"potencia": 900, "marca": "Estrela", "automatico": None, "cor": "azul", "preco": 9}
    found = one(ask(project.leitor, project, instancia=odd))
    kinds = {each["coluna"]: (each["tipo"], each["valor"]) for each in found["nao_vistos"]}
    assert kinds == {
        "potencia": ("acima_da_faixa", 900.0),
        "marca": ("categoria_nova", "Estrela"),
        "peso": ("ausente_inedito", None),
        "automatico": ("ausente_inedito", None),
    }
    assert found["ausentes"] == ["peso", "automatico"]
    assert found["desconhecidas"] == ["cor"]  # The target is passed over.
    kept = project.leitor.get(f"{project.path}/previsoes/{found['id']}").json["avisos"]
    assert kept["desconhecidas"] == ["cor"]


@pytest.mark.parametrize(
    ("column", "value", "read"),
    [
        ("potencia", "1.234,5", 1234.5),  # As the dataset's file writes this column.
        ("potencia", 1234.5, 1234.5),
        ("peso", "1234.5", 1234.5),
        ("peso", "?", None),
        ("automatico", "sim", "true"),
        ("automatico", False, "false"),
        ("marca", " Brisa ", "Brisa"),
        ("marca", 7, "7"),
    ],
)
def test_values_are_read_as_their_column_is_written(
    project: Project, column: str, value: Any, read: Any
) -> None:
    publish_price_model(project.id)
    found = one(ask(project.leitor, project, instancia={**CAR, column: value}))
    kept = project.leitor.get(f"{project.path}/previsoes/{found['id']}").json["entrada"]
    assert kept.get(column) == read


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("potencia", "muita"),
        ("potencia", "1234.5"),  # Neither a number of this file nor grouped by its points.
        ("peso", "1.234,5"),
        ("peso", True),
        ("peso", [1]),
        ("peso", 1e400),
        ("automatico", "talvez"),
        ("marca", {"nome": "Aurora"}),
        ("marca", "A" * 10_001),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_name(
    project: Project, column: str, value: Any
) -> None:
    publish_price_model(project.id)
    for body, where in (
        ({"instancia": {**CAR, column: value}}, "instancia"),
        ({"instancias": [CAR, {**CAR, column: value}]}, "instancias.1"),
    ):
        problem = assert_problem(ask(project.leitor, project, **body), 422, "ValidationFailed")
        assert [error["campo"] for error in problem["errors"]] == [f"{where}.{column}"]
        assert "muita" not in json.dumps(problem)
    assert project.leitor.get(f"{project.path}/previsoes").json["total"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"instancia": CAR, "instancias": [CAR]},
        {"instancias": []},
        {"instancias": [CAR] * 1001},
        {"instancias": [CAR, CAR], "referencias": ["a"]},
        {"instancias": [CAR], "referencia": "a"},
        {"instancia": CAR, "versao": 0},
        {"instancia": CAR, "versao": "1"},
        {"instancia": {"cor": "azul"}},
        {"instancia": CAR, "explicar": "sim"},
        {"instancia": CAR, "nada": 1},
    ],
)
def test_a_body_that_makes_no_sense_is_refused(project: Project, body: dict[str, Any]) -> None:
    publish_price_model(project.id)
    answer = project.leitor.post(f"{project.path}/previsoes", body)
    assert_problem(answer, 422, "ValidationFailed")


def test_the_champion_answers_unless_a_version_is_named(project: Project) -> None:
    first, second = publish_price_model(project.id), publish_price_model(project.id, seed=2)
    assert ask(project.leitor, project).json["versao"] == second
    assert ask(project.leitor, project, versao=first).json["versao"] == first
    assert_problem(ask(project.leitor, project, versao=9), 404, "ModelVersionNotFound")


def test_a_project_without_a_champion_says_so(project: Project) -> None:
    assert_problem(ask(project.leitor, project), 409, "SemCampeao")
    version = publish_price_model(project.id, champion=False)
    assert_problem(ask(project.leitor, project), 409, "SemCampeao")
    assert ask(project.leitor, project, versao=version).status == 201


def test_reasons_that_cost_too_much_are_given_when_asked_for(project: Project) -> None:
    publish_price_model(project.id, explains=False, ms=900.0)
    unasked = ask(project.leitor, project)
    assert one(unasked)["explicacao"] is None
    assert "explicar=true" in unasked.json["aviso"]
    assert one(ask(project.leitor, project, explicar=True))["explicacao"] is not None
    two = {"instancias": [CAR, CAR], "explicar": True}
    assert ask(project.leitor, project, **two).status == 201
    three = {"instancias": [CAR] * 3, "explicar": True}
    problem = assert_problem(ask(project.leitor, project, **three), 422, "ExplicacaoCara")
    assert "at most 2" in problem["detail"]
    assert one(ask(project.leitor, project, explicar=False))["explicacao"] is None


def test_a_model_that_is_not_the_one_registered_does_not_answer(project: Project) -> None:
    version = publish_price_model(project.id)
    key = f"{HOUSE}/models/precos/{UUID(project.id).hex}/{version}/model.onnx"
    object_store().put(key, b"something else")
    assert_problem(ask(project.leitor, project), 409, "ModelUnusable")
    object_store().delete(key)
    assert_problem(ask(project.leitor, project), 409, "ModelUnusable")


def test_a_prediction_sent_again_with_its_key_is_made_once(project: Project) -> None:
    publish_price_model(project.id)
    headers = {"idempotency-key": "k-1"}
    answers = [
        project.leitor.post(f"{project.path}/previsoes", {"instancia": CAR}, headers=headers)
        for _ in range(2)
    ]
    assert answers[0].json == answers[1].json
    assert project.leitor.get(f"{project.path}/previsoes").json["total"] == 1


def test_asking_takes_two_statements(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_price_model(project.id)
    ask(project.leitor, project)
    sent: list[str] = []
    whole = FastConnection.perform

    def counted(self: Any, statement: str, *args: Any, **options: Any) -> Any:
        sent.append(statement)
        return whole(self, statement, *args, **options)

    monkeypatch.setattr(FastConnection, "perform", counted)
    ask(project.leitor, project, instancias=[CAR] * 50)
    assert len(sent) == 2
