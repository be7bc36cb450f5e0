"""Two versions on the same rows, none of which either of them was trained on (law 7)."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from chalicelib.core.errors import Unprocessable
from chalicelib.core.runs import JobRun
from chalicelib.gym.models import CHURN, churn_model
from chalicelib.gym.schemas_models import CompareMessage
from chalicelib.gym.training_card import SEED
from chalicelib.gym.training_data import LABEL, labelled_instants, read_snapshots
from chalicelib.ml.registry import ModelVersion, version_of
from chalicelib.ml.training.bootstrap import Metric
from chalicelib.ml.training.evaluate import (
    Estimate,
    classification_metrics,
    may_replace,
    paired_difference,
)
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.versions import UNLOADABLE

log = logging.getLogger("previsto.training")


class NoCommonHoldOut(Unprocessable):
    """There are no labelled rows of both outcomes after both training windows yet."""


class ModelUnloadable(Unprocessable):
    """The stored model of one of the versions is missing or is not the one registered."""


class ComparisonReport(BaseModel):
    """Two versions on the same rows; differences are a minus b, positive where a is better."""

    a: int
    b: int
    desde: str = Field(description="First snapshot judged, after both training windows.")
    ate: str = Field(description="Last snapshot judged.")
    linhas: int
    alunos: int
    positivos: int
    metricas_a: dict[str, Any]
    metricas_b: dict[str, Any]
    diferencas: dict[str, Any] = Field(
        description="Paired differences with their 95% intervals, by metric."
    )


@dataclass(frozen=True)
class Judged:
    """Labelled rows: (n,) class, member and instant."""

    y: NDArray[np.int_]
    who: NDArray[np.int64]
    as_of: NDArray[np.datetime64]


@dataclass(frozen=True)
class Verdict:
    """Whether a new version is promoted, and why, for the trail."""

    promoted: bool
    why: str


def window_end(split: dict[str, Any]) -> np.datetime64:
    """When the last label that a version was trained on was known, from its `split`."""
    return np.datetime64(split["treino_ate"], "us") + np.timedelta64(LABEL)


def compare(run: JobRun, message: CompareMessage) -> ComparisonReport:
    """Judge two versions on every snapshot after both their training windows.

    Raises:
        NoCommonHoldOut: There is none yet, or everybody in it stayed, or left.
        ModelUnloadable: One of them cannot be loaded.
        ModelVersionNotFound: There is no such version.
    """
    run.progress(0, 3, "lendo as linhas comuns")
    with run.reading() as session:
        rows = [version_of(session, CHURN, number) for number in (message.a, message.b)]
    since = max(window_end(row.split) for row in rows)
    instants = [i for i in labelled_instants(run) if np.datetime64(i.replace(tzinfo=None)) >= since]
    data = read_snapshots(run, instants)
    if data is None:
        raise NoCommonHoldOut
    run.progress(1, 3, "perguntando às duas versões")
    with run.reading() as session:
        p_a, p_b = (_predict(session, number, data.table) for number in (message.a, message.b))
    run.progress(2, 3, "comparando")
    try:
        return _report(message, Judged(data.y, data.aluno_id, data.as_of), p_a, p_b)
    except TooLittleData as error:
        raise NoCommonHoldOut from error


def _predict(session: Session, version: int, table: dict[str, Any]) -> NDArray[np.float64]:
    try:
        return churn_model(session, version).predict(table)
    except UNLOADABLE as error:
        log.exception("version cannot be loaded", extra={"version": version})
        raise ModelUnloadable from error


def _report(
    message: CompareMessage, rows: Judged, p_a: NDArray[np.float64], p_b: NDArray[np.float64]
) -> ComparisonReport:
    y, who = rows.y, rows.who
    return ComparisonReport(
        a=message.a,
        b=message.b,
        desde=str(rows.as_of.min()),
        ate=str(rows.as_of.max()),
        linhas=len(y),
        alunos=len(np.unique(who)),
        positivos=int(y.sum()),
        metricas_a=classification_metrics(y, p_a, who, SEED).to_json(),
        metricas_b=classification_metrics(y, p_b, who, SEED).to_json(),
        diferencas={
            metric.value: paired_difference(y, p_a, p_b, who, metric, SEED).to_json()
            for metric in Metric
        },
    )


def verdict_beside(
    run: JobRun,
    champion: ModelVersion | None,
    rows: Judged,
    table: dict[str, Any],
    challenger: NDArray[np.float64],
) -> Verdict:
    """Whether a challenger may take the champion's place.

    Args:
        run: The training.
        champion: Who answers now; None where nobody does.
        rows: The rows that judge the challenger, after its own training window.
        table: Their raw columns.
        challenger: (n,) its answers for them.
    """
    if champion is None:
        return Verdict(True, "Primeira versão do modelo.")
    common = rows.as_of >= window_end(champion.split)
    try:
        with run.reading() as session:
            model = churn_model(session, champion.version)
        theirs = model.predict({name: values[common] for name, values in table.items()})
        difference = paired_difference(
            rows.y[common], challenger[common], theirs, rows.who[common], Metric.ROC_AUC, SEED
        )
    except UNLOADABLE:
        log.exception("champion cannot be loaded", extra={"version": champion.version})
        return Verdict(True, f"A versão {champion.version} não pode mais ser carregada.")
    except TooLittleData:
        return Verdict(
            False,
            f"Não há linhas com os dois desfechos depois dos treinos desta versão e da "
            f"{champion.version}: sem comparação honesta, quem responde continua.",
        )
    return _verdict(champion.version, difference)


def _verdict(champion: int, difference: Estimate) -> Verdict:
    interval = f"{difference.value:+.4f} [{difference.low:+.4f}; {difference.high:+.4f}]"
    if may_replace(difference):
        return Verdict(True, f"ROC AUC não inferior à versão {champion}: {interval}.")
    return Verdict(False, f"ROC AUC pode ser pior que a da versão {champion}: {interval}.")
