"""What a run says of its algorithms: metrics by fold and pooled, who is best, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.paired import corrected_t_test
from chalicelib.prices.algorithms import ALGORITMOS, BASELINE
from chalicelib.prices.training.trial import Found, Trials

SURE = 0.05


def ranked(found: Sequence[Found]) -> list[Found]:
    """The least mean loss first; of equals the one that was asked for first."""
    return sorted(found, key=lambda one: one.loss)


def algorithms_table(trials: Trials, found: Sequence[Found]) -> list[dict[str, Any]]:
    """One entry per algorithm, the best first."""
    return [_entry(trials, one) for one in ranked(found)]


def _entry(trials: Trials, one: Found) -> dict[str, Any]:
    spec = one.candidate.spec
    return {
        "nome": spec.algorithm,
        "rotulo": ALGORITMOS[spec.algorithm].rotulo,
        "perda": one.loss,
        "perda_nome": trials.judge.loss_name,
        "hiperparametros": dict(spec.parameters),
        "calibrado": spec.calibrated,
        "dobras": [
            {"perda": loss, "segundos": seconds, "hiperparametros": parameters, **metrics}
            for loss, seconds, parameters, metrics in zip(
                one.losses, one.seconds, one.parameters, one.metrics, strict=True
            )
        ],
        "metricas": _pooled(trials, one),
        "segundos": float(sum(one.seconds)),
        "avisos": one.notes,
    }


def _pooled(trials: Trials, one: Found) -> dict[str, Any] | None:
    """The metrics of all out-of-fold answers together, with intervals; None where they cannot
    say.
    """
    asked = _answered(one)
    try:
        return trials.judge.metrics(
            trials.rows.y[asked], one.answers[asked], trials.rows.who[asked]
        )
    except TooLittleData:
        return None


def _answered(one: Found) -> np.ndarray[Any, np.dtype[np.bool_]]:
    answers = one.answers if one.answers.ndim == 1 else one.answers[:, 0]
    return ~np.isnan(answers)


def comparisons(trials: Trials, found: Sequence[Found]) -> list[dict[str, Any]]:
    """The best beside the second, and beside the baseline."""
    best, *others = ranked(found)
    rivals = others[:1] + [one for one in others[1:] if one.candidate.spec.algorithm == BASELINE]
    return [_compared(trials, best, rival) for rival in rivals]


def _compared(trials: Trials, best: Found, rival: Found) -> dict[str, Any]:
    sizes = [(len(fit), len(judged)) for fit, judged in trials.folds]
    trained, judged = (int(np.mean(each)) for each in zip(*sizes, strict=True))
    test = corrected_t_test(best.losses, rival.losses, trained, judged)
    asked = _answered(best)
    y, who = trials.rows.y[asked], trials.rows.who[asked]
    try:
        differences = trials.judge.differences(y, best.answers[asked], rival.answers[asked], who)
    except TooLittleData:
        differences = None
    return {
        "melhor": best.candidate.spec.algorithm,
        "outro": rival.candidate.spec.algorithm,
        "teste_t_corrigido": None if test is None else test.to_json(),
        "diferencas": differences,
        "realmente_melhor": test is not None and test.p < SURE and test.difference > 0,
    }
