"""Files of cases: predicted by the queue, fetched by a signed address, bad rows listed."""

import csv
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.core.uploads import object_store
from chalicelib.prices.tables_predictions import Chamada
from chalicelib.prices.training_file_writers import Columns, writer_for
from tests.client import Answer, assert_problem
from tests.gym.work import finished_job
from tests.prices.conftest import Project
from tests.prices.publishing import CAR, add_file, ask, one, publish_price_model

PARQUET = "application/vnd.apache.parquet"
NDJSON = "application/x-ndjson"


def send(project: Project, data: bytes, content_type: str = "text/csv", **asked: Any) -> Answer:
    """Have a file predicted."""
    objeto = add_file(project.leitor, data, content_type)
    return project.leitor.post(f"{project.path}/previsoes/lote", {"objeto": objeto, **asked})


def answers_of(project: Project, answer: Answer) -> tuple[dict[str, Any], bytes]:
    """The report of a file that was predicted, and the file of answers."""
    job = finished_job(project.leitor, answer)
    assert job["state"] == "succeeded", job["error"]
    found = project.dono.get(f"{project.path}/previsoes/lote/{job['id']}").json
    assert found["relatorio"] == job["result"]
    assert found["url"].startswith("http")
    return job["result"], object_store().read(job["result"]["objeto"])


def test_a_csv_is_answered_row_by_row_as_alone(project: Project) -> None:
    publish_price_model(project.id)
    lines = [
        "id;potencia;peso;marca;automatico;previsao",
        "1;120;1100.5;Aurora;sim;x",
        "2;1.200,5;1100.5;Estrela;não;=1+1",
        "3;;1100.5;;true;",
        "4;muita;1100.5;Aurora;sim;x",
        "5;120;1100.5;Aurora",
        *(f"{n};{n + 100};900;Brisa;não;" for n in range(6, 26)),
    ]
    report, data = answers_of(project, send(project, "\n".join(lines).encode()))
    assert (report["linhas"], report["previstas"], report["recusadas"]) == (25, 23, 2)
    reasons = {each["linha"]: each["motivo"] for each in report["primeiras_recusadas"]}
    assert set(reasons) == {5, 6}
    assert reasons[5] == "potencia: valor que não pode ser lido como numero"
    assert report["ausentes"] == []
    assert report["desconhecidas"] == ["id", "previsao"]
    assert report["fora_do_treino"] == {"marca": 2, "potencia": 1}
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert [row["id"] for row in rows] == ["1", "2", "3", *(str(n) for n in range(6, 26))]
    assert rows[1]["previsao"] == "'=1+1"  # The file's own column; ours makes way for it.
    alone = one(ask(project.leitor, project))
    assert float(rows[0]["previsao_"]) == alone["previsao"]
    assert rows[1]["previsao_avisos"] == "marca; potencia"


def test_ndjson_and_parquet_are_answered_in_kind(project: Project) -> None:
    publish_price_model(project.id)
    cars = [{**CAR, "potencia": 100 + n, "ano": 2000 + n} for n in range(30)]
    text = "\n".join(json.dumps(each) for each in cars).encode()
    _, data = answers_of(project, send(project, text, NDJSON))
    lines = [json.loads(line) for line in data.splitlines()]
    stored = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(cars), stored)
    report, data = answers_of(project, send(project, stored.getvalue(), PARQUET))
    table = pq.read_table(io.BytesIO(data)).to_pylist()
    assert [row["previsao"] for row in table] == [line["previsao"] for line in lines]
    assert [row["ano"] for row in table] == [each["ano"] for each in cars]
    assert report["desconhecidas"] == ["ano"]
    alone = one(ask(project.leitor, project, instancia=cars[7]))
    assert table[7]["previsao"] == alone["previsao"]


def test_a_column_that_begins_empty_keeps_its_type_in_parquet(tmp_path: Path) -> None:
    own = pa.schema([("ano", pa.float64()), ("visto", pa.timestamp("us")), ("cor", pa.string())])
    with (tmp_path / "respostas").open("wb") as file:
        writer = writer_for(PARQUET, file)
        for year, seen, colour, answer in (
            (None, None, None, 7.5),
            (1999.0, datetime(2024, 2, 1), "azul", 8.0),  # noqa: DTZ001
        ):
            row: Columns = {"ano": [year], "visto": [seen], "cor": [colour], "previsao": [answer]}
            writer.write(row, own)
        writer.close()
    found = pq.read_table(tmp_path / "respostas")
    assert found.schema.types == [*own.types, pa.float64()]
    assert found["ano"].to_pylist() == [None, 1999.0]


