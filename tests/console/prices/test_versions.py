"""Versions and predictions: compared, promoted, asked, exported, told what was true."""

import re

from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from tests.console.prices.conftest import SignIn, at
from tests.prices.conftest import Project
from tests.prices.files import as_csv
from tests.prices.publishing import CAR, ask, publish_price_model
from tests.prices.working import profiled, work_off


def test_versions_are_compared_promoted_archived_and_restored(
    project: Project, browser_for: SignIn
) -> None:
    for seed in (1, 2):
        publish_price_model(project.id, seed=seed, champion=seed == 1)
    admin, versions = browser_for(project.admin), at(project, "/versoes")
    page = admin.get(versions)
    assert "Versão 2" in page.text
    compared = admin.submit(page, versions, "comparar", a="2", b="1")
    assert "Comparação" in compared.text
    second = f"{versions}/2"
    short = admin.submit(admin.get(second), second, "promover", motivo="sim")
    assert "Use pelo menos 5 caracteres" in short.text
    promoted = admin.submit(admin.get(second), second, "promover", motivo="Erra menos")
    assert "responde a partir de agora" in promoted.text
    first = f"{versions}/1"
    away = admin.submit(admin.get(first), first, "arquivar", motivo="Velha demais")
    assert "não responde a ninguém" in away.text
    assert "pode responder de novo" in admin.submit(away, first, "restaurar").text
    back = admin.submit(admin.get(versions), versions, "reverter", motivo="Engano meu")
    assert "A versão 1 responde" in back.text
    assert "Promover" not in browser_for(project.treinador).get(second).text


def test_case_is_asked_about_with_its_interval_and_its_reasons(
    project: Project, browser_for: SignIn
) -> None:
    reader, path = browser_for(project.leitor), at(project, "/prever")
    assert "Nenhuma versão responde ainda" in reader.get(path).text
    publish_price_model(project.id)
    page = reader.get(path)
    fields = page.form("prever").fields
    assert set(fields) >= {"valor.1", "valor.2", "valor.3", "valor.4"}
    given = {"valor.1": "120.5", "valor.2": "1100", "valor.3": "Cume", "valor.4": "true"}
    answered = reader.send(page, path, "prever", **given, referencia="carro-7")
    assert answered.status == 200
    assert "Ponto de partida" in answered.text
    assert "potencia = 120,5" in answered.text
    (kept,) = project.leitor.get(f"{project.path}/previsoes").json["items"]
    assert kept["entrada"] == {
        "potencia": 120.5,
        "peso": 1100.0,
        "marca": "Cume",
        "automatico": "true",
    }
    assert kept["referencia"] == "carro-7"
    wrong = reader.send(page, path, "prever", **{**given, "valor.1": "forte"})
    assert wrong.status == 422
    assert "Use um número." in wrong.text


def test_sliders_follow_the_profile_of_what_was_trained_on(
    project: Project, browser_for: SignIn
) -> None:
    datasets = f"{project.path}/datasets"
    dataset = profiled(project.treinador.post(datasets, cars_csv(), content_type="text/csv"))
    publish_price_model(project.id)
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(
            text(
                "UPDATE model_versions SET data = jsonb_set(data, '{dataset}', cast(:id AS jsonb))"
            ),
            {"id": str(dataset["id"])},
        )
    source = browser_for(project.leitor).get(at(project, "/prever")).source
    slider = re.search(r'<input type="range"[^>]*campo-valor\.1[^>]*>', source)
    assert slider is not None
    assert 'min="60" max="160"' in slider.group()
    assert '<option value="Cume"' in source


def cars_csv() -> bytes:
    rows = range(60)
    return as_csv(
        {
            "potencia": [60 + (100 * n) // 59 for n in rows],
            "peso": [800.5 + n for n in rows],
            "marca": [("Aurora", "Brisa", "Cume")[n % 3] for n in rows],
            "automatico": [("sim", "não")[n % 2] for n in rows],
            "preco": [20 + n * 0.5 for n in rows],
        }
    )


def test_history_is_filtered_exported_and_told_what_was_true(
    project: Project, browser_for: SignIn
) -> None:
    publish_price_model(project.id)
    for key, power in (("a-1", 1998), ("=a-2", 120)):
        car = {**CAR, "potencia": power}
        assert ask(project.leitor, project, referencia=key, instancia=car).status == 201
    trainer, history = browser_for(project.treinador), at(project, "/historico")
    assert "2 de 2 previsões" in trainer.get(history).text
    assert "1 de 1 previsão" in trainer.get(history, referencia="a-1", versao="", ate="").text
    assert "Nenhuma previsão assim" in trainer.get(history, ate="2026-01-01").text
    assert "2 de 2" in trainer.get(history, desde="2026-01-01", ate="2100-01-01").text
    export = trainer.get(f"{history}/exportar", referencia="a-1")
    assert export.answer.headers["Content-Type"].startswith("text/csv")
    assert export.source.count("\n") == 2
    one = f"{history}/1"
    told = trainer.submit(trainer.get(one), one, "informar", valor="1.051,2")
    assert "O valor real foi guardado" in told.text
    assert "1.051" in told.text
    assert "potencia 1998" in told.text  # It could be a year: of those nobody parts the thousands.
    assert "automatico sim" in told.text
    assert "peso 1.100,5" in told.text
    kept = project.leitor.get(f"{project.path}/previsoes/1").json
    assert float(kept["observado"]) == 1051.2
    assert "Informar" not in browser_for(project.leitor).get(one).text


def test_file_of_cases_is_sent_and_its_answers_fetched(
    project: Project, browser_for: SignIn
) -> None:
    publish_price_model(project.id)
    reader, path = browser_for(project.leitor), at(project, "/arquivos")
    car = {name: [value] for name, value in CAR.items()}
    cases = as_csv({**car, "potencia": ["120"]}).decode()
    waiting = reader.send_file(path, "prever", cases)
    assert "Na fila" in waiting.text
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        query = text("SELECT id FROM jobs WHERE queue = 'prices_prediction_queue'")
        job_id = session.execute(query).scalar_one()
    assert work_off(str(job_id)).state == "succeeded"
    page = reader.get(path)
    assert "Baixar as respostas" in page.text
    assert reader.get(f"{path}/{job_id}").status == 303


def test_usage_and_health_are_shown(project: Project, browser_for: SignIn) -> None:
    reader = browser_for(project.leitor)
    assert "Nada foi perguntado" in reader.get(at(project, "/uso")).text
    assert "Nenhuma versão" in reader.get(at(project, "/saude")).text
    publish_price_model(project.id)
    assert ask(project.leitor, project).status == 201
    usage = reader.get(at(project, "/uso"), dias="7").text
    assert "1 casos respondidos" in usage
    assert "Versão 1" in usage
    trainer, health = browser_for(project.treinador), at(project, "/saude")
    measuring = trainer.submit(trainer.get(health), health, "medir")
    assert "Na fila" in measuring.text
