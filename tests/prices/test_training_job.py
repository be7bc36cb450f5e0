"""From a file to a model that answers, by the real jobs: trained, judged, compared, watched."""

import json
from math import fsum
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.ml.registry import ModelVersion
from chalicelib.prices import training_job
from chalicelib.prices.training_recipes import why_incomparable
from tests.client import Answer, Client, assert_problem
from tests.gym.work import finished_job, work_off
from tests.prices.conftest import Project

RIDGE = [{"nome": "regressao_ridge"}]
QUICK = {"tipo": "k_fold", "dobras": 2}
ROWS = 240


def cars(rows: int = ROWS, seed: int = 3) -> list[dict[str, Any]]:
    """Cars as somebody's spreadsheet has them; a tenth of the powers is not known."""
    rng = np.random.default_rng(seed)
    power = rng.integers(60, 300, rows)
    brand = rng.choice(["Aurora", "Brisa", "Cume"], rows)
    price = 40 + 0.3 * power + 25 * (brand == "Cume") + rng.normal(0, 4, rows)
    days = rng.integers(0, 900, rows)
    start = np.datetime64("2021-01-01")
    return [
        {
            "codigo": f"A-{n:05}",
            "potencia": None if rng.random() < 0.1 else int(power[n]),
            "marca": str(brand[n]),
            "vendido_em": str(start + int(days[n])),
            "preco": round(float(price[n]), 2),
            "faixa": "caro" if price[n] > 95 else "barato",
        }
        for n in range(rows)
    ]


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """Semicolons and decimal commas."""
    lines = [";".join(rows[0])]
    for row in rows:
        cells = ("" if v is None else str(v).replace(".", ",") for v in row.values())
        lines.append(";".join(cells))
    return "\n".join(lines).encode()


def send(project: Project, rows: list[dict[str, Any]]) -> int:
    """Send rows as a dataset and have it profiled; gives its id."""
    answer = project.treinador.post(
        f"{project.path}/datasets", as_csv(rows), content_type="text/csv"
    )
    assert answer.status in (201, 202), answer.body
    work_off()
    identifier: int = answer.json["dataset"]["id"]
    return identifier


def train(project: Project, dataset: int, **asked: Any) -> dict[str, Any]:
    """Have a model trained; gives the job as it ended."""
    body = {
        "dataset": dataset,
        "alvo": "preco",
        "colunas": ["potencia", "marca", "vendido_em"],
        "algoritmos": RIDGE,
        "validacao": QUICK,
        **asked,
    }
    answer = project.treinador.post(f"{project.path}/treinamentos", body)
    job = finished_job(project.treinador, answer)
    assert job["state"] == "succeeded", job["error"]
    return job


def ask(client: Client, project: Project, **body: Any) -> Answer:
    """Ask about a car."""
    car = {"potencia": 200, "marca": "Cume", "vendido_em": "2022-05-01"}
    return client.post(f"{project.path}/previsoes", {"instancia": car, **body})


@pytest.mark.slow
def test_a_file_becomes_a_model_that_answers_with_interval_and_reasons(project: Project) -> None:
    job = train(project, send(project, cars()))
    report = job["result"]
    assert (report["versao"], report["promovido"]) == (1, True)
    assert report["metricas"]["r2"]["value"] > 0.8
    training = project.leitor.get(f"{project.path}/treinamentos/1").json
    assert (training["estado"], training["progresso"], training["versao"]) == ("succeeded", 1.0, 1)
    result = training["resultado"]
    assert {each["nome"] for each in result["algoritmos"]} == {"ingenuo", "regressao_ridge"}
    assert result["publicacao"] == {"promovido": True, "motivo": report["motivo"]}
    for address in training["figuras"].values():
        assert set(project.leitor.get(address).json) == {"data", "layout"}
    card = project.leitor.get(f"{project.path}/modelos/1").json
    assert card["intervalo"]["nominal"] == 0.9
    answer = ask(project.leitor, project)
    assert answer.status == 201, answer.body
    (found,) = answer.json["previsoes"]
    assert found["baixo"] < found["previsao"] < found["alto"]
    assert 110 < found["previsao"] < 140
    assert set(answer.json["intervalo"]) == {"nominal", "medida"}
    reasons = found["explicacao"]
    total = reasons["valor_base"] + fsum(reasons["contribuicoes"].values())
    assert total == pytest.approx(found["previsao"], rel=1e-6)
    assert set(reasons["contribuicoes"]) == {"potencia", "marca", "vendido_em"}
    written = ask(project.leitor, project, explicar=False).json["previsoes"][0]
    assert written["previsao"] == found["previsao"]


