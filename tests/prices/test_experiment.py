"""What may be asked of the lab, and how a wrong wish is refused: by its field."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.core.errors import ValidationFailed
from chalicelib.prices.algorithms import (
    ALGORITMOS,
    Busca,
    Tarefa,
    catalogue,
    is_whole,
    parameters_of,
)
from chalicelib.prices.experiment import Experimento, inputs_of
from chalicelib.prices.experiment_checks import check
from chalicelib.prices.training.search import trials_of
from tests.prices.training.sample import COLUMNS, Col, experiment


def refused(alvo: str = "preco", rows: int = 400, **fields: Any) -> set[str]:
    with pytest.raises(ValidationFailed) as caught:
        check(experiment(alvo, **fields), COLUMNS, rows)
    return {each.campo for each in caught.value.errors}


def test_every_algorithm_has_a_schema_with_defaults_that_pass_it() -> None:
    listed = catalogue()
    assert len(listed) == 13
    for each in listed:
        for tarefa, schema in each["hiperparametros"].items():
            defaults = parameters_of(each["nome"], Tarefa(tarefa)).model_dump()
            assert set(schema["properties"]) == set(defaults) if defaults else True
            assert schema["additionalProperties"] is False
            assert parameters_of(each["nome"], Tarefa(tarefa), defaults).model_dump() == defaults


def test_a_target_says_what_kind_of_task_it_is() -> None:
    assert check(experiment("preco"), COLUMNS, 400) is Tarefa.REGRESSAO
    assert check(experiment("faixa"), COLUMNS, 400) is Tarefa.CLASSIFICACAO
    assert check(experiment("caro"), COLUMNS, 400) is Tarefa.CLASSIFICACAO


def test_a_json_body_is_read_strictly() -> None:
    body = '{"alvo": "preco", "algoritmos": [{"nome": "vizinhos", "hiperparametros": {"p": 1}}]}'
    Experimento.model_validate_json(body)
    with pytest.raises(ValidationError, match="not permitted"):
        Experimento.model_validate_json('{"alvo": "preco", "algoritmo": "ridge"}')


@pytest.mark.parametrize(
    ("fields", "campo"),
    [
        ({"alvo": "nada"}, "alvo"),
        ({"alvo": "descricao"}, "alvo"),
        ({"colunas": ["area", "nada"]}, "colunas.1"),
        ({"colunas": ["preco", "area"]}, "colunas.0"),
        ({"algoritmos": [{"nome": "oraculo"}]}, "algoritmos.0.nome"),
        ({"algoritmos": [{"nome": "vizinhos"}] * 2}, "algoritmos.1.nome"),
        ({"algoritmos": [{"nome": "vizinhos", "calibrar": True}]}, "algoritmos.0.calibrar"),
        ({"validacao": {"coluna_grupo": "nada"}}, "validacao.coluna_grupo"),
        (
            {"validacao": {"tipo": "k_fold_tempo", "coluna_tempo": "bairro"}},
            "validacao.coluna_tempo",
        ),
        ({"colunas": ["area", "bairro", "area"]}, "colunas.2"),
        ({"validacao": {"coluna_grupo": "preco"}}, "validacao.coluna_grupo"),
        (
            {"validacao": {"tipo": "k_fold_tempo", "coluna_tempo": "preco"}},
            "validacao.coluna_tempo",
        ),
        ({"validacao": {"coluna_tempo": "vendido_em"}}, "validacao.coluna_tempo"),
        ({"alvo": "faixa", "engenharia": {"log_alvo": True}}, "engenharia.log_alvo"),
        ({"engenharia": {"colunas": {"nada": {}}}}, "engenharia.colunas.nada"),
        (
            {"engenharia": {"colunas": {"bairro": {"escala": "minmax"}}}},
            "engenharia.colunas.bairro.escala",
        ),
        (
            {"engenharia": {"colunas": {"area": {"codificacao": "ordinal"}}}},
            "engenharia.colunas.area.codificacao",
        ),
        (
            {"engenharia": {"colunas": {"bairro": {"ordem": ["sul", "sul"]}}}},
            "engenharia.colunas.bairro.ordem",
        ),
        (
            {"engenharia": {"colunas": {"bairro": {"ordem": ["sul", "norte"]}}}},
            "engenharia.colunas.bairro.ordem",
        ),
        (
            {"engenharia": {"colunas": {"estado": {"codificacao": "ordinal", "raras_abaixo": 3}}}},
            "engenharia.colunas.estado.raras_abaixo",
        ),
        ({"engenharia": {"colunas": {"bairro": {"log": True}}}}, "engenharia.colunas.bairro.log"),
        (
            {"engenharia": {"colunas": {"area": {"imputacao": "constante"}}}},
            "engenharia.colunas.area.constante",
        ),
        (
            {"engenharia": {"colunas": {"bairro": {"imputacao": "media"}}}},
            "engenharia.colunas.bairro.imputacao",
        ),
        (
            {"engenharia": {"interacoes": [{"tipo": "razao", "a": "area", "b": "bairro"}]}},
            "engenharia.interacoes.0.b",
        ),
        (
            {"engenharia": {"interacoes": [{"tipo": "produto", "a": "area", "b": "quartos"}] * 2}},
            "engenharia.interacoes.1",
        ),
    ],
)
def test_wishes_that_do_not_fit_the_dataset_name_their_field(
    fields: dict[str, Any], campo: str
) -> None:
    assert refused(**fields) == {campo}


@pytest.mark.parametrize(
    ("name", "given", "field"),
    [
        ("regressao_ridge", {"alpha": -1}, "alpha"),
        ("regressao_ridge", {"alfa": 1}, "alfa"),
        ("floresta_aleatoria", {"n_estimators": 10.5}, "n_estimators"),
        ("histograma_gradiente", {"learning_rate": True}, "learning_rate"),
        ("vizinhos", {"weights": "near"}, "weights"),
        ("rede_neural", {"hidden_layer_sizes": []}, "hidden_layer_sizes"),
        ("rede_neural", {"hidden_layer_sizes": [8, 0]}, "hidden_layer_sizes.1"),
        ("regressao_ridge", {"alpha": {}}, "alpha"),
        ("regressao_ridge", {"alpha": float("nan")}, "alpha"),
        ("vetores_suporte", {"gamma": "auto"}, "gamma"),
        ("floresta_aleatoria", {"max_features": [0.5]}, "max_features"),
    ],
)
def test_a_wrong_hyperparameter_is_named_once(name: str, given: dict[str, Any], field: str) -> None:
    asked = experiment(algoritmos=[{"nome": name, "hiperparametros": given}])
    with pytest.raises(ValidationFailed) as caught:
        check(asked, COLUMNS, 400)
    (fault,) = caught.value.errors
    assert fault.campo == f"algoritmos.0.hiperparametros.{field}"


@pytest.mark.parametrize("constant", [float("inf"), float("nan"), 10**400, True, [], "x" * 201])
def test_what_stands_for_missing_is_text_or_a_number_within_measure(constant: Any) -> None:
    steps = {"area": {"imputacao": "constante", "constante": constant}}
    with pytest.raises(ValidationError) as caught:
        experiment(engenharia={"colunas": steps})
    (fault,) = caught.value.errors()
    assert fault["loc"] == ("engenharia", "colunas", "area", "constante")


@pytest.mark.parametrize(
    ("space", "field"),
    [
        ({"max_depth": {"de": 0, "ate": 5}}, "max_depth"),
        ({"max_depth": {"de": 1.5, "ate": 5}}, "max_depth"),
        ({"nada": {"valores": [1]}}, "nada"),
        ({"min_samples_leaf": {"valores": [1, "dois"]}}, "min_samples_leaf"),
        ({"ccp_alpha": {"valores": [0.5]}}, "ccp_alpha"),
    ],
)
def test_a_wrong_search_space_is_named(space: dict[str, Any], field: str) -> None:
    asked = {"nome": "arvore_decisao", "hiperparametros": {"ccp_alpha": 0}}
    busca = {"busca": {"espaco": space}}
    assert refused(algoritmos=[asked | busca]) == {f"algoritmos.0.busca.espaco.{field}"}


@pytest.mark.parametrize(
    "space",
    [
        {"x": {}},
        {"x": {"valores": [1], "de": 0, "ate": 1}},
        {"x": {"de": 1, "ate": 1}},
        {"x": {"de": 0, "ate": 1, "escala": "log"}},
        {"x": {"de": 0}},
    ],
)
def test_spaces_that_are_none_are_refused(space: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Busca.model_validate({"espaco": space})
    with pytest.raises(ValidationError, match="grid"):
        Busca.model_validate({"tipo": "grade", "espaco": {"x": {"de": 0, "ate": 1}}})


def test_a_random_search_stays_in_its_space_and_repeats_nothing() -> None:
    busca = Busca.model_validate(
        {
            "tentativas": 60,
            "espaco": {
                "max_depth": {"de": 1, "ate": 8, "escala": "log"},
                "ccp_alpha": {"de": 0.001, "ate": 0.1, "escala": "log"},
                "max_leaf_nodes": {"valores": [None, 30]},
            },
        }
    )
    found = trials_of("arvore_decisao", Tarefa.REGRESSAO, busca, seed=1)
    assert found == trials_of("arvore_decisao", Tarefa.REGRESSAO, busca, seed=1)
    assert len({repr(each) for each in found}) == len(found) == 60
    assert {each["max_depth"] for each in found} == set(range(1, 9))
    for each in found:
        parameters_of("arvore_decisao", Tarefa.REGRESSAO, each)
    one = Busca.model_validate({"tentativas": 9, "espaco": {"max_depth": {"de": 1, "ate": 3}}})
    assert len(trials_of("arvore_decisao", Tarefa.REGRESSAO, one, seed=1)) == 3


def test_whole_numbers_are_known_from_the_schema() -> None:
    assert is_whole("arvore_decisao", Tarefa.REGRESSAO, "max_depth")
    assert not is_whole("floresta_aleatoria", Tarefa.REGRESSAO, "max_features")


def test_identifiers_are_read_only_by_name() -> None:
    names = [each.nome for each in inputs_of(experiment(), COLUMNS)]
    assert names == [
        "area", "quartos", "bairro", "estado", "garagem", "vendido_em", "descricao",
    ]  # fmt: skip
    asked = experiment(colunas=["codigo", "area"])
    assert [each.nome for each in inputs_of(asked, COLUMNS)] == ["area", "codigo"]


def test_a_constant_target_and_too_many_classes_are_refused() -> None:
    for bad in (Col("y", distintos=1), Col("y", "categoria", distintos=51)):
        with pytest.raises(ValidationFailed):
            check(experiment("y"), [*COLUMNS, bad], 400)
    assert refused(rows=59) == {"alvo"}
    assert set(ALGORITMOS) >= {"ingenuo"}
