"""The price lab: what training costs beside bare scikit-learn, and what an explained answer takes.

Both halves are ratios, or single rows, of made-up tables; no database and no server.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from chalicelib.ml.artefacts import sha256_of
from chalicelib.ml.encoding import Encoder, TargetScaling
from chalicelib.ml.explain import Explainer
from chalicelib.ml.intervals import bounds
from chalicelib.ml.serving import ServedModel, load_served_model
from chalicelib.ml.training.onnx_double import EXACT
from chalicelib.ml.training.threads import threads_for
from chalicelib.prices.algorithms import ALGORITMOS, Tarefa, parameters_of
from chalicelib.prices.experiment import Experimento, inputs_of
from chalicelib.prices.training import estimators
from chalicelib.prices.training.columns import inputs_for
from chalicelib.prices.training.data import Dados
from chalicelib.prices.training.fitting import Progress
from chalicelib.prices.training.folds import part
from chalicelib.prices.training.rows import labelled
from chalicelib.prices.training.trial import Trials
from tests.bench.table import print_table
from tests.prices.training.sample import Col, Heard

ROWS, WIDE_ROWS, NUMBERS, CATEGORIES = 4_000, 2_000, 50, 30
TRAINED = (
    "regressao_ridge",
    "regressao_lasso",
    "vizinhos",
    "arvore_decisao",
    "floresta_aleatoria",
    "arvores_extras",
    "gradiente",
    "histograma_gradiente",
)
EXPLAINED = ("regressao_ridge", "regressao_lasso")
BOOSTED = ("gradiente", "histograma_gradiente")
ASKED = 300
MOST_P99_MS = 15.0
MOST_RATIO = 1.3


def run(_folder: Path) -> None:
    """Measure and print."""
    print(f"answer + interval + contributions, {NUMBERS + CATEGORIES} mixed columns, one row")
    head = ["", "target", "p50 ms", "p99 ms", "CPU p50", "CPU p99", "budget", ""]
    print_table(head, _explained())
    sys.stdout.flush()
    print(f"training, {ROWS:,} rows of 10 numbers and 4 categories, 5 folds, one job")
    print_table(["", "bare s", "lab s", "ratio", "budget", ""], _trained())


def made_up(rows: int, numbers: int, categories: int, seed: int = 1) -> Dados:
    """A mixed table whose price depends on all of its columns, some of them in pairs."""
    draw = np.random.default_rng(seed)
    table: dict[str, NDArray[Any]] = {}
    effect = np.zeros(rows)
    for i in range(numbers):
        values = np.round(draw.gamma(3, 10, rows), 2)
        effect += draw.normal(0, 0.01) * values + 0.02 * np.sin(values / (5 + i))
        values[draw.random(rows) < 0.03] = np.nan
        table[f"n{i}"] = values
    for i in range(categories):
        names = np.array([f"c{k}" for k in range(3 + i % 9)], dtype=object)
        codes = draw.integers(0, len(names), rows)
        effect += draw.normal(0, 0.1, len(names))[codes] * (1 + (codes == 1))
        table[f"k{i}"] = names[codes]
    table["preco"] = np.exp(10 + effect + draw.normal(0, 0.1, rows))
    inputs = [Col(f"n{i}") for i in range(numbers)]
    inputs += [Col(f"k{i}", "categoria", distintos=11) for i in range(categories)]
    return Dados((*inputs, Col("preco", papel="alvo")), table, "0" * 64)


def _trained() -> list[list[str]]:
    dados = made_up(ROWS, 10, 4)
    rows, totals = [], np.zeros(2)
    for algorithm in TRAINED:
        asked = Experimento.model_validate(
            {
                "alvo": "preco",
                "algoritmos": [{"nome": algorithm}],
                "engenharia": {"log_alvo": True},
            }
        )
        trials = _trials(asked, dados)
        (candidate,) = [c for c in trials.candidates() if c.spec.algorithm == algorithm]
        bare = _seconds(partial(_bare, trials, algorithm))
        ours = _seconds(partial(trials.compare, [candidate], Progress(Heard(), 1.0)))
        totals += bare, ours
        rows.append(_row(algorithm, bare, ours))
    return [*rows, _row("all", *totals)]


def _row(name: str, bare: float, ours: float) -> list[str]:
    met = "met" if ours <= MOST_RATIO * bare else "MISSED"
    return [name, f"{bare:.2f}", f"{ours:.2f}", f"{ours / bare:.2f}", f"<= {MOST_RATIO}", met]


def _trials(asked: Experimento, dados: Dados) -> Trials:
    data = labelled(asked, dados, Tarefa.REGRESSAO)
    parts = part(data.rows, asked.validacao, Tarefa.REGRESSAO)
    return Trials(asked, Tarefa.REGRESSAO, inputs_of(asked, dados.colunas), data, parts, 1)


def _bare(trials: Trials, algorithm: str) -> None:
    """The same estimators on the same folds of a matrix that is encoded once."""
    frame = pd.DataFrame({c.name: trials.rows.table[c.name] for c in _columns(trials, algorithm)})
    numbers = [name for name in frame if frame[name].dtype.kind == "f"]
    others = [name for name in frame if name not in numbers]
    scaled = [StandardScaler()] if ALGORITMOS[algorithm].escalar else []
    encode = ColumnTransformer(
        [
            ("n", make_pipeline(SimpleImputer(add_indicator=True), *scaled), numbers),
            ("k", OneHotEncoder(handle_unknown="ignore", sparse_output=False), others),
        ]
    )
    matrix = encode.fit_transform(frame).astype(np.float32)
    given = parameters_of(algorithm, Tarefa.REGRESSAO).model_dump()
    given.pop("max_linhas", None)
    estimator = estimators.unfitted(algorithm, Tarefa.REGRESSAO, given, ROWS, trials.seed)
    scored = TransformedTargetRegressor(estimator, func=np.log1p, inverse_func=np.expm1)
    # As the lab does: threads that wait for each other would cost the bare fits tenfold here.
    with threads_for(ROWS):
        cross_validate(scored, matrix, trials.rows.y, cv=trials.folds, scoring="r2")


def _columns(trials: Trials, algorithm: str) -> tuple[Any, ...]:
    return trials.inputs_for(algorithm).columns


def _seconds(work: Callable[[], object]) -> float:
    """Processor time, all threads: whatever else runs on the machine does not add to it."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _explained() -> list[list[str]]:
    dados = made_up(WIDE_ROWS, NUMBERS, CATEGORIES)
    rows = []
    for algorithm in (*EXPLAINED, *BOOSTED):
        for scale in ("none", "log"):
            model = _served(algorithm, TargetScaling(scale), dados)
            wall, cpu = _asked(model, {"escala": "alvo", "quantil": 1.0}, dados)
            p99 = float(np.quantile(wall, 0.99))
            figures = [np.median(wall), p99, np.median(cpu), np.quantile(cpu, 0.99)]
            met = "met" if p99 <= MOST_P99_MS else "MISSED"
            shown = [f"{each:.2f}" for each in figures]
            rows.append([algorithm, scale, *shown, f"<= {MOST_P99_MS:.0f}", met])
    return rows


