"""Build, judge and publish the churn model; the only file of the gym that trains."""

import platform
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx
import skl2onnx
import sklearn
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from chalicelib.core.errors import Unprocessable
from chalicelib.core.runs import JobRun
from chalicelib.core.uploads import object_store
from chalicelib.gym.features import COLUMNS
from chalicelib.gym.models import CHURN, churn_model
from chalicelib.gym.training_data import LABEL, TrainingSet, read_training_set
from chalicelib.ml.artefacts import sha256_of
from chalicelib.ml.encoding import Encoder
from chalicelib.ml.explain import Explainer
from chalicelib.ml.registry import (
    Alias,
    ModelVersion,
    aliased_version,
    lock_model,
    next_version,
    point_alias,
    register,
)
from chalicelib.ml.serving import load_served_model
from chalicelib.ml.training.bootstrap import Metric
from chalicelib.ml.training.estimators import ALGORITHMS, fit_classifier
from chalicelib.ml.training.evaluate import (
    ClassificationMetrics,
    Estimate,
    classification_metrics,
    may_replace,
    paired_difference,
    reliability_table,
)
from chalicelib.ml.training.export import check_agreement, dump_joblib, to_onnx
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.splits import TemporalSplit, temporal_split

SEED = 7
VALIDATION_SHARE = 0.2
NAIVE_COLUMN = "dias_desde_ultimo_checkin"
Mask = NDArray[np.bool_]


class TooLittleHistory(Unprocessable):
    """There are too few visits to learn from: several months of them are needed."""


class TrainingReport(BaseModel):
    """What a training came to."""

    versao: int
    algoritmo: str
    promovido: bool = Field(description="Whether this version answers from now on.")
    motivo: str
    linhas_treino: int
    linhas_validacao: int
    metricas: dict[str, Any]
    metricas_regra_ingenua: dict[str, Any] = Field(
        description="The same of a score made of the days since the last visit alone."
    )
    ganho_sobre_regra: dict[str, Any] = Field(
        description="Paired difference in ROC AUC and PR AUC, with its 95% interval."
    )


@dataclass(frozen=True)
class Candidate:
    """A fitted model and how it did on the later period."""

    algorithm: str
    estimator: Any
    encoder: Encoder
    probabilities: NDArray[np.float64]
    metrics: ClassificationMetrics
    selection: dict[str, float]


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
    return _publish(run, data, split, chosen)


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


def _naive(data: TrainingSet, split: TemporalSplit) -> NDArray[np.float64]:
    """The rule to beat: days since the last visit alone, calibrated by a logistic curve."""
    column = tuple(c for c in COLUMNS if c.name == NAIVE_COLUMN)
    encoder = Encoder.fit(column, data.take(split.training))
    rows = split.training
    model = fit_classifier(
        "regressao_logistica",
        encoder.encode(data.take(rows)),
        data.y[rows],
        data.aluno_id[rows],
        SEED,
    )
    found: NDArray[np.float64] = model.predict_proba(encoder.encode(data.take(split.validation)))[
        :, 1
    ]
    return found


def _publish(
    run: JobRun, data: TrainingSet, split: TemporalSplit, chosen: Candidate
) -> TrainingReport:
    exported = to_onnx(chosen.estimator, chosen.encoder.width)
    agreement = check_agreement(
        chosen.estimator, exported, chosen.encoder.encode(data.take(split.validation))
    )
    explainer = _explainer(data, split, chosen, exported)
    naive = _naive(data, split)
    y, who = data.y[split.validation], data.aluno_id[split.validation]
    gains = {
        metric.value: paired_difference(y, chosen.probabilities, naive, who, metric, SEED)
        for metric in (Metric.ROC_AUC, Metric.PR_AUC)
    }
    metrics = {
        "validacao": chosen.metrics.to_json(),
        "regra_ingenua": classification_metrics(y, naive, who, SEED).to_json(),
        "ganho_sobre_regra": {name: gain.to_json() for name, gain in gains.items()},
        "confiabilidade": [asdict(b) for b in reliability_table(y, chosen.probabilities)],
        "selecao_log_loss": chosen.selection,
        "concordancia_onnx": agreement,
    }
    run.progress(5, 6, "publicando")
    with run.transaction() as session:
        version = next_version(session, CHURN)
    artefacts = _store(version, exported, dump_joblib(chosen.estimator))
    row = ModelVersion(
        tenant=CHURN.tenant,
        model=CHURN.model,
        version=version,
        algorithm=chosen.algorithm,
        parameters={"seed": SEED},
        encoder=chosen.encoder.to_json(),
        explainer=explainer.to_json(),
        data=_describe(data, split),
        split=_describe_split(data, split),
        metrics=metrics,
        artefacts=artefacts,
        libraries=_libraries(),
        created_by=run.owner,
    )
    return _register(run, data, split, chosen, row)


