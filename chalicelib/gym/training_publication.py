"""Publishing a trained churn model: exported, checked, explained, registered, promoted or not."""

import logging
import platform
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx
import skl2onnx
import sklearn
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from chalicelib.core.runs import JobRun
from chalicelib.core.storage import ObjectNotFound
from chalicelib.core.uploads import object_store
from chalicelib.gym.features import COLUMNS
from chalicelib.gym.models import CHURN, churn_model
from chalicelib.gym.service_scores import ask_for_scores
from chalicelib.gym.training_data import LABEL, TrainingSet
from chalicelib.ml.artefacts import DigestMismatch, sha256_of
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
from chalicelib.ml.serving import WidthMismatch, load_served_model
from chalicelib.ml.training.bootstrap import Metric
from chalicelib.ml.training.estimators import fit_classifier
from chalicelib.ml.training.evaluate import (
    ClassificationMetrics,
    Estimate,
    classification_metrics,
    may_replace,
    paired_difference,
    reliability_table,
)
from chalicelib.ml.training.export import check_agreement, dump_joblib, to_onnx
from chalicelib.ml.training.splits import TemporalSplit

log = logging.getLogger("previsto.training")

SEED = 7
NAIVE_COLUMN = "dias_desde_ultimo_checkin"


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


def publish(
    run: JobRun, data: TrainingSet, split: TemporalSplit, chosen: Candidate
) -> TrainingReport:
    """Export, judge beside the rule to beat, store, register, and promote if it may be.

    Raises:
        ExportDisagrees: The exported model answers otherwise than the trained one.
    """
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
        parameters={"seed": SEED, **_parameters(chosen.estimator)},
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
    """Register, decide on promotion and remember both on the job, in one transaction.

    The comparison takes seconds and reads the object store, so it is made before; should
    somebody have promoted another version meanwhile, it is made again with that one.
    """
    while True:
        with run.reading() as session:
            champion = aliased_version(session, CHURN, Alias.CHAMPION)
        promoted, why = _verdict(champion, _against(run, champion, data, split, chosen))
        with run.transaction() as session:
            lock_model(session, CHURN)
            if aliased_version(session, CHURN, Alias.CHAMPION) != champion:
                continue
            register(session, row)
            alias = Alias.CHAMPION if promoted else Alias.CHALLENGER
            point_alias(session, CHURN, alias, row.version, by=run.owner, reason=why)
            if promoted:
                ask_for_scores(
                    session,
                    owner=run.owner,
                    motivo="promoção",
                    dedupe_key=f"versao:{row.version}",
                )
            report = _report(split, row, promoted, why)
            run.save_checkpoint(session, {"relatorio": report.model_dump(mode="json")})
        return report


def _against(
    run: JobRun,
    champion: int | None,
    data: TrainingSet,
    split: TemporalSplit,
    chosen: Candidate,
) -> Estimate | None:
    """How much better than the champion on the same rows; None where it cannot answer."""
    if champion is None:
        return None
    try:
        with run.reading() as session:
            model = churn_model(session, champion)
    except (DigestMismatch, ObjectNotFound, WidthMismatch):
        log.exception("champion cannot be loaded", extra={"version": champion})
        return None
    return paired_difference(
        data.y[split.validation],
        chosen.probabilities,
        model.predict(data.take(split.validation)),
        data.aluno_id[split.validation],
        Metric.ROC_AUC,
        SEED,
    )


def _report(split: TemporalSplit, row: ModelVersion, promoted: bool, why: str) -> TrainingReport:
    return TrainingReport(
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


def _verdict(champion: int | None, difference: Estimate | None) -> tuple[bool, str]:
    """Whether a new version is promoted, and why, for the trail."""
    if champion is None:
        return True, "Primeira versão do modelo."
    if difference is None:
        return True, f"A versão {champion} não pode mais ser carregada."
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


def _parameters(estimator: Any) -> dict[str, Any]:
    """Every hyperparameter that is a plain value, by scikit-learn's own nested names."""
    return {
        name: value
        for name, value in estimator.get_params(deep=True).items()
        if value is None or isinstance(value, bool | int | float | str)
    }


def _libraries() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "onnx": onnx.__version__,
        "skl2onnx": skl2onnx.__version__,
    }


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
