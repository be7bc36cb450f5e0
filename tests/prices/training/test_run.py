"""An experiment from a table to a model that answers as it was judged."""

from __future__ import annotations

import json
import time
from typing import Any, cast

import numpy as np
import pytest

from chalicelib.core.errors import ValidationFailed
from chalicelib.ml.intervals import bounds
from chalicelib.ml.registry import ModelName
from chalicelib.ml.serving import ServedModel
from chalicelib.ml.training.selection import EXPLANATION_BUDGET_MS
from chalicelib.prices.algorithms import Tarefa, parameters_of
from chalicelib.prices.training.data import Dados, Resultado
from chalicelib.prices.training.estimators import unfitted
from chalicelib.prices.training.run import (
    TooLittleToLearn,
    explanation_ms,
    run_experiment,
    served_of,
)
from tests.prices.training.sample import Heard, dados, experiment

RIDGE = {"nome": "regressao_ridge"}
TREE = {"nome": "arvore_decisao"}
BOOSTING = {"nome": "histograma_gradiente", "hiperparametros": {"max_iter": 20}}


def run(alvo: str = "preco", data: Dados | None = None, **fields: Any) -> Resultado:
    return run_experiment(experiment(alvo, **fields), data or dados(), Heard(), 1)


@pytest.fixture(scope="module")
def price() -> Resultado:
    return run(
        algoritmos=[RIDGE, TREE, BOOSTING],
        engenharia={
            "colunas": {
                "area": {"log": True},
                "estado": {"codificacao": "ordinal", "ordem": ["ruim", "bom", "novo"]},
            },
            "interacoes": [{"tipo": "produto", "a": "area", "b": "quartos"}],
            "log_alvo": True,
        },
    )


def test_the_best_beats_the_baseline_and_the_report_says_how_surely(price: Resultado) -> None:
    found = price.relatorio
    names = [each["nome"] for each in found["algoritmos"]]
    assert set(names) == {"ingenuo", "regressao_ridge", "arvore_decisao", "histograma_gradiente"}
    assert names[-1] == "ingenuo"
    assert found["escolhido"]["algoritmo"] == names[0] == "regressao_ridge"
    best = found["algoritmos"][0]
    assert best["metricas"]["r2"]["low"] > 0.7
    assert len(best["dobras"]) == found["dobras"] == 5
    assert best["perda"] == pytest.approx(np.mean([each["rmse"] for each in best["dobras"]]))
    beside = {test["outro"]: test for test in found["testes"]}
    assert beside.keys() == {names[1], "ingenuo"}
    assert beside["ingenuo"]["realmente_melhor"]
    assert beside["ingenuo"]["diferencas"]["r2"]["low"] > 0
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_model_that_is_published_answers_explains_and_bounds(price: Resultado) -> None:
    ready = price.publishable(ModelName("casa", "precos/x"))
    assert ready.recipe.name == ModelName("casa", "precos/x")
    stored, model, table = ready.fields["data"], served_of(ready), dados().table
    assert (stored["tarefa"], stored["alvo"], stored["unidade"]) == ("regressao", "preco", "BRL")
    assert stored["explicacao"] == {"ms": stored["explicacao"]["ms"], "sempre": True}
    answers = model.predict(table)
    assert np.median(np.abs(answers / table["preco"] - 1)) < 0.15
    low, high = bounds(stored["intervalo"], answers)
    assert ((low < answers) & (answers < high)).all()
    assert 0.8 < np.mean((low <= table["preco"]) & (table["preco"] <= high)) < 1
    (explained,) = model.score_and_explain({name: v[:1] for name, v in table.items()})
    total = explained.base_value + sum(explained.contributions.values())
    assert explained.score == answers[0] == pytest.approx(total, rel=1e-9)
    assert "area × quartos" in explained.contributions
    assert "codigo" not in explained.contributions


def test_figures_are_plain_json_by_name(price: Resultado) -> None:
    names = {"comparacao", "aprendizado", "cobertura", "importancia", "previsto_observado"}
    assert names | {"residuos", "dependencia_1"} <= price.figuras.keys()
    for figure in price.figuras.values():
        assert figure.keys() == {"data", "layout"}
        assert len(json.dumps(figure, allow_nan=False)) < 60_000


def test_nothing_that_judges_is_trained_or_calibrated_on(price: Resultado) -> None:
    rows = price.relatorio["linhas"]
    assert (sum(rows.values()), rows["linhas_calibracao"]) == (400, 0)
    intervals = price.relatorio["escolhido"]["intervalo"]
    assert intervals["metodo"] == "conforme_cruzado"
    assert intervals["linhas_calibracao"] == rows["linhas_treino"]
    assert intervals["medida"]["low"] < intervals["nominal"] < intervals["medida"]["high"] + 0.1
    same = run(algoritmos=[TREE])
    assert same.pronto.fields["split"]["linhas_validacao"] == rows["linhas_validacao"]
    np.testing.assert_array_equal(same.pronto.judged.y, price.pronto.judged.y)


