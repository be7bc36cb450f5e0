"""What was predicted: listed, exported, counted by version and person, and told the truth of."""

import csv
import io
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import text

from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.prices import service_history
from tests.client import assert_problem
from tests.prices.conftest import Project
from tests.prices.publishing import CAR, ask, one, publish_price_model


def change(statement: str, **values: Any) -> None:
    """Change anything, whoever's it is."""
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text(statement), values)


def made_days_ago(previsao_id: int, days: int) -> None:
    """Let a prediction have been made before."""
    em = utc_now() - timedelta(days=days)
    change("UPDATE precos_previsoes SET em = :em WHERE id = :id", em=em, id=previsao_id)
    change(
        "UPDATE precos_chamadas SET em = :em WHERE id ="
        " (SELECT chamada_id FROM precos_previsoes WHERE id = :id)",
        em=em,
        id=previsao_id,
    )


@pytest.fixture
def asked(project: Project) -> list[int]:
    """Ids of four predictions: of two versions, by two people, one of them three days ago."""
    first, second = publish_price_model(project.id), publish_price_model(project.id, seed=2)
    found = [
        one(ask(project.leitor, project, versao=first, referencia="a")),
        one(ask(project.leitor, project, versao=second, referencia="b")),
        one(ask(project.treinador, project, versao=second)),
        one(ask(project.treinador, project, versao=second, referencia="=1+1")),
    ]
    ids = [int(each["id"]) for each in found]
    made_days_ago(ids[0], 3)
    return ids


def test_list_is_filtered_and_paged(project: Project, asked: list[int]) -> None:
    path = f"{project.path}/previsoes"

    def ids(**query: Any) -> list[int]:
        return [each["id"] for each in project.dono.get(path, **query).json["items"]]

    assert ids() == asked[:0:-1] + asked[:1]
    assert ids(versao=1) == asked[:1]
    assert ids(usuario=project.treinador.subject) == [asked[3], asked[2]]
    assert ids(desde=(utc_now() - timedelta(days=1)).isoformat()) == asked[:0:-1]
    assert ids(ate=(utc_now() - timedelta(days=1)).isoformat()) == asked[:1]
    assert ids(referencia="b") == [asked[1]]
    assert ids(observado="true") == []
    assert len(ids(observado="false")) == 4
    page = project.dono.get(path, limit=3).json
    assert page["total"] == 4
    rest = project.dono.get(page["next"]).json
    assert [each["id"] for each in page["items"] + rest["items"]] == ids()
    assert rest["next"] is None


@pytest.mark.parametrize("query", ["versao=x", "desde=ontem", "nada=1", "cursor=zzz", "limit=101"])
def test_a_wrong_filter_is_refused(project: Project, query: str) -> None:
    answer = project.dono.get(f"{project.path}/previsoes?{query}")
    assert answer.status in (400, 422)


def test_csv_has_columns_that_no_spreadsheet_runs(project: Project, asked: list[int]) -> None:
    answer = project.leitor.get(f"{project.path}/previsoes/exportar")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    table = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"))))
    assert [int(row["id"]) for row in table] == asked
    assert table[3]["referencia"] == "'=1+1"
    assert json.loads(table[0]["entrada"])["peso"] == CAR["peso"]


def test_ndjson_has_all_that_was_kept_and_goes_on(project: Project, asked: list[int]) -> None:
    path = f"{project.path}/previsoes/exportar"
    part = project.leitor.get(path, formato="ndjson", linhas=3)
    assert part.headers["Continue-After"] == str(asked[2])
    rest = project.leitor.get(path, formato="ndjson", depois_de=asked[2])
    assert "Continue-After" not in rest.headers
    lines = [json.loads(line) for line in (part.body + rest.body).splitlines()]
    assert [line["id"] for line in lines] == asked
    assert lines[3]["referencia"] == "=1+1"
    only = project.leitor.get(path, formato="ndjson", versao=1, usuario=project.leitor.subject)
    assert [json.loads(line)["id"] for line in only.body.splitlines()] == asked[:1]