def _served(algorithm: str, target: TargetScaling, dados: Dados) -> ServedModel:
    """A model as it is published, with the defaults of its algorithm."""
    asked = Experimento(alvo="preco")
    inputs = inputs_for(algorithm, inputs_of(asked, dados.colunas), asked.engenharia, WIDE_ROWS)
    encoder, y = Encoder.fit(inputs.columns, dados.table), dados.table["preco"]
    matrix, scaling = encoder.encode(dados.table), target.fit(y)
    spec, who = estimators.Spec(algorithm, Tarefa.REGRESSAO, {}), np.arange(len(y))
    fitted = estimators.fit(spec, matrix, scaling.forward(y), who, seed=7).estimator
    onnx, structure = EXACT.to_onnx(fitted, encoder.width), EXACT.structure(fitted)
    stored = onnx, sha256_of(onnx), encoder.to_json()
    bare = load_served_model(*stored)
    explainer = Explainer.of_sample(
        bare.score_rows, matrix, encoder.groups, seed=7, structure=structure
    )
    return load_served_model(*stored, explainer.to_json(), scaling.to_json())


def _asked(
    model: ServedModel, interval: dict[str, Any], dados: Dados
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wall and processor time of single answers with interval and contributions, in ms."""
    wall, cpu = np.empty(ASKED), np.empty(ASKED)
    for i in range(-20, ASKED):
        place = i % len(dados.table["preco"])
        row = {c.name: [dados.table[c.name][place]] for c in model.encoder.columns}
        begun, used = time.perf_counter(), time.thread_time()
        (explanation,) = model.score_and_explain(row)
        bounds(interval, np.array([explanation.score]))
        model.encoder.unseen(row)
        if i >= 0:
            wall[i], cpu[i] = time.perf_counter() - begun, time.thread_time() - used
    return wall * 1000, cpu * 1000