def test_where_rows_are_many_some_calibrate_and_teach_nothing() -> None:
    found = run(data=dados(800), algoritmos=[RIDGE]).relatorio
    intervals = found["escolhido"]["intervalo"]
    assert intervals["metodo"] == "conforme_dividido"
    assert intervals["linhas_calibracao"] == found["linhas"]["linhas_calibracao"] >= 30
    assert sum(found["linhas"].values()) == 800


def test_a_few_dozen_rows_are_learned_from() -> None:
    found = run(data=dados(90), algoritmos=[RIDGE, TREE]).relatorio
    assert found["escolhido"]["intervalo"]["metodo"] == "conforme_cruzado"
    assert found["escolhido"]["metricas"]["rows"] >= 6


@pytest.mark.parametrize(("alvo", "classes"), [("faixa", 3), ("caro", 2)])
def test_classes_are_foretold_with_all_their_probabilities(alvo: str, classes: int) -> None:
    found = run(alvo, algoritmos=[{"nome": "regressao_lasso"}, {**BOOSTING, "calibrar": True}])
    model = served_of(found.pronto)
    chances = model.probabilities(dados().table)
    assert chances.shape == (400, classes)
    assert chances.sum(axis=1) == pytest.approx(1)
    names = found.pronto.fields["data"]["classes"]
    assert list(model.classes or ()) == names == sorted(names)
    explained = model.score_and_explain({name: v[:8] for name, v in dados().table.items()})
    for each, row in zip(explained, chances, strict=False):
        assert each.answer == row.argmax()
        assert each.score == pytest.approx(row.max(), rel=1e-9)
        assert each.base_value + sum(each.contributions.values()) == pytest.approx(each.score)
    assert {"confusao", "roc", "calibracao"} <= found.figuras.keys()
    metrics = found.relatorio["escolhido"]["metricas"]
    assert metrics["roc_auc"]["low"] > 0.8
    assert metrics.keys() >= {"f1_macro", "log_loss", "acuracia"}
    assert found.relatorio["escolhido"]["intervalo"] is None


def test_a_search_finds_what_was_hidden_and_shows_what_it_tried() -> None:
    busca = {
        "tipo": "grade",
        "espaco": {"max_depth": {"valores": [1, 6]}, "min_samples_leaf": {"valores": [3, 200]}},
    }
    found = run(algoritmos=[{**TREE, "busca": busca}])
    assert found.relatorio["escolhido"]["hiperparametros"] == {
        "max_depth": 6,
        "min_samples_leaf": 3,
    }
    assert len(found.relatorio["escolhido"]["tentativas"]) == 4
    for fold in found.relatorio["algoritmos"][0]["dobras"]:
        assert fold["hiperparametros"]["max_depth"] == 6
    assert "busca" in found.figuras


def test_rows_of_a_group_are_never_parted() -> None:
    tipo = {"tipo": "k_fold_grupos", "coluna_grupo": "dono", "dobras": 4}
    found = run(algoritmos=[TREE], validacao=tipo)
    split = found.pronto.fields["split"]
    assert (split["tipo"], split["coluna"]) == ("grupos", "dono")
    judged = set(found.pronto.judged.table["dono"])
    table = dados().table
    assert len(found.pronto.judged.y) == sum(owner in judged for owner in table["dono"])
    assert "dono" not in found.relatorio["colunas"]


def test_later_rows_judge_what_earlier_ones_teach() -> None:
    tipo = {"tipo": "k_fold_tempo", "coluna_tempo": "vendido_em", "dobras": 3}
    found = run(algoritmos=[TREE], validacao=tipo)
    split, judged = found.pronto.fields["split"], found.pronto.judged
    assert judged.instants.min() > np.datetime64(split["treino_ate"])
    assert 60 < len(judged.y) < 100
    unseen = found.pronto.recipe.unseen(judged, split)
    assert unseen.all()
    assert not found.pronto.recipe.unseen(judged, {**split, "alvo": "outro"}).any()


def test_a_run_stops_between_two_fits_and_tells_how_long_it_may_take() -> None:
    heard = Heard(stop_after=3)
    with pytest.raises(InterruptedError):
        run_experiment(experiment(algoritmos=[RIDGE, TREE]), dados(), heard, 1)
    assert len(heard.steps) == 3
    shares = [share for share, _ in heard.steps]
    assert shares == sorted(shares)
    assert shares[-1] < 0.5
    assert "dobra 1 de 5; faltam cerca de" in heard.steps[0][1]


def test_fits_in_other_processes_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.prices.training import fitting

    asked = experiment(algoritmos=[RIDGE, TREE])
    alone = run_experiment(asked, dados(), Heard(), 1).relatorio
    monkeypatch.setattr(fitting, "ROWS_WORTH_PROCESSES", 0)
    together = run_experiment(asked, dados(), Heard(), 2).relatorio
    losses = [[each["perda"] for each in r["algoritmos"]] for r in (alone, together)]
    assert losses[0] == losses[1]