@pytest.mark.slow
def test_the_gate_decides_and_versions_are_compared_and_watched(project: Project) -> None:
    dataset = send(project, cars())
    train(project, dataset)
    worse = train(project, dataset, algoritmos=[{"nome": "ingenuo"}])["result"]
    assert (worse["versao"], worse["promovido"]) == (2, False)
    assert "pode ser pior" in worse["motivo"]
    uses = project.leitor.get(f"{project.path}/modelos").json["items"]
    assert [(each["versao"], each["uso"]) for each in uses] == [(2, "desafiante"), (1, "campeao")]
    asked = project.treinador.post(f"{project.path}/modelos/comparar", {"a": 1, "b": 2})
    compared = finished_job(project.treinador, asked)
    assert compared["state"] == "succeeded", compared["error"]
    assert compared["result"]["diferencas"]["r2"]["low"] > 0
    assert compared["result"]["dataset"] == dataset
    _watched(project)


@pytest.mark.slow
def test_versions_that_read_a_column_otherwise_are_not_compared(project: Project) -> None:
    """Their hold-outs are drawn by what was read: each would be judged on what it learned from."""
    dataset = send(project, cars())
    train(project, dataset)
    same = train(project, dataset, algoritmos=[{"nome": "regressao_linear"}])["result"]
    assert "sem comparação honesta" not in same["motivo"]
    path = f"{project.path}/datasets/{dataset}/colunas"
    assert project.treinador.patch(path, {"codigo": {"tipo": "texto"}}).status == 200
    other = train(project, dataset)["result"]
    assert (other["versao"], other["promovido"]) == (3, False)
    assert "sem comparação honesta" in other["motivo"]
    asked = project.treinador.post(f"{project.path}/modelos/comparar", {"a": 1, "b": 3})
    job = finished_job(project.treinador, asked)
    assert job["error"]["title"] == "NoCommonHoldOut"
    why = {"motivo": "Lê melhor o código."}
    assert project.admin.post(f"{project.path}/modelos/3/promover", why).status == 200


@pytest.mark.slow
@pytest.mark.parametrize("rows", [60, 93])
def test_a_few_dozen_rows_are_enough_and_all_but_the_judges_teach(
    project: Project, rows: int
) -> None:
    job = train(project, send(project, cars(rows)))
    report = job["result"]
    assert report["linhas_treino"] + report["linhas_validacao"] == rows
    assert report["linhas_validacao"] >= 6
    (found,) = ask(project.leitor, project).json["previsoes"]
    assert found["baixo"] < found["previsao"] < found["alto"]
    card = project.leitor.get(f"{project.path}/modelos/1").json
    assert card["intervalo"]["metodo"] == "conforme_cruzado"


def _watched(project: Project) -> None:
    """Real values far above what was foretold are noticed."""
    rows = [{"potencia": 90.0, "marca": "Aurora", "vendido_em": "2022-05-01"} for _ in range(200)]
    keys = [f"r{n}" for n in range(200)]
    body = {"instancias": rows, "referencias": keys}
    assert project.leitor.post(f"{project.path}/previsoes", body).status == 201
    told = [{"referencia": key, "valor": 300 + n} for n, key in enumerate(keys)]
    received = project.treinador.post(f"{project.path}/observados", {"observados": told}).json
    assert received["previsoes"] == 200
    work_off()
    health = project.leitor.get(f"{project.path}/saude").json
    assert health["estado"] == "deriva"
    measured = health["medicao"]
    assert (measured["versao"], measured["previsoes"]) == (1, 200)
    found = measured["desempenho"]
    assert (found["desfechos"], found["cobertura"]["value"]) == (200, 0.0)
    assert found["metricas"]["mae"]["low"] > found["validacao"]["mae"]["high"]
    said = " ".join(health["motivos"])
    assert "Erro médio absoluto" in said
    assert "Os intervalos prometem" in said
    assert any(
        each["coluna"] == "marca" and each["faixa"] == "deriva" for each in measured["entradas"]
    )


