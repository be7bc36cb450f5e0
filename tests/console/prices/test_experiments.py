"""The form of an experiment: what it begins with, what it asks for, what it refuses."""

from typing import Any

import pytest
from sqlalchemy import select

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.prices.algorithms import Tarefa, catalogue
from chalicelib.prices.experiment_form import beginning, experiment_of
from chalicelib.prices.hyperparameter_form import algorithm_forms, given_hyperparameters, search_of
from chalicelib.prices.schemas_datasets import ColunaPerfil, TipoColuna
from chalicelib.prices.tables_models import Treinamento
from chalicelib.prices.words import HYPERPARAMETERS
from tests.console.prices.conftest import SignIn, at
from tests.prices.conftest import Project
from tests.prices.publishing import add_dataset


def trainings() -> list[dict[str, Any]]:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        return list(session.scalars(select(Treinamento.experimento).order_by(Treinamento.id)))


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


def test_steps_of_columns_are_asked_for() -> None:
    kinds = {
        "area": TipoColuna.NUMERO,
        "estado": TipoColuna.CATEGORIA,
        "vista": TipoColuna.DATA,
        "preco": TipoColuna.NUMERO,
    }
    columns = [ColunaPerfil(nome=name, tipo=tipo, distintos=2) for name, tipo in kinds.items()]
    form = beginning(algorithm_forms(Tarefa.REGRESSAO), "preco", columns)
    form.values |= {
        "alvo": "preco",
        "dataset": "1",
        "imputacao.1": "constante",
        "constante.1": "1.080,5",
        "imputacao.2": "constante",
        "constante.2": "sem estado",
        "codificacao.2": "ordinal",
        "ordem.2": " original \n\nnovo\n",
        "partes.3.ano": "sim",
        "partes.3.dia_semana": "sim",
    }
    steps = experiment_of(form, Tarefa.REGRESSAO, columns).engenharia.colunas
    assert (steps["area"].imputacao, steps["area"].constante) == ("constante", 1080.5)
    assert (steps["estado"].constante, steps["estado"].ordem) == (
        "sem estado",
        ["original", "novo"],
    )
    assert steps["vista"].partes == ["ano", "dia_semana"]


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
        ({"imputacao.1": "constante"}, "Diga o valor, e escolha “um valor fixo”."),
        ({"constante.1": "5"}, "Diga o valor, e escolha “um valor fixo”."),
        ({"imputacao.1": "constante", "constante.1": "cinco"}, "Use um número."),
        ({"ordem.3": "Cume\nVale"}, "A ordem diz 2 de 9 valores: diga todos."),
        ({"ordem.3": "Cume\nCume"}, "Um valor está duas vezes."),
        ({"codificacao.3": "one_hot", "ordem.3": "Cume"}, "Só uma coluna em ordem tem ordem."),
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
