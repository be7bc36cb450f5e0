"""Build and judge the churn model; `training_publication.py` publishes it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.core.errors import Unprocessable
from chalicelib.core.runs import JobRun
from chalicelib.gym.features import COLUMNS
from chalicelib.gym.training_card import SEED, Candidate
from chalicelib.gym.training_data import LABEL, TrainingSet, read_training_set
from chalicelib.gym.training_publication import TrainingReport, publish
from chalicelib.ml.encoding import Encoder
from chalicelib.ml.training.estimators import ALGORITHMS, fit_classifier
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.selection import Contender, choose, explanation_cost, log_loss
from chalicelib.ml.training.splits import (
    TemporalSplit,
    temporal_split,
    time_ordered_folds,
    within,
)

VALIDATION_SHARE = 0.2
FOLDS = 3
FOLD_SHARE = 0.2
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
        split = split_in_time(data)
        run.progress(1, 6, "escolhendo o algoritmo")
        chosen = _train(run, data, split)
        run.progress(4, 6, "conferindo o modelo exportado")
        return publish(run, data, split, chosen)
    except TooLittleData as error:
        raise TooLittleHistory from error


def split_in_time(data: TrainingSet) -> TemporalSplit:
    """The latest fifth of the snapshots judges; those whose labels were known by then train.

    Raises:
        TooLittleData: No snapshot is left to train on.
    """
    judging = max(1, round(len(np.unique(data.as_of)) * VALIDATION_SHARE))
    return temporal_split(data.as_of, LABEL, judging)


def _train(run: JobRun, data: TrainingSet, split: TemporalSplit) -> Candidate:
    contenders = _contenders(run, data, split.training)
    algorithm = choose(contenders)
    run.progress(3, 6, f"treinando {algorithm}")
    encoder, estimator = _fit(algorithm, data, split.training)
    rows = encoder.encode(data.take(split.validation))
    probabilities = estimator.predict_proba(rows)[:, 1]
    return Candidate(algorithm, estimator, encoder, probabilities, contenders)


def _contenders(run: JobRun, data: TrainingSet, training: Mask) -> dict[str, Contender]:
    """Every algorithm's loss by time-ordered cross-validation, and what its reasons cost.

    The period that judges the chosen one is not looked at here.
    """
    folds = time_ordered_folds(
        data.as_of[training],
        LABEL,
        FOLDS,
        max(1, round(len(np.unique(data.as_of[training])) * FOLD_SHARE)),
    )
    found: dict[str, Contender] = {}
    for place, name in enumerate(ALGORITHMS):
        run.progress(1 + 2 * place / len(ALGORITHMS), 6, f"avaliando {name}")
        losses: list[float] = []
        for fold in folds:
            early, late = within(training, fold.training), within(training, fold.validation)
            try:
                encoder, estimator = _fit(name, data, early)
            except TooLittleData:
                continue  # Nobody had left yet in the first snapshots; later folds know more.
            rows = encoder.encode(data.take(late))
            losses.append(log_loss(data.y[late], estimator.predict_proba(rows)[:, 1]))
        if not losses:
            raise TooLittleData("every fold has one class only")
        found[name] = Contender(tuple(losses), explanation_cost(estimator, encoder, rows))
    return found


def _fit(algorithm: str, data: TrainingSet, rows: Mask) -> tuple[Encoder, Any]:
    encoder = Encoder.fit(COLUMNS, data.take(rows))
    matrix = encoder.encode(data.take(rows))
    return encoder, fit_classifier(algorithm, matrix, data.y[rows], data.aluno_id[rows], SEED)