def test_what_is_too_large_for_an_answer_is_fetched_elsewhere(
    project: Project, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_history, "LARGEST_ANSWER_BYTES", 100)
    answer = project.leitor.get(f"{project.path}/previsoes/exportar", formato="ndjson")
    assert answer.status == 303
    assert "previsoes-" in answer.headers["Location"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert asked


def test_usage_is_counted_by_version_person_and_day(project: Project, asked: list[int]) -> None:
    ask(project.leitor, project, instancias=[CAR] * 10)
    found = project.leitor.get(f"{project.path}/uso").json
    assert (found["total"]["chamadas"], found["total"]["linhas"]) == (5, 14)
    assert [(v["versao"], v["chamadas"], v["linhas"]) for v in found["por_versao"]] == [
        (2, 4, 13),
        (1, 1, 1),
    ]
    assert [(u["usuario"], u["linhas"]) for u in found["por_usuario"]] == [
        (project.leitor.subject, 12),
        (project.treinador.subject, 2),
    ]
    old, new = found["serie"]
    assert (old["versao"], old["linhas"], new["versao"], new["linhas"]) == (1, 1, 2, 13)
    assert new["usuarios"] == 2
    assert datetime.fromisoformat(old["inicio"]) < datetime.fromisoformat(new["inicio"])
    assert found["serie_completa"]
    since = quote((utc_now() - timedelta(days=1)).isoformat())
    lately = project.leitor.get(f"{project.path}/uso?desde={since}&por=hora").json
    assert [v["versao"] for v in lately["por_versao"]] == [2]
    assert len(asked) == 4


def test_usage_of_nothing_is_nothing(project: Project) -> None:
    found = project.leitor.get(f"{project.path}/uso").json
    assert found["total"] == {"chamadas": 0, "linhas": 0, "ultima": None}
    assert (found["por_versao"], found["serie"]) == ([], [])


@pytest.mark.parametrize(
    "query",
    [
        "desde=2026-01-02T00:00:00Z&ate=2026-01-01T00:00:00Z",
        "desde=2020-01-01T00:00:00Z&ate=2026-01-01T00:00:00Z",
        "por=hora&desde=2026-01-01T00:00:00Z&ate=2026-03-01T00:00:00Z",
        "por=ano",
    ],
)
def test_usage_of_a_wrong_stretch_is_refused(project: Project, query: str) -> None:
    assert_problem(project.leitor.get(f"{project.path}/uso?{query}"), 422, "ValidationFailed")


def tell(project: Project, *told: dict[str, Any]) -> dict[str, Any]:
    """Tell what cases turned out to be."""
    answer = project.treinador.post(f"{project.path}/observados", {"observados": list(told)})
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def test_real_values_are_told_by_id_and_by_key(project: Project, asked: list[int]) -> None:
    ask(project.leitor, project, versao=1, referencia="a")
    found = tell(
        project,
        {"previsao_id": asked[2], "valor": "70000.50"},
        {"referencia": "a", "valor": 31},
        {"referencia": "nobody's", "valor": 1},
        {"previsao_id": asked[1], "classe": "caro"},
        {"previsao_id": asked[2], "valor": 71},
    )
    assert (found["recebidos"], found["previsoes"]) == (5, 3)
    assert (found["nao_encontrados"], found["outro_tipo"]) == ([2], [3])
    kept = project.leitor.get(f"{project.path}/previsoes/{asked[2]}").json
    assert (kept["observado"], kept["observado_por"]) == ("71", project.treinador.subject)
    listed = project.leitor.get(f"{project.path}/previsoes", observado="true").json
    assert listed["total"] == 3
    assert found["medicao"] is not None
    job = project.treinador.get(f"/jobs/{found['medicao']}").json
    assert (job["queue"], job["state"]) == ("prices_analysis_queue", "queued")


def test_real_values_of_nothing_known_measure_nothing(project: Project) -> None:
    found = tell(project, {"previsao_id": 99, "valor": 1})
    assert (found["previsoes"], found["medicao"]) == (0, None)


@pytest.mark.parametrize(
    "told",
    [
        {"valor": 1},
        {"previsao_id": 1},
        {"previsao_id": 1, "referencia": "a", "valor": 1},
        {"previsao_id": 1, "valor": 1, "classe": "a"},
        {"previsao_id": 1, "valor": "muito"},
        {"previsao_id": 1, "valor": "NaN"},
        {"previsao_id": 0, "valor": 1},
    ],
)
def test_a_real_value_that_makes_no_sense_is_refused(
    project: Project, told: dict[str, Any]
) -> None:
    body = {"observados": [told]}
    answer = project.treinador.post(f"{project.path}/observados", body)
    assert_problem(answer, 422, "ValidationFailed")
    assert_problem(
        project.treinador.post(f"{project.path}/observados", {"observados": []}),
        422,
        "ValidationFailed",
    )


def test_another_projects_predictions_are_neither_seen_nor_told(
    project: Project, asked: list[int]
) -> None:
    other = project.treinador.post("/precos/projetos", {"nome": "Outro"}).json["id"]
    theirs = f"/precos/projetos/{other}"
    answer = project.treinador.get(f"{theirs}/previsoes/{asked[0]}")
    assert_problem(answer, 404, "PrevisaoNotFound")
    told = {"observados": [{"previsao_id": asked[0], "valor": 1}, {"referencia": "a", "valor": 1}]}
    found = project.treinador.post(f"{theirs}/observados", told).json
    assert (found["previsoes"], found["nao_encontrados"]) == (0, [0, 1])
    assert project.treinador.get(f"{theirs}/uso").json["total"]["linhas"] == 0
