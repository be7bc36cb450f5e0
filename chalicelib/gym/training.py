"""Build and judge the churn model; `training_publication.py` publishes it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.core.errors import Unprocessable
from chalicelib.core.runs import JobRun
from chalicelib.gym.features import COLUMNS
from chalicelib.gym.training_data import LABEL, TrainingSet, read_training_set
from chalicelib.gym.training_publication import SEED, Candidate, TrainingReport, publish
from chalicelib.ml.encoding import Encoder
from chalicelib.ml.training.estimators import ALGORITHMS, fit_classifier
from chalicelib.ml.training.evaluate import (
    classification_metrics,
)
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.splits import TemporalSplit, temporal_split

VALIDATION_SHARE = 0.2
Mask = NDArray[np.bool_]


class TooLittleHistory(Unprocessable):
    """There are too few visits to learn from: several months of them are needed."""


def update_model(run: JobRun) -> TrainingReport:
    """Train on the visits there are, judge on the latest of them, publish, and promote.

    Raises:
        TooLittleHistory: There is not enough to learn from.
    """
    if run.checkpoint is not None:
        # An earlier attempt registered its version and died before it could say so.
        return TrainingReport(**run.checkpoint["relatorio"])
    run.progress(0, 6, "lendo o histórico")
    data = read_training_set(run)
    if data is None:
        raise TooLittleHistory
    try:
        split = temporal_split(data.as_of, LABEL, _validation_snapshots(data))
        run.progress(1, 6, "escolhendo o algoritmo")
        chosen = _train(run, data, split)
    except TooLittleData as error:
        raise TooLittleHistory from error
    run.progress(4, 6, "conferindo o modelo exportado")
    return publish(run, data, split, chosen)


def _validation_snapshots(data: TrainingSet) -> int:
    return max(1, round(len(np.unique(data.as_of)) * VALIDATION_SHARE))


def _train(run: JobRun, data: TrainingSet, split: TemporalSplit) -> Candidate:
    selection = _select(run, data, split.training)
    algorithm = min(selection, key=lambda name: selection[name])
    run.progress(3, 6, f"treinando {algorithm}")
    encoder, estimator = _fit(algorithm, data, split.training)
    rows = encoder.encode(data.take(split.validation))
    probabilities = estimator.predict_proba(rows)[:, 1]
    metrics = classification_metrics(
        data.y[split.validation], probabilities, data.aluno_id[split.validation], SEED
    )
    return Candidate(algorithm, estimator, encoder, probabilities, metrics, selection)


def _select(run: JobRun, data: TrainingSet, training: Mask) -> dict[str, float]:
    """Log loss of each algorithm on the latest part of the training period.

    The period that judges the chosen one is not looked at here.
    """
    inner = temporal_split(
        data.as_of[training],
        LABEL,
        max(1, round(len(np.unique(data.as_of[training])) * VALIDATION_SHARE)),
    )
    early, late = _within(training, inner.training), _within(training, inner.validation)
    losses: dict[str, float] = {}
    for place, name in enumerate(ALGORITHMS):
        run.progress(1 + 2 * place / len(ALGORITHMS), 6, f"avaliando {name}")
        encoder, estimator = _fit(name, data, early)
        p = estimator.predict_proba(encoder.encode(data.take(late)))[:, 1]
        p = np.clip(p, 1e-7, 1 - 1e-7)
        y = data.y[late]
        losses[name] = float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
    return losses


def _within(outer: Mask, inner: Mask) -> Mask:
    found = np.zeros_like(outer)
    found[np.flatnonzero(outer)[inner]] = True
    return found


def _fit(algorithm: str, data: TrainingSet, rows: Mask) -> tuple[Encoder, Any]:
    encoder = Encoder.fit(COLUMNS, data.take(rows))
    matrix = encoder.encode(data.take(rows))
    return encoder, fit_classifier(algorithm, matrix, data.y[rows], data.aluno_id[rows], SEED)
