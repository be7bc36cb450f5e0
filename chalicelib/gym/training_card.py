"""What a trained churn model's card says of it: how good, how sure, for whom, and why."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.gym.features import COLUMNS
from chalicelib.gym.training_data import LABEL, TrainingSet
from chalicelib.ml.encoding import Encoder
from chalicelib.ml.monitoring import profile
from chalicelib.ml.training.bootstrap import Metric
from chalicelib.ml.training.estimators import fit_classifier
from chalicelib.ml.training.evaluate import (
    classification_metrics,
    paired_difference,
    reliability_table,
)
from chalicelib.ml.training.figures import (
    calibration_figure,
    importance_figure,
    pr_figure,
    roc_figure,
)
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.importance import Predict, importances
from chalicelib.ml.training.selection import Contender
from chalicelib.ml.training.splits import TemporalSplit

SEED = 7
NAIVE_COLUMN = "dias_desde_ultimo_checkin"
FEWEST_ALUNOS, FEWEST_OF_A_CLASS = 30, 5
TENURE_MONTHS = (3, 6, 12, 24)
LABELS = {column.name: column.label for column in COLUMNS}


@dataclass(frozen=True)
class Candidate:
    """A fitted model, what it answers for the later period, and whom it was chosen among."""

    algorithm: str
    estimator: Any
    encoder: Encoder
    probabilities: NDArray[np.float64]
    contenders: dict[str, Contender]


@dataclass(frozen=True)
class Card:
    """What is registered with a version beside the model itself."""

    metrics: dict[str, Any]
    figures: dict[str, Any]
    profile: list[dict[str, Any]]


def make_card(data: TrainingSet, split: TemporalSplit, chosen: Candidate, served: Predict) -> Card:
    """Judge a model on the rows after its training window, beside the rule to beat.

    Args:
        data: All rows.
        split: Which of them were trained on, and which judge.
        chosen: The model.
        served: The model as it is published, which is asked a hundred times over for importance:
            that takes it a second where the trained forest takes half a minute.

    Raises:
        TooLittleData: Those rows are of one class only.
    """
    judged, p = split.validation, chosen.probabilities
    y, who, table = data.y[judged], data.aluno_id[judged], data.take(judged)
    naive = _naive(data, split)
    gains = {
        metric.value: paired_difference(y, p, naive, who, metric, SEED).to_json()
        for metric in (Metric.ROC_AUC, Metric.PR_AUC)
    }
    reliability = reliability_table(y, p)
    needed = importances(served, table, y, SEED)
    metrics = {
        "validacao": classification_metrics(y, p, who, SEED).to_json(),
        "regra_ingenua": classification_metrics(y, naive, who, SEED).to_json(),
        "ganho_sobre_regra": gains,
        "confiabilidade": [each.to_json() for each in reliability],
        "importancia": [each.to_json() for each in needed],
        "por_plano": by_group(table["plano"].astype(str), y, p, who),
        "por_tempo_de_casa": by_group(tenure_groups(table["meses_de_casa"]), y, p, who),
        "selecao": {name: each.to_json() for name, each in chosen.contenders.items()},
    }
    scores = {"modelo": p, "só dias desde a última visita": naive}
    figures = {
        "roc": roc_figure(y, scores),
        "pr": pr_figure(y, scores),
        "calibracao": calibration_figure(reliability),
        "importancia": importance_figure(needed, LABELS),
    }
    return Card(metrics, figures, profile(COLUMNS, data.take(split.training), p))


def by_group(
    groups: NDArray[Any], y: NDArray[np.int_], p: NDArray[np.float64], who: NDArray[np.int64]
) -> list[dict[str, Any]]:
    """The metrics of each group of rows, by the group's name; of small ones only their size.

    Args:
        groups: (n,) name of each row's group.
        y: (n,) classes.
        p: (n,) probabilities.
        who: (n,) members; they are what is counted, as their rows are alike.
    """
    found = []
    for name in np.unique(groups).tolist():
        rows = groups == name
        positives, size = int(y[rows].sum()), int(rows.sum())
        alunos = len(np.unique(who[rows]))
        few = alunos < FEWEST_ALUNOS or min(positives, size - positives) < FEWEST_OF_A_CLASS
        metrics = None if few else _metrics_of(y[rows], p[rows], who[rows])
        found.append(
            {
                "grupo": name,
                "linhas": size,
                "alunos": alunos,
                "positivos": positives,
                "metricas": metrics,
                "aviso": "Poucos casos para um número confiável." if metrics is None else None,
            }
        )
    return found


def _metrics_of(
    y: NDArray[np.int_], p: NDArray[np.float64], who: NDArray[np.int64]
) -> dict[str, Any] | None:
    try:
        return classification_metrics(y, p, who, SEED).to_json()
    except TooLittleData:
        return None  # All the positives are one member's, and no resample has both classes.


def tenure_groups(months: NDArray[np.float64]) -> NDArray[Any]:
    """(n,) months since registration -> (n,) names of bands, which sort in their order."""
    bounds = (0, *TENURE_MONTHS)
    names = [
        f"{low:02d} a {high:02d} meses" for low, high in zip(bounds, TENURE_MONTHS, strict=False)
    ]
    names.append(f"{bounds[-1]} meses ou mais")
    return np.array(names)[np.searchsorted(TENURE_MONTHS, months, side="right")]


def describe_data(data: TrainingSet, split: TemporalSplit) -> dict[str, Any]:
    """Window, size and fingerprint of the data, and what is usual among the trained rows."""
    usual: dict[str, float | str | None] = {}
    for column in COLUMNS:
        values = data.table[column.name][split.training]
        if column.kind == "category":
            names, counts = np.unique(values.astype(str), return_counts=True)
            usual[column.name] = str(names[counts.argmax()])
        else:
            known = values[~np.isnan(values)]
            usual[column.name] = float(np.median(known)) if known.size else None
    return {
        "linhas": len(data.y),
        "alunos": len(np.unique(data.aluno_id)),
        "desde": str(data.as_of.min()),
        "ate": str(data.as_of.max()),
        "prevalencia": float(data.y.mean()),
        "impressao_digital": data.fingerprint,
        "usual": usual,
    }


def describe_split(data: TrainingSet, split: TemporalSplit) -> dict[str, Any]:
    """How the rows were parted; `treino_ate` is the last snapshot trained on."""
    return {
        "tipo": "temporal",
        "intervalo_dias": LABEL.days,
        "treino_ate": str(data.as_of[split.training].max()),
        "validacao_desde": str(data.as_of[split.validation].min()),
        "linhas_treino": int(split.training.sum()),
        "linhas_validacao": int(split.validation.sum()),
    }


def _naive(data: TrainingSet, split: TemporalSplit) -> NDArray[np.float64]:
    """The rule to beat: days since the last visit alone, calibrated by a logistic curve."""
    column = tuple(c for c in COLUMNS if c.name == NAIVE_COLUMN)
    rows = split.training
    encoder = Encoder.fit(column, data.take(rows))
    model = fit_classifier(
        "regressao_logistica",
        encoder.encode(data.take(rows)),
        data.y[rows],
        data.aluno_id[rows],
        SEED,
    )
    judged = encoder.encode(data.take(split.validation))
    found: NDArray[np.float64] = model.predict_proba(judged)[:, 1]
    return found
