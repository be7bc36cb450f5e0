"""Publishing a trained churn model: exported, checked, explained, registered, promoted or not."""

import platform
from typing import Any

import numpy as np
import onnx
import skl2onnx
import sklearn
from pydantic import BaseModel, Field

from chalicelib.core.runs import JobRun
from chalicelib.core.uploads import object_store
from chalicelib.gym.models import CHURN
from chalicelib.gym.service_models import follow_promotion
from chalicelib.gym.training_card import (
    SEED,
    Candidate,
    describe_data,
    describe_split,
    make_card,
)
from chalicelib.gym.training_comparison import Judged, Verdict, verdict_beside
from chalicelib.gym.training_data import TrainingSet
from chalicelib.ml.artefacts import sha256_of
from chalicelib.ml.explain import Explainer
from chalicelib.ml.registry import (
    Alias,
    ModelVersion,
    aliased_version,
    champion_of,
    lock_model,
    next_version,
    point_alias,
    register,
)
from chalicelib.ml.serving import ServedModel, load_served_model
from chalicelib.ml.training.export import check_agreement, dump_joblib, to_onnx
from chalicelib.ml.training.splits import TemporalSplit
from chalicelib.ml.versions import promote


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
    served = load_served_model(exported, sha256_of(exported), chosen.encoder.to_json())
    explainer = _explainer(data, split, served)
    card = make_card(data, split, chosen, served.predict)
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
        data=describe_data(data, split),
        split=describe_split(data, split),
        metrics={**card.metrics, "concordancia_onnx": agreement},
        figures=card.figures,
        profile=card.profile,
        artefacts=artefacts,
        libraries=_libraries(),
        created_by=run.owner,
    )
    return _register(run, data, split, chosen, row)


def _explainer(data: TrainingSet, split: TemporalSplit, served: ServedModel) -> Explainer:
    rows = served.encoder.encode(data.take(split.training))
    return Explainer.of_sample(served.score_rows, rows, served.encoder.groups, seed=SEED)


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
    judged = split.validation
    rows = Judged(data.y[judged], data.aluno_id[judged], data.as_of[judged])
    while True:
        with run.reading() as session:
            champion = champion_of(session, CHURN)
        verdict = verdict_beside(run, champion, rows, data.take(judged), chosen.probabilities)
        with run.transaction() as session:
            lock_model(session, CHURN)
            number = champion.version if champion is not None else None
            if aliased_version(session, CHURN, Alias.CHAMPION) != number:
                continue
            register(session, row)
            if verdict.promoted:
                promote(
                    session,
                    CHURN,
                    row.version,
                    by=run.owner,
                    reason=verdict.why,
                    then=follow_promotion,
                )
            else:
                point_alias(
                    session, CHURN, Alias.CHALLENGER, row.version, by=run.owner, reason=verdict.why
                )
            report = _report(split, row, verdict)
            run.save_checkpoint(session, {"relatorio": report.model_dump(mode="json")})
        return report


def _report(split: TemporalSplit, row: ModelVersion, verdict: Verdict) -> TrainingReport:
    return TrainingReport(
        versao=row.version,
        algoritmo=row.algorithm,
        promovido=verdict.promoted,
        motivo=verdict.why,
        linhas_treino=int(split.training.sum()),
        linhas_validacao=int(split.validation.sum()),
        metricas=row.metrics["validacao"],
        metricas_regra_ingenua=row.metrics["regra_ingenua"],
        ganho_sobre_regra=row.metrics["ganho_sobre_regra"],
    )


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
