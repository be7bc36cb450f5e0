"""The lab of prices: projects, data, experiments, versions, predictions, as people use them."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.prices.algorithms import Tarefa, catalogue
from chalicelib.prices.hyperparameter_form import algorithm_forms, given_hyperparameters, search_of
from chalicelib.prices.tables import Dataset
from chalicelib.prices.tables_models import Treinamento
from chalicelib.prices.words import HYPERPARAMETERS
from tests.client import Client
from tests.conftest import PASSWORD, MakeUser
from tests.console.browsing import Browser, Page
from tests.console.conftest import Visitor
from tests.prices.conftest import Project, project
from tests.prices.files import as_csv, small_table
from tests.prices.publishing import CAR, add_dataset, ask, publish_price_model
from tests.prices.working import profiled, work_off

__all__ = ["project"]

SignIn = Callable[[Client], Browser]


@pytest.fixture
def browser_for() -> SignIn:
    """Makes the browser of somebody who has a client already."""

    def make(client: Client) -> Browser:
        browser = Browser()
        assert browser.sign_in(client.login, PASSWORD).status == 303
        return browser

    return make


def at(project: Project, rest: str = "") -> str:
    return f"/console{project.path.replace('/projetos', '')}{rest}"


def send_file(browser: Browser, path: str, data: bytes, **fields: str) -> Page:
    """A file by a form, as browsers without scripts do."""
    token = browser.get(path).form(fields["acao"]).fields["ficha"]
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {"ficha": token, **fields}.items()
    )
    file = (
        '--x\r\nContent-Disposition: form-data; name="arquivo"; filename="a.csv"\r\n'
        "Content-Type: application/vnd.ms-excel\r\n\r\n"
    )
    body = parts.encode() + file.encode() + data + b"\r\n--x--\r\n"
    return browser._send("POST", path, body, content_type="multipart/form-data; boundary=x")


def trainings() -> list[dict[str, Any]]:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        return list(session.scalars(select(Treinamento.experimento).order_by(Treinamento.id)))


def test_project_is_made_and_leads_to_its_data(browser_of: Visitor) -> None:
    browser = browser_of(Role.LEITOR)
    page = browser.get("/console/precos")
    assert "Nenhum projeto ainda" in page.text
    made = browser.submit(page, "/console/precos", "criar", nome="Casas", descricao="Em Lages")
    assert "Agora envie os dados" in made.text
    assert "Nenhum dado ainda" in made.text
    listed = browser.get("/console/precos").text
    assert "Casas" in listed
    assert "Em Lages" in listed


def test_project_without_a_name_is_asked_for_one(browser_of: Visitor) -> None:
    browser = browser_of(Role.LEITOR)
    page = browser.get("/console/precos")
    refused = browser.submit(page, "/console/precos", "criar", descricao="Sem nome")
    assert refused.status == 422
    assert "Preencha este campo" in refused.text
    assert refused.form("criar").fields["descricao"] == "Sem nome"


def test_strangers_do_not_see_a_project(project: Project, browser_for: SignIn) -> None:
    for path in ("", "/dados", "/treinos", "/versoes", "/prever", "/historico", "/uso", "/saude"):
        assert browser_for(project.stranger).get(at(project, path)).status == 404, path


def test_reader_looks_and_is_offered_nothing_else(project: Project, browser_for: SignIn) -> None:
    reader = browser_for(project.leitor)
    assert "Quem treina neste projeto pode enviar" in reader.get(at(project, "/dados")).text
    assert reader.get(at(project, "/treinos/novo")).status == 403
    assert "Compartilhar" not in reader.get(at(project, "/pessoas")).text


def test_project_is_shared_changed_left_and_deleted(project: Project, browser_for: SignIn) -> None:
    owner, path = browser_for(project.dono), at(project, "/pessoas")
    page = owner.get(path)
    shared = owner.submit(
        page, path, "compartilhar", login=project.stranger.login, papel="treinador"
    )
    assert "agora tem acesso" in shared.text
    nobody = owner.submit(page, path, "compartilhar", login="ninguem", papel="leitor")
    assert nobody.status == 404
    assert "Não há ninguém ativo" in owner.get(path).text or nobody.text
    renamed = owner.submit(page, path, "mudar", nome="Casas do sul", descricao="")
    assert "Casas do sul" in renamed.text
    guest = browser_for(project.stranger)
    left = guest.submit(guest.get(path), path, "retirar", login=project.stranger.login)
    assert left.status == 404
    gone = owner.submit(owner.get(path), path, "excluir")
    assert "foi excluído" in gone.text
    assert owner.get(at(project)).status == 404


def test_file_is_sent_profiled_corrected_and_fetched(project: Project, browser_for: SignIn) -> None:
    trainer = browser_for(project.treinador)
    sent = send_file(
        trainer, at(project, "/dados"), as_csv(small_table()), acao="enviar", nome="Vendas"
    )
    assert sent.status == 303, sent.text
    waiting = trainer.get(sent.location)
    assert "Lendo o arquivo" in waiting.text
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        job_id = session.scalars(select(Dataset.job_id)).one()
    assert work_off(str(job_id)).state == "succeeded"
    page = trainer.get(sent.location)
    assert "40 linhas" in page.text
    assert "Distribuição de preco" in page.text
    assert page.form("corrigir").fields["tipo.2"] == "numero"
    changed = trainer.submit(
        page, sent.location, "corrigir", **{"tipo.2": "categoria", "unidade.5": "R$"}
    )
    assert "As correções valem" in changed.text
    fields = changed.form("corrigir").fields
    assert (fields["tipo.2"], fields["unidade.5"]) == ("categoria", "R$")
    undone = trainer.submit(changed, sent.location, "corrigir", desfazer="2")
    assert undone.form("corrigir").fields["tipo.2"] == "numero"
    refused = trainer.submit(undone, sent.location, "corrigir", **{"tipo.1": "numero"})
    assert refused.status == 422
    assert "40 de 40 valores" in refused.text
    assert trainer.get(f"{sent.location}/parquet").status == 303


def test_same_file_again_leads_to_what_it_made(project: Project, browser_for: SignIn) -> None:
    trainer, path = browser_for(project.treinador), at(project, "/dados")
    data = as_csv(small_table())
    first = send_file(trainer, path, data, acao="enviar")
    again = send_file(trainer, path, data, acao="enviar")
    assert again.location == first.location
    assert "já tinha sido enviado" in trainer.get(again.location).text


def test_form_of_an_experiment_begins_with_what_usually_serves(
    project: Project, browser_for: SignIn
) -> None:
    add_dataset(project.id)
    trainer = browser_for(project.treinador)
    page = trainer.get(at(project, "/treinos/novo"), alvo="preco")
    fields = page.form("treinar").fields
    assert fields["usar.floresta_aleatoria"] == "sim"
    assert "usar.rede_neural" not in fields
    assert (fields["hp.gradiente.learning_rate"], fields["dobras"]) == ("0,05", "5")
    sent = trainer.send(page, at(project, "/treinos/novo") + "?alvo=preco", "treinar")
    assert sent.status == 303, sent.text
    (asked,) = trainings()
    assert [each["nome"] for each in asked["algoritmos"]] == [
        *("regressao_ridge", "floresta_aleatoria", "gradiente", "histograma_gradiente")
    ]
    assert all(each["hiperparametros"] == {} for each in asked["algoritmos"])
    assert "colunas" not in asked
    followed = trainer.get(sent.location)
    assert "Na fila" in followed.text
    cancelled = trainer.submit(followed, sent.location, "cancelar")
    assert "Interrompido" in cancelled.text


def test_what_is_adjusted_is_asked_for(project: Project, browser_for: SignIn) -> None:
    add_dataset(project.id)
    trainer, path = browser_for(project.treinador), at(project, "/treinos/novo") + "?alvo=preco"
    fields = trainer.get(path).form("treinar").fields
    for name in [each for each in fields if each.startswith("usar.")]:
        del fields[name]
    fields |= {
        "usar.regressao_lasso": "sim",
        "hp.regressao_lasso.max_iter": "2.000",
        "busca.regressao_lasso.alpha": "0,001 a 1",
        "tentativas.regressao_lasso": "4",
        "escala.1": "robusta",
        "interacoes": "potencia × peso",
        "tipo": "hold_out",
        "fracao": "30",
        "log_alvo": "nao",
    }
    del fields["coluna.3"]
    sent = trainer.post(path, fields)
    assert sent.status == 303, sent.text
    (asked,) = trainings()
    (lasso,) = asked["algoritmos"]
    assert lasso["hiperparametros"] == {"max_iter": 2000}
    assert lasso["busca"]["espaco"]["alpha"] == {"de": 0.001, "ate": 1.0, "escala": "log"}
    assert lasso["busca"]["tentativas"] == 4
    assert asked["colunas"] == ["potencia", "peso", "automatico"]
    assert asked["engenharia"]["colunas"]["potencia"]["escala"] == "robusta"
    assert asked["engenharia"]["interacoes"] == [{"tipo": "produto", "a": "potencia", "b": "peso"}]
    assert asked["engenharia"]["log_alvo"] is False
    assert (asked["validacao"]["tipo"], asked["validacao"]["fracao"]) == ("hold_out", 0.3)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"hp.gradiente.learning_rate": "2"}, "Use 1 ou menos."),
        ({"hp.gradiente.n_estimators": "muitas"}, "Use um número inteiro."),
        ({"busca.gradiente.subsample": "a 1"}, "Use valores, como"),
        ({"interacoes": "potencia e peso"}, "Escreva uma por linha"),
        ({"interacoes": "potencia × marca"}, "Use duas colunas de números"),
        ({"tipo": "k_fold_grupos"}, "Escolha a coluna que agrupa"),
        ({"dobras": "50"}, "Use 10 ou menos."),
        ({"codificacao.3": "nada"}, "Escolha uma das opções."),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(
    project: Project, browser_for: SignIn, wrong: dict[str, str], told: str
) -> None:
    add_dataset(project.id)
    trainer, path = browser_for(project.treinador), at(project, "/treinos/novo") + "?alvo=preco"
    page = trainer.get(path)
    refused = trainer.send(page, path, "treinar", **wrong)
    assert refused.status == 422
    assert told in refused.text
    fields = refused.form("treinar").fields
    assert {name: fields[name] for name in wrong if fields[name]} == {
        name: value for name, value in wrong.items() if fields[name]
    }
    assert trainings() == []


def test_every_hyperparameter_has_a_name_in_portuguese() -> None:
    for algorithm in catalogue():
        for schema in algorithm["hiperparametros"].values():
            assert schema.get("properties", {}).keys() <= HYPERPARAMETERS.keys()


@pytest.mark.parametrize("tarefa", list(Tarefa))
def test_defaults_that_a_form_shows_ask_for_nothing_else(tarefa: Tarefa) -> None:
    for each in algorithm_forms(tarefa):
        shown = {field.field: field.value for field in each.fields}
        assert given_hyperparameters(each.nome, tarefa, shown) == ({}, []), each.nome


def test_emptied_limit_is_none_where_there_may_be_none() -> None:
    given, faults = given_hyperparameters(
        "arvore_decisao", Tarefa.REGRESSAO, {"hp.arvore_decisao.max_depth": ""}
    )
    assert (given, faults) == ({"max_depth": None}, [])


def test_listed_values_are_searched_as_they_are() -> None:
    values = {"busca.vizinhos.n_neighbors": "3; 5; 8", "procura.vizinhos": "grade"}
    found, faults = search_of("vizinhos", values)
    assert faults == []
    assert found is not None
    assert (found["tipo"], found["espaco"]) == ("grade", {"n_neighbors": {"valores": [3, 5, 8]}})


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
            text("UPDATE model_versions SET data = data || jsonb_build_object('dataset', :id)"),
            {"id": dataset["id"]},
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
    for key in ("a-1", "=a-2"):
        assert ask(project.leitor, project, referencia=key).status == 201
    trainer, history = browser_for(project.treinador), at(project, "/historico")
    assert "2 de 2 previsões" in trainer.get(history).text
    assert "1 de 1 previsão" in trainer.get(history, referencia="a-1", versao="", ate="").text
    today = f"{utc_now():%Y-%m-%d}"
    assert "Nenhuma previsão assim" in trainer.get(history, ate="2026-01-01").text
    assert "2 de 2" in trainer.get(history, desde="2026-01-01", ate="2100-01-01").text, today
    export = trainer.get(f"{history}/exportar", referencia="a-1")
    assert export.answer.headers["Content-Type"].startswith("text/csv")
    assert export.source.count("\n") == 2
    one = f"{history}/1"
    told = trainer.submit(trainer.get(one), one, "informar", valor="1.051,2")
    assert "O valor real foi guardado" in told.text
    assert "1.051" in told.text
    kept = project.leitor.get(f"{project.path}/previsoes/1").json
    assert float(kept["observado"]) == 1051.2
    assert "Informar" not in browser_for(project.leitor).get(one).text


def test_file_of_cases_is_sent_and_its_answers_fetched(
    project: Project, browser_for: SignIn
) -> None:
    publish_price_model(project.id)
    reader, path = browser_for(project.leitor), at(project, "/arquivos")
    car = {name: [value] for name, value in CAR.items()}
    sent = send_file(reader, path, as_csv({**car, "potencia": ["120"]}), acao="prever", versao="")
    assert sent.status == 303, sent.text
    waiting = reader.get(path)
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


def test_home_says_how_many_projects_one_has(
    project: Project, browser_for: SignIn, client_of: MakeUser
) -> None:
    assert "1 projeto de preços" in browser_for(project.dono).get("/").text
    assert "Criar o primeiro" in browser_for(client_of(Role.LEITOR)).get("/").text
