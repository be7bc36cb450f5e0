"""Models of two made-up companies: who pays, judged as a class; a price, judged by its error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sqlalchemy.orm import Session

from chalicelib.core.claims import claim
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import enqueue
from chalicelib.core.runs import JobRun
from chalicelib.ml.columns import Column
from chalicelib.ml.encoding import TargetScaling
from chalicelib.ml.registry import ModelName
from chalicelib.ml.training.bootstrap import draw_weights
from chalicelib.ml.training.card import Beside
from chalicelib.ml.training.choice import train, try_algorithms
from chalicelib.ml.training.classifiers import ClassifierJudge
from chalicelib.ml.training.evaluate import Estimate
from chalicelib.ml.training.folds import TooLittleData, entity_codes
from chalicelib.ml.training.hold_outs import (
    describe_by_entity,
    folds_by_entity,
    split_by_entity,
)
from chalicelib.ml.training.judging import Floats, Gate
from chalicelib.ml.training.publication import Publishable, TrainingReport, prepare, publish
from chalicelib.ml.training.recipe import Recipe
from chalicelib.ml.training.rows import LabelledRows
from tests.core.sample import SAMPLE_QUEUE, Tiny

PAYERS, PRICES = ModelName("empresa-a", "credito"), ModelName("empresa-b", "precos")
COLUMNS = (Column("renda", "number"), Column("regiao", "category", label="Região"))
SHARE, SALT = 0.3, "s"

PAYER_RECIPE = Recipe(
    name=PAYERS,
    columns=COLUMNS,
    judge=ClassifierJudge(),
    entities="clientes",
    algorithms=("regressao_logistica",),
)


@dataclass(frozen=True)
class ErrorJudge:
    """Judges by the mean absolute error; a `Judge` of the tests' own."""

    measure = "MAE"
    loss_name = "mae"
    wanted_rows = "linhas com preço"

    def loss(self, y: NDArray[Any], answers: Floats) -> float:
        return float(np.abs(y - answers).mean())

    def score(self, y: NDArray[Any], answers: Floats) -> float:
        return -self.loss(y, answers)

    def metrics(self, y: NDArray[Any], answers: Floats, who: NDArray[Any]) -> dict[str, Any]:
        return {"mae": _mean(np.abs(y - answers), who).to_json(), "rows": len(y)}

    def gains(
        self, y: NDArray[Any], a: Floats, b: Floats, who: NDArray[Any]
    ) -> dict[str, dict[str, float]]:
        return self.differences(y, a, b, who)

    def differences(
        self, y: NDArray[Any], a: Floats, b: Floats, who: NDArray[Any]
    ) -> dict[str, dict[str, float]]:
        return {"mae": _mean(np.abs(y - b) - np.abs(y - a), who).to_json()}

    def gate(
        self, y: NDArray[Any], challenger: Floats, champion: Floats, who: NDArray[Any]
    ) -> Gate:
        found = _mean(np.abs(y - champion) - np.abs(y - challenger), who)
        return Gate(found, found.low > -0.01 * float(np.abs(y).mean()))

    def is_few(self, _y: NDArray[Any], who: NDArray[Any]) -> bool:
        return len(np.unique(who)) < 5

    def counts(self, _y: NDArray[Any]) -> dict[str, int]:
        return {}

    def summary(self, y: NDArray[Any]) -> dict[str, float]:
        return {"mediana": float(np.median(y))}

    def details(self, _y: NDArray[Any], _answers: Floats) -> dict[str, Any]:
        return {}

    def figures(self, _y: NDArray[Any], _answers: Mapping[str, Floats]) -> dict[str, Any]:
        return {}


def _mean(values: Floats, who: NDArray[Any]) -> Estimate:
    if not len(values):
        raise TooLittleData("no rows to judge on")
    codes = entity_codes(who)
    sums, rows = np.bincount(codes, values), np.bincount(codes)
    drawn = [float(w @ sums / (w @ rows)) for w in draw_weights(len(rows), 100, 7)]
    return Estimate(float(values.mean()), *map(float, np.quantile(drawn, (0.025, 0.975))))


def _ridge(
    _name: str, matrix: NDArray[np.float32], y: NDArray[Any], _who: NDArray[Any], _seed: int
) -> Ridge:
    return Ridge().fit(matrix, y)


PRICE_RECIPE = Recipe(
    name=PRICES,
    columns=COLUMNS,
    judge=ErrorJudge(),
    entities="imoveis",
    algorithms=("ridge",),
    fit=_ridge,
    answer_label="Preço",
    target=TargetScaling("log"),
)


def draw_rows(seed: int, rows: int = 600, noise: float = 0.3) -> LabelledRows:
    """Two rows of each entity; `y` is a price, always above zero."""
    draw = np.random.default_rng(seed)
    income = draw.normal(size=rows)
    region = draw.choice(np.array(["norte", "sul", None], dtype=object), rows)
    price = np.exp(5 + income / 2 + (region == "sul") + draw.normal(0, noise, rows))
    table = {"renda": income, "regiao": region}
    return LabelledRows(table, price, np.arange(rows) // 2, None, f"{seed:064d}")


def as_classes(rows: LabelledRows) -> LabelledRows:
    """The same, `y` being whether the price is above the median."""
    above = (rows.y > np.median(rows.y)).astype(np.int_)
    return LabelledRows(rows.table, above, rows.who, rows.as_of, rows.fingerprint)


def claimed_run(tenant: str) -> JobRun:
    """An attempt at a job of a tenant."""
    with unit_of_work(tenant=tenant) as session:
        enqueue(session, SAMPLE_QUEUE, Tiny(), tenant=tenant, owner="usuario:1")
    run = claim(SAMPLE_QUEUE)
    assert run is not None
    return run


def made_ready(recipe: Recipe, rows: LabelledRows) -> Publishable:
    """A candidate that is trained on these rows, and judged on entities that none trains on."""
    split = split_by_entity(rows, SHARE, SALT)
    folds = folds_by_entity(rows, split.training, 3, recipe.seed)
    contenders = try_algorithms(recipe, rows, folds, lambda _place, _name: None)
    chosen = train(recipe, recipe.algorithms[0], rows, split, contenders)
    judged = rows.part(split.validation)
    typical = np.full(len(judged.y), float(np.median(rows.y[split.training])))
    groups = {"por_regiao": judged.table["regiao"].astype(str)}
    beside = Beside("sempre a mediana", typical, groups)
    return prepare(recipe, rows, split, chosen, beside, describe_by_entity(split, SHARE, SALT))


def nothing_follows(session: Session, version: int, by: str) -> None:
    """What follows a promotion where nothing does."""


def published(recipe: Recipe, rows: LabelledRows) -> TrainingReport:
    """Train, judge and publish."""
    run = claimed_run(recipe.name.tenant)
    report = publish(run, made_ready(recipe, rows), nothing_follows)
    run.succeed(report.model_dump(mode="json"))
    return report