def test_too_few_rows_are_refused_with_numbers() -> None:
    with pytest.raises(ValidationFailed):
        run(data=dados(50))
    data = dados(70)
    data.table["preco"][:30] = np.nan
    with pytest.raises(TooLittleToLearn, match="40 rows"):
        run(data=data)


def test_rows_without_target_are_left_out_and_counted() -> None:
    data = dados(200)
    data.table["preco"][:17] = np.nan
    found = run(data=data, algoritmos=[TREE])
    assert found.relatorio["avisos"] == ["17 linhas sem valor do alvo ficaram fora"]
    assert sum(found.relatorio["linhas"].values()) == 183


def test_many_rows_are_drawn_for_what_grows_with_their_square() -> None:
    few = {"nome": "vetores_suporte", "hiperparametros": {"max_linhas": 100}}
    found = run(algoritmos=[few])
    (asked,) = [e for e in found.relatorio["algoritmos"] if e["nome"] == "vetores_suporte"]
    assert asked["avisos"][0].startswith("aprendeu com 100 linhas sorteadas entre ")


def test_what_learned_nothing_may_not_answer_by_itself(price: Resultado) -> None:
    assert price.pronto.unfit is None
    noise = dados(200)
    noise.table["preco"][:] = np.random.default_rng(3).normal(100, 5, 200)
    unfit = run(data=noise, algoritmos=[RIDGE], colunas=["quartos", "garagem"]).pronto.unfit
    assert unfit is not None
    assert "regra ingênua" in unfit


def test_what_is_worse_than_the_naive_rule_where_it_is_judged_may_not_answer_either() -> None:
    rows = dados(200)
    asked: dict[str, Any] = {"algoritmos": [TREE], "validacao": {"coluna_grupo": "codigo"}}
    held_out = run(data=rows, **asked).pronto.judged.table["codigo"]
    judged = np.isin(rows.table["codigo"], held_out)
    rows.table["preco"][judged] = rows.table["preco"].max() * 2 - rows.table["preco"][judged]
    found = run(data=rows, **asked)
    assert found.relatorio["escolhido"]["algoritmo"] == "arvore_decisao"
    assert found.pronto.unfit is not None


def test_a_reason_costs_what_it_works_not_what_else_the_machine_does() -> None:
    class Sleeper:
        class encoder:  # noqa: N801
            columns = ()
            interactions = ()

        def score_and_explain(self, _table: Any) -> None:
            time.sleep(0.02)

    assert explanation_ms(cast(ServedModel, Sleeper()), {}) < EXPLANATION_BUDGET_MS


@pytest.mark.parametrize(
    ("rows", "leaf", "share"),
    [(30, 5, 0.5), (91, 9, 0.5), (200, 20, 0.5), (10_000, 20, 0.5), (50_000, 20, 1.0)],
)
def test_a_histogram_boosting_follows_its_rows_where_nothing_is_said(
    rows: int, leaf: int, share: float
) -> None:
    def made(tarefa: Tarefa, **asked: Any) -> tuple[int, float]:
        given = parameters_of("histograma_gradiente", tarefa, asked).model_dump()
        found = unfitted("histograma_gradiente", tarefa, given, rows, 0)
        return found.min_samples_leaf, found.max_features

    for tarefa in Tarefa:
        assert made(tarefa) == (leaf, share)
        assert made(tarefa, min_samples_leaf=3, max_features=0.2) == (3, 0.2)


def test_linear_models_learn_logarithms_only_where_that_helps() -> None:
    rows, draw = dados(300), np.random.default_rng(5)
    sizes = draw.gamma(1.0, 40, 300) + 20
    rows.table["area"][:] = sizes
    asked: dict[str, Any] = {"algoritmos": [RIDGE], "colunas": ["area"]}
    rows.table["preco"][:] = 1000 * sizes + draw.normal(0, 500, 300)
    assert run(data=rows, **asked).relatorio["log_alvo"] is False
    assert run(data=rows, **asked, engenharia={"log_alvo": True}).relatorio["log_alvo"] is True
    rows.table["preco"][:] = 1000 * np.exp(sizes / 40 + draw.normal(0, 0.1, 300))
    assert run(data=rows, **asked).relatorio["log_alvo"] is True


def test_one_negative_target_among_the_judges_leaves_targets_as_they_are() -> None:
    rows = dados(200)
    rows.table["preco"][:] = np.random.default_rng(5).gamma(1.0, 1000, 200)
    asked: dict[str, Any] = {"algoritmos": [TREE], "validacao": {"coluna_grupo": "codigo"}}
    found = run(data=rows, **asked)
    held_out = found.pronto.judged.table["codigo"]
    rows.table["preco"][rows.table["codigo"] == held_out[0]] = -1.0
    assert run(data=rows, **asked).relatorio["log_alvo"] is False
