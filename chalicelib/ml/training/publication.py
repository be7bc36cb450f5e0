"""Publishing a trained model: exported, checked, explained, registered, promoted or not."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import skl2onnx
import sklearn
from pydantic import BaseModel, Field

from chalicelib.core.runs import JobRun
from chalicelib.core.uploads import object_store, store_must_answer
from chalicelib.ml.artefacts import sha256_of
from chalicelib.ml.explain import Explainer
from chalicelib.ml.registry import (
    Alias,
    ModelName,
    ModelVersion,
    aliased_version,
    champion_of,
    lock_model,
    next_version,
    point_alias,
    register,
)
from chalicelib.ml.serving import ServedModel, load_served_model
from chalicelib.ml.training.card import Beside, Card, describe_data, make_card
from chalicelib.ml.training.comparison import (
    Challenge,
    Verdict,
    verdict_alone,
    verdict_beside,
)
from chalicelib.ml.training.export import check_agreement, dump_joblib
from chalicelib.ml.training.judging import Floats
from chalicelib.ml.training.recipe import Candidate, Recipe
from chalicelib.ml.training.rows import LabelledRows
from chalicelib.ml.training.splits import RowSplit
from chalicelib.ml.versions import Promoted, promote


class TrainingReport(BaseModel):
    """What a training came to."""

    versao: int
    algoritmo: str
    promovido: bool = Field(description="Whether this version answers from now on.")
    motivo: str
    linhas_treino: int
    linhas_validacao: int
    metricas: dict[str, Any]
    metricas_regra_ingenua: dict[str, Any] = Field(description="The same of the rule to beat.")
    ganho_sobre_regra: dict[str, Any] = Field(
        description="Paired differences to it, with their 95% intervals."
    )


@dataclass(frozen=True)
class Publishable:
    """A model that is exported and judged, and waits for its number.

    Attributes:
        recipe: How it was made.
        judged: The rows that judge it.
        answers: (m,) what it says of them.
        exported, joblib: The model, to serve and to keep.
        fields: What its row in the registry will say.
        unfit: Why it may not answer where nobody answers yet, in pt-BR; None where it may.
    """

    recipe: Recipe
    judged: LabelledRows
    answers: Floats
    exported: bytes
    joblib: bytes
    fields: Mapping[str, Any]
    unfit: str | None = None

    def named(self, name: ModelName) -> Publishable:
        """The same model, to be published under another name."""
        return replace(self, recipe=replace(self.recipe, name=name))


def earlier_report(run: JobRun) -> TrainingReport | None:
    """What an earlier attempt published, that died before it could say so."""
    return None if run.checkpoint is None else TrainingReport(**run.checkpoint["relatorio"])


def prepare(
    recipe: Recipe,
    rows: LabelledRows,
    split: RowSplit,
    chosen: Candidate,
    beside: Beside,
    described: Mapping[str, Any],
) -> Publishable:
    """Export a model, check that the export answers as it does, judge and explain it.

    Args:
        recipe: How it was made.
        rows: All rows.
        split: Which of them were trained on, and which judge.
        chosen: The model.
        beside: The rule to beat, and the groups that are judged apart.
        described: The split as the registry keeps it; see `hold_outs`.

    Raises:
        ExportDisagrees: The exported model answers otherwise than the trained one.
        TooLittleData: The rows that judge cannot say.
    """
    fitted, judged = chosen.fitted, rows.part(split.validation)
    exporter, matrix = recipe.exporter, fitted.encoder.encode(judged.table)
    exported = exporter.to_onnx(fitted.estimator, fitted.encoder.width)
    agreement = check_agreement(fitted.estimator, exported, matrix, answers=exporter.answers)
    served = load_served_model(
        exported,
        sha256_of(exported),
        fitted.encoder.to_json(),
        target=fitted.target.to_json(),
        classes=recipe.classes,
    )
    explainer = _explainer(recipe, rows.take(split.training), served, fitted.estimator)
    card = make_card(recipe, rows, split, chosen, beside, served.predict)
    fields = {
        "algorithm": chosen.algorithm,
        "parameters": {"seed": recipe.seed, **_parameters(fitted.estimator)},
        "encoder": {**fitted.encoder.to_json(), "target": fitted.target.to_json()},
        "explainer": explainer.to_json(),
        "data": describe_data(recipe, rows, split),
        "split": dict(described),
        **_judgement(card, agreement),
    }
    return Publishable(
        recipe, judged, chosen.answers, exported, dump_joblib(fitted.estimator), fields
    )


def _judgement(card: Card, agreement: float) -> dict[str, Any]:
    return {
        "metrics": {**card.metrics, "concordancia_onnx": agreement},
        "figures": card.figures,
        "profile": card.profile,
    }


def _explainer(
    recipe: Recipe, table: Mapping[str, Any], served: ServedModel, estimator: Any
) -> Explainer:
    encoded = served.encoder.encode(table)
    structure = recipe.exporter.structure(estimator)
    return Explainer.of_sample(
        served.score_rows, encoded, served.encoder.groups, seed=recipe.seed, structure=structure
    )


def publish(run: JobRun, ready: Publishable, then: Promoted) -> TrainingReport:
    """Number, store and register a model, and promote it if it may be.

    Args:
        run: The training; its checkpoint keeps the report, see `earlier_report`.
        ready: The model.
        then: What follows a promotion, in the transaction that promotes.

    Raises:
        ServiceUnavailable: The store does not answer.
    """
    name = ready.recipe.name
    with run.transaction() as session:
        version = next_version(session, name)
    row = ModelVersion(
        tenant=name.tenant,
        model=name.model,
        version=version,
        artefacts=_store(name, version, {"onnx": ready.exported, "joblib": ready.joblib}),
        libraries=_libraries(),
        created_by=run.owner,
        **ready.fields,
    )
    return _register(run, ready, row, then)


def _store(name: ModelName, version: int, artefacts: Mapping[str, bytes]) -> dict[str, Any]:
    """Put the artefacts where their row will say they are."""
    found = {}
    for kind, data in artefacts.items():
        key = f"{name.tenant}/models/{name.model}/{version}/model.{kind}"
        with store_must_answer():
            object_store().put(key, data)
        found[kind] = {"objeto": key, "sha256": sha256_of(data), "bytes": len(data)}
    return found


def _register(run: JobRun, ready: Publishable, row: ModelVersion, then: Promoted) -> TrainingReport:
    """Register, decide on promotion and remember both on the job, in one transaction.

    The comparison takes seconds and reads the object store, so it is made before; should
    somebody have promoted another version meanwhile, it is made again with that one.
    """
    recipe, by = ready.recipe, run.owner
    while True:
        with run.reading() as session:
            champion = champion_of(session, recipe.name)
        if champion is None:
            verdict = verdict_alone(ready.unfit)
        else:
            challenge = Challenge(ready.judged, ready.answers, ready.unfit)
            verdict = verdict_beside(run, recipe, champion, challenge)
        with run.transaction() as session:
            lock_model(session, recipe.name)
            number = champion.version if champion is not None else None
            if aliased_version(session, recipe.name, Alias.CHAMPION) != number:
                continue
            register(session, row)
            name, version, why = recipe.name, row.version, verdict.why
            if verdict.promoted:
                promote(session, name, version, by=by, reason=why, then=then)
            else:
                point_alias(session, name, Alias.CHALLENGER, version, by=by, reason=why)
            report = _report(row, verdict)
            run.save_checkpoint(session, {"relatorio": report.model_dump(mode="json")})
        return report


def _report(row: ModelVersion, verdict: Verdict) -> TrainingReport:
    return TrainingReport(
        versao=row.version,
        algoritmo=row.algorithm,
        promovido=verdict.promoted,
        motivo=verdict.why,
        linhas_treino=row.split["linhas_treino"],
        linhas_validacao=row.split["linhas_validacao"],
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
