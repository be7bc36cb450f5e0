"""Build, judge and publish the churn model."""

from chalicelib.core.errors import Unprocessable
from chalicelib.core.runs import JobRun
from chalicelib.gym.service_models import follow_promotion
from chalicelib.gym.training_data import LABEL, read_training_set
from chalicelib.gym.training_recipe import CHURN_RECIPE, beside
from chalicelib.ml.training.choice import train, try_algorithms
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.hold_outs import describe_in_time, folds_in_time, split_in_time
from chalicelib.ml.training.publication import TrainingReport, earlier_report, prepare, publish
from chalicelib.ml.training.recipe import Candidate
from chalicelib.ml.training.rows import LabelledRows
from chalicelib.ml.training.selection import choose
from chalicelib.ml.training.splits import TemporalSplit

VALIDATION_SHARE = 0.2
FOLDS = 3
FOLD_SHARE = 0.2


class TooLittleHistory(Unprocessable):
    """There are too few visits to learn from: several months of them are needed."""

    motivo = "Ainda não há histórico bastante para treinar: são precisos vários meses de visitas."


def update_model(run: JobRun) -> TrainingReport:
    """Train on the visits there are, judge on the latest of them, publish, and promote.

    Raises:
        TooLittleHistory: There is not enough to learn from.
    """
    published = earlier_report(run)
    if published is not None:
        return published
    run.progress(0, 6, "lendo o histórico")
    rows = read_training_set(run)
    if rows is None:
        raise TooLittleHistory
    try:
        return _train(run, rows)
    except TooLittleData as error:
        raise TooLittleHistory from error


def _train(run: JobRun, rows: LabelledRows) -> TrainingReport:
    split = split_snapshots(rows)
    run.progress(1, 6, "escolhendo o algoritmo")
    chosen = _best(run, rows, split)
    run.progress(4, 6, "conferindo o modelo exportado")
    described = describe_in_time(rows, split, LABEL)
    ready = prepare(CHURN_RECIPE, rows, split, chosen, beside(rows, split), described)
    run.progress(5, 6, "publicando")
    return publish(run, ready, then=follow_promotion)


def split_snapshots(rows: LabelledRows) -> TemporalSplit:
    """The latest fifth of the snapshots judges; those whose labels were known by then train.

    Raises:
        TooLittleData: No snapshot is left to train on.
    """
    return split_in_time(rows, LABEL, VALIDATION_SHARE)


def _best(run: JobRun, rows: LabelledRows, split: TemporalSplit) -> Candidate:
    """The best of the algorithms, by folds within the period that is trained on."""
    folds = folds_in_time(rows, split.training, LABEL, FOLDS, FOLD_SHARE)
    share = 2 / len(CHURN_RECIPE.algorithms)
    contenders = try_algorithms(
        CHURN_RECIPE,
        rows,
        folds,
        lambda place, name: run.progress(1 + share * place, 6, f"avaliando {name}"),
    )
    algorithm = choose(contenders)
    run.progress(3, 6, f"treinando {algorithm}")
    return train(CHURN_RECIPE, algorithm, rows, split, contenders)