@pytest.mark.slow
def test_classes_are_foretold_with_their_probabilities(project: Project) -> None:
    dataset = send(project, cars())
    job = train(project, dataset, alvo="faixa", colunas=["potencia", "marca"])
    assert job["result"]["metricas"]["roc_auc"]["value"] > 0.8
    answer = ask(project.leitor, project)
    (found,) = answer.json["previsoes"]
    assert (answer.json["tarefa"], answer.json["intervalo"]) == ("classificacao", None)
    assert found["previsao"] == "caro"
    chances = found["probabilidades"]
    assert fsum(chances.values()) == pytest.approx(1, abs=1e-6)
    other = train(project, dataset)["result"]
    assert not other["promovido"]
    assert "A versão 1 prevê a classe de faixa; esta, preco." in other["motivo"]
    reasons = found["explicacao"]
    assert reasons["de"] == "caro"
    total = reasons["valor_base"] + fsum(reasons["contribuicoes"].values())
    assert total == pytest.approx(chances["caro"], abs=1e-6)
    told = {"observados": [{"previsao_id": found["id"], "classe": "caro"}]}
    assert project.treinador.post(f"{project.path}/observados", told).json["previsoes"] == 1
    work_off()
    measured = project.leitor.get(f"{project.path}/saude").json["medicao"]
    assert measured["desempenho"]["desfechos"] == 1


@pytest.mark.slow
def test_a_training_that_was_lost_after_publishing_publishes_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = send(project, cars())
    body = {"dataset": dataset, "alvo": "preco", "algoritmos": RIDGE, "validacao": QUICK}
    job = project.treinador.post(f"{project.path}/treinamentos", body).json

    def killed(*_: Any) -> None:
        raise RuntimeError("the worker is gone")

    with monkeypatch.context() as patched:
        patched.setattr(training_job, "_conclude", killed)
        work_off()
    assert project.leitor.get(f"{project.path}/treinamentos/1").json["resultado"] is None
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text("UPDATE jobs SET next_attempt_at = now() WHERE state = 'queued'"))
    work_off()
    found = project.treinador.get(f"/jobs/{job['id']}").json
    assert (found["state"], found["result"]["versao"]) == ("succeeded", 1), found["error"]
    assert project.leitor.get(f"{project.path}/modelos").json["total"] == 1
    training = project.leitor.get(f"{project.path}/treinamentos/1").json
    assert training["versao"] == 1
    assert training["resultado"]["algoritmos"]


@pytest.mark.slow
def test_the_short_path_is_one_call_to_train_and_one_to_ask(project: Project) -> None:
    stranger = project.stranger
    rows = [{k: v for k, v in row.items() if k != "faixa"} for row in cars()]
    for dados in (rows, as_csv(rows).decode()):
        body = {"dados": dados, "alvo": "preco", "algoritmo": "regressao_ridge"}
        answer = stranger.post("/precos/treinar", body)
        assert answer.status == 202, answer.body
        assert answer.headers["Location"] == answer.json["acompanhar"]
        asked = {"modelo": answer.json["modelo"], "dados": {"potencia": 200, "marca": "Cume"}}
        assert_problem(stranger.post("/precos/prever", asked), 409, "SemCampeao")
        work_off()
        training = stranger.get(answer.json["acompanhar"]).json
        assert training["estado"] == "succeeded", training["erro"]
        found = stranger.post("/precos/prever", asked)
        assert found.status == 201, found.body
        assert 100 < found.json["previsoes"][0]["previsao"] < 150
        many = stranger.post("/precos/prever", {**asked, "dados": [asked["dados"]] * 3})
        assert len(many.json["previsoes"]) == 3
        assert_problem(project.dono.post("/precos/prever", asked), 404, "ProjetoNotFound")