def _explainer(
    data: TrainingSet, split: TemporalSplit, chosen: Candidate, exported: bytes
) -> Explainer:
    served = load_served_model(exported, sha256_of(exported), chosen.encoder.to_json())
    rows = chosen.encoder.encode(data.take(split.training))
    return Explainer.of_sample(served.score_rows, rows, chosen.encoder.groups, seed=SEED)


def _store(version: int, exported: bytes, joblib: bytes) -> dict[str, Any]:
    """Put the artefacts where their row will say they are."""
    found = {}
    for name, filename, data in (
        ("onnx", "model.onnx", exported),
        ("joblib", "model.joblib", joblib),
    ):
        key = f"{CHURN.tenant}/models/{CHURN.model}/{version}/{filename}"
        object_store().put(key, data)
        found[name] = {"objeto": key, "sha256": sha256_of(data), "bytes": len(data)}
    return found


def _register(
    run: JobRun, data: TrainingSet, split: TemporalSplit, chosen: Candidate, row: ModelVersion
) -> TrainingReport:
    """Register, decide on promotion and remember both on the job, in one transaction."""
    with run.transaction() as session:
        lock_model(session, CHURN)
        register(session, row)
        champion = aliased_version(session, CHURN, Alias.CHAMPION)
        difference = None
        if champion is not None:
            p = churn_model(session, champion).predict(data.take(split.validation))
            difference = paired_difference(
                data.y[split.validation],
                chosen.probabilities,
                p,
                data.aluno_id[split.validation],
                Metric.ROC_AUC,
                SEED,
            )
        promoted, why = _verdict(champion, difference)
        alias = Alias.CHAMPION if promoted else Alias.CHALLENGER
        point_alias(session, CHURN, alias, row.version, by=run.owner, reason=why)
        report = TrainingReport(
            versao=row.version,
            algoritmo=row.algorithm,
            promovido=promoted,
            motivo=why,
            linhas_treino=int(split.training.sum()),
            linhas_validacao=int(split.validation.sum()),
            metricas=row.metrics["validacao"],
            metricas_regra_ingenua=row.metrics["regra_ingenua"],
            ganho_sobre_regra=row.metrics["ganho_sobre_regra"],
        )
        run.save_checkpoint(session, {"relatorio": report.model_dump(mode="json")})
    return report


def _verdict(champion: int | None, difference: Estimate | None) -> tuple[bool, str]:
    """Whether a new version is promoted, and why, for the trail."""
    if difference is None:
        return True, "Primeira versão do modelo."
    interval = f"{difference.value:+.4f} [{difference.low:+.4f}; {difference.high:+.4f}]"
    if may_replace(difference):
        return True, f"ROC AUC não inferior à versão {champion}: {interval}."
    return False, f"ROC AUC pode ser pior que a da versão {champion}: {interval}."


def _describe(data: TrainingSet, split: TemporalSplit) -> dict[str, Any]:
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


def _describe_split(data: TrainingSet, split: TemporalSplit) -> dict[str, Any]:
    return {
        "tipo": "temporal",
        "intervalo_dias": LABEL.days,
        "treino_ate": str(data.as_of[split.training].max()),
        "validacao_desde": str(data.as_of[split.validation].min()),
        "linhas_treino": int(split.training.sum()),
        "linhas_validacao": int(split.validation.sum()),
    }


def _libraries() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "onnx": onnx.__version__,
        "skl2onnx": skl2onnx.__version__,
    }