def test_a_file_is_one_call_however_often_its_job_is_tried(project: Project) -> None:
    publish_price_model(project.id)
    answer = send(project, b"potencia,peso,marca\n100,1000,Cume\n120,1100,Brisa\nx,1,Cume\n")
    report, _ = answers_of(project, answer)
    usage = project.leitor.get(f"{project.path}/uso").json
    assert (usage["total"]["chamadas"], usage["total"]["linhas"]) == (1, 2)
    assert report["ausentes"] == ["automatico"]
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        (call,) = session.query(Chamada).all()
    assert call.faixas is not None
    assert call.faixas["linhas"] == 2
    assert sum(call.faixas["colunas"]["score"]) == 2
    listed = project.leitor.get(f"/jobs/{answer.json['id']}/rejeicoes").json["items"]
    assert [each["linha"] for each in listed] == [4]


@pytest.mark.parametrize(
    ("data", "content_type", "title"),
    [
        (b"cor,altura\nazul,3\n", "text/csv", "ArquivoSemColunas"),
        (bytes(range(256)) * 40, PARQUET, "ArquivoRecusado"),
        (b"[1, 2", NDJSON, "ArquivoRecusado"),
    ],
)
def test_a_file_of_rubbish_fails_with_the_reason(
    project: Project, data: bytes, content_type: str, title: str
) -> None:
    publish_price_model(project.id)
    answer = send(project, data, content_type)
    job = finished_job(project.leitor, answer)
    assert (job["state"], job["error"]["title"]) == ("failed", title)
    found = project.leitor.get(f"{project.path}/previsoes/lote/{job['id']}")
    assert_problem(found, 409, "LoteNaoPronto")
    assert project.leitor.get(f"{project.path}/uso").json["total"]["chamadas"] == 0


def test_files_that_cannot_be_asked_about_are_refused(project: Project) -> None:
    path = f"{project.path}/previsoes/lote"
    assert_problem(send(project, b"potencia\n1\n"), 409, "SemCampeao")
    publish_price_model(project.id)
    assert_problem(send(project, b"potencia\n1\n", versao=9), 404, "ModelVersionNotFound")
    missing = project.leitor.post(path, {"objeto": "casa/uploads/nada"})
    assert_problem(missing, 422, "ObjectMissing")
    other = send(project, b"x", "text/plain")
    assert_problem(other, 422, "TipoDeLoteDesconhecido")
    theirs = add_file(project.outsider, b"potencia\n1\n")
    assert_problem(project.leitor.post(path, {"objeto": theirs}), 422, "ObjectMissing")


def test_a_file_of_another_project_is_not_found(project: Project) -> None:
    publish_price_model(project.id)
    job_id = send(project, b"potencia,peso\n1,2\n").json["id"]
    other = project.leitor.post("/precos/projetos", {"nome": "Outro"}).json["id"]
    answer = project.leitor.get(f"/precos/projetos/{other}/previsoes/lote/{job_id}")
    assert_problem(answer, 404, "LoteNotFound")
    answer = project.leitor.get(f"{project.path}/previsoes/lote/{job_id}")
    assert_problem(answer, 409, "LoteNaoPronto")


def test_rows_of_files_and_of_requests_count_for_the_shift_of_inputs(project: Project) -> None:
    publish_price_model(project.id)
    lines = ["potencia,peso,marca,automatico", *(f"{290 + n % 9},900,Cume,sim" for n in range(150))]
    answers_of(project, send(project, "\n".join(lines).encode()))
    ask(project.leitor, project, instancias=[{**CAR, "potencia": 295}] * 50)
    job = finished_job(project.treinador, project.treinador.post(f"{project.path}/saude"))
    assert job["result"] == {"versao": 1, "previsoes": 200, "desfechos": 0}
    health = project.leitor.get(f"{project.path}/saude").json
    assert health["estado"] == "deriva"
    shifts = {each["coluna"]: each for each in health["medicao"]["entradas"]}
    assert set(shifts) == {"potencia", "peso", "marca", "automatico"}
    assert (shifts["potencia"]["linhas"], shifts["potencia"]["faixa"]) == (200, "deriva")
    assert health["medicao"]["score"]["rotulo"] == "preco"
    assert health["medicao"]["desempenho"]["aviso"].startswith("Nenhum desfecho")
