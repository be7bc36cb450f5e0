"""The price lab: what training costs beside bare scikit-learn, and what an explained answer takes.

Both halves are ratios, or single rows, of made-up tables; no database and no server.

Bare means: scikit-learn's own estimators with the same hyperparameters on the same folds, scored
once per fold, over a matrix that is encoded once for all folds. That spares it work which the lab
must do, as what a fold judges may not teach the encoder of that fold.
"""

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.model_selection import cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from chalicelib.ml.artefacts import sha256_of
from chalicelib.ml.encoding import Encoder, TargetScaling
from chalicelib.ml.explain import Explainer
from chalicelib.ml.intervals import bounds
from chalicelib.ml.serving import ServedModel, load_served_model
from chalicelib.ml.training.onnx_double import EXACT
from chalicelib.ml.training.threads import threads_for
from chalicelib.prices.algorithms import ALGORITMOS, BASELINE, Tarefa, parameters_of
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
# What would take minutes is made smaller on both sides; what the lab adds weighs more then.
SMALLER: Mapping[str, Mapping[str, int]] = {
    "floresta_aleatoria": {"n_estimators": 50},
    "arvores_extras": {"n_estimators": 50},
    "gradiente": {"n_estimators": 100},
    "histograma_gradiente": {"max_iter": 75},
    "rede_neural": {"max_iter": 10},
}
FEWEST_PAIRS, MOST_PAIRS, SECONDS_OF_PAIRS = 3, 15, 4.0
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
    print(f"training, {ROWS:,} rows of 10 numbers and 4 categories, 5 folds, one job; CPU")
    head = ["", "bare s", "lab s", "ratio", "budget", "", "pairs"]
    print_table(head, list(_trained()))


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


def _trained() -> Iterator[list[str]]:
    dados, totals = made_up(ROWS, 10, 4), np.zeros(2)
    for algorithm in [name for name in ALGORITMOS if name != BASELINE]:
        bare, ours = _pairs(algorithm, dados)
        totals += np.median(bare), np.median(ours)
        yield _row(algorithm, bare, ours)
    yield _row("all", totals[:1], totals[1:])


def _pairs(algorithm: str, dados: Dados) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(pairs,) seconds of the bare fits, and of the lab's right after each."""
    given = {"nome": algorithm, "hiperparametros": SMALLER.get(algorithm, {})}
    asked = Experimento.model_validate(
        {"alvo": "preco", "algoritmos": [given], "engenharia": {"log_alvo": True}}
    )
    trials = _trials(asked, dados)
    (candidate,) = [c for c in trials.candidates() if c.spec.algorithm == algorithm]
    works: tuple[Callable[[], object], ...] = (
        partial(_bare, trials, algorithm),
        partial(trials.compare, [candidate], Progress(Heard(), 1.0)),
    )
    for work in works:
        _seconds(work)  # What is loaded once is no part of either.
    found: list[list[float]] = []
    while len(found) < FEWEST_PAIRS or (
        np.sum(found) < SECONDS_OF_PAIRS and len(found) < MOST_PAIRS
    ):
        found.append([_seconds(work) for work in works])
    bare, ours = np.array(found).T
    return bare, ours


def _row(name: str, bare: NDArray[np.float64], ours: NDArray[np.float64]) -> list[str]:
    ratio = float(np.median(ours) / np.median(bare))
    met = "met" if ratio <= MOST_RATIO else "MISSED"
    each = ours / bare
    figures = [f"{np.median(bare):.3f}", f"{np.median(ours):.3f}", f"{ratio:.2f}"]
    spread = f"{each.min():.2f} to {each.max():.2f} in {len(each)}"
    return [name, *figures, f"<= {MOST_RATIO}", met, spread]


def _trials(asked: Experimento, dados: Dados) -> Trials:
    data = labelled(asked, dados, Tarefa.REGRESSAO)
    parts = part(data.rows, asked.validacao, Tarefa.REGRESSAO)
    return Trials(asked, Tarefa.REGRESSAO, inputs_of(asked, dados.colunas), data, parts, 1)


def _bare(trials: Trials, algorithm: str) -> None:
    """The same fits, on a matrix that is encoded once."""
    matrix = _encoded_once(trials, algorithm)
    scored = TransformedTargetRegressor(
        _estimator(trials, algorithm), func=np.log1p, inverse_func=np.expm1
    )
    # As the lab does: threads that wait for each other would cost the bare fits tenfold here.
    with threads_for(ROWS):
        cross_validate(scored, matrix, trials.rows.y, cv=trials.folds, scoring="r2")


def _encoded_once(trials: Trials, algorithm: str) -> NDArray[np.float32]:
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
    matrix: NDArray[np.float32] = encode.fit_transform(frame).astype(np.float32)
    return matrix


def _estimator(trials: Trials, algorithm: str) -> Any:
    """scikit-learn's own."""
    asked = SMALLER.get(algorithm, {})
    given = parameters_of(algorithm, Tarefa.REGRESSAO, asked).model_dump()
    given.pop("max_linhas", None)
    if algorithm == "vizinhos":
        return KNeighborsRegressor(**given)
    return estimators.unfitted(algorithm, Tarefa.REGRESSAO, given, ROWS, trials.seed)


def _columns(trials: Trials, algorithm: str) -> tuple[Any, ...]:
    return trials.inputs_for(algorithm).columns


def _seconds(work: Callable[[], object]) -> float:
    """Processor time, all threads: whatever else runs on the machine does not add to it."""
    begun = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
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