def test_what_is_found_wrong_by_the_job_is_said_by_name(project: Project) -> None:
    rows = [{"cor": f"cor {n % 3}", "preco": 1} for n in range(80)]
    answer = project.dono.post("/precos/treinar", {"dados": rows, "alvo": "preco"})
    work_off()
    error = project.dono.get(answer.json["acompanhar"]).json["erro"]
    assert error["title"] == "ExperimentoNaoServe"
    assert "alvo: it has one value only" in error["detail"]


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ({"dados": "preco\n1\n2\n", "alvo": "preco"}, "DadosIlegiveis"),
        ({"dados": "\n", "alvo": "preco"}, "DadosIlegiveis"),
        ({"dados": "a,preco\n" + "1,2\n" * 2002, "alvo": "preco"}, "DadosGrandes"),
        ({"dados": ",".join(f"c{n}" for n in range(51)) + "\n", "alvo": "c1"}, "DadosGrandes"),
        ({"dados": [{"a": 1}], "alvo": "preco"}, "ValidationFailed"),
        ({"dados": [{"a": 1, "preco": 1}], "alvo": "preco", "algoritmo": "x"}, "ValidationFailed"),
        ({"dados": [{"a": 1, "preco": 1}] * 2001, "alvo": "preco"}, "ValidationFailed"),
        ({"dados": [{"a": 1, "preco": 1}] * 59, "alvo": "preco"}, "ValidationFailed"),
        ({"dados": "a,preco\n" + "1,2\n" * 59, "alvo": "preco"}, "ValidationFailed"),
        ({"dados": [], "alvo": "preco"}, "ValidationFailed"),
        ({"dados": [1, 2], "alvo": "preco"}, "ValidationFailed"),
        ({"dados": [{"a": 1}]}, "ValidationFailed"),
        ({"dados": "a" * 140_000 + ",preco\n" + "1,2\n" * 80, "alvo": "preco"}, "DadosIlegiveis"),
        (
            {"dados": [{"a": 1, "preco": 1}] * 80, "alvo": "preco", "nome": "  "},
            "ValidationFailed",
        ),
    ],
)
def test_the_short_path_refuses_what_it_cannot_take(
    project: Project, body: dict[str, Any], title: str
) -> None:
    assert_problem(project.dono.post("/precos/treinar", body), 422, title)
    assert project.dono.get("/precos/projetos").json["total"] == 1
    assert json.dumps(body)


def test_what_is_no_model_answers_nobody(project: Project) -> None:
    for modelo, status in ((project.id, 409), ("00000000-0000-0000-0000-000000000001", 404)):
        body = {"modelo": modelo, "dados": {"a": 1}}
        assert project.dono.post("/precos/prever", body).status == status
    wrong: list[dict[str, Any]] = [
        {"modelo": "x", "dados": {"a": 1}},
        {"modelo": project.id, "dados": []},
        {"modelo": project.id, "dados": [{}] * 1001},
        {"modelo": project.id},
    ]
    for asked in wrong:
        assert_problem(project.dono.post("/precos/prever", asked), 422, "ValidationFailed")
    misshapen: list[tuple[Any, str]] = [("x", "dados"), ([{"a": 1}, 5], "dados.casos.1")]
    for dados, campo in misshapen:
        body = {"modelo": project.id, "dados": dados}
        refusal = project.dono.post("/precos/prever", body).json
        assert [each["campo"] for each in refusal["errors"]] == [campo]


def test_versions_that_foretell_otherwise_are_not_judged_beside_one_another() -> None:
    own = {"alvo": "preco", "tarefa": "classificacao", "unidade": None, "classes": ["a", "b"]}
    for theirs, said in (
        (own, None),
        ({**own, "alvo": "faixa"}, "prevê a classe de faixa; esta, a classe de preco"),
        ({**own, "unidade": "BRL"}, "preco em BRL"),
        ({**own, "tarefa": "regressao", "classes": None}, "prevê preco; esta, a classe de preco"),
        ({**own, "classes": ["a", "b", "c"]}, "conhece outras classes"),
    ):
        why = why_incomparable(own, ModelVersion(version=4, data=theirs))
        assert why is None if said is None else said in str(why)
