"""Models of two made-up companies: who pays, judged as a class; a price, judged by its errors."""

from __future__ import annotations

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
from chalicelib.ml.training.card import Beside
from chalicelib.ml.training.choice import train, try_algorithms
from chalicelib.ml.training.classifiers import ClassifierJudge
from chalicelib.ml.training.hold_outs import (
    describe_by_entity,
    folds_by_entity,
    split_by_entity,
)
from chalicelib.ml.training.publication import Publishable, TrainingReport, prepare, publish
from chalicelib.ml.training.recipe import Recipe
from chalicelib.ml.training.regressors import RegressionJudge
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


def _ridge(
    _name: str, matrix: NDArray[np.float32], y: NDArray[Any], _who: NDArray[Any], _seed: int
) -> Ridge:
    return Ridge().fit(matrix, y)


PRICE_RECIPE = Recipe(
    name=PRICES,
    columns=COLUMNS,
    judge=RegressionJudge(),
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
