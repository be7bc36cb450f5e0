"""A small real model, published as a training would, where a test needs one at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.core.uploads import object_store
from chalicelib.gym.features import COLUMNS, LABEL_DAYS
from chalicelib.gym.models import CHURN
from chalicelib.ml.artefacts import sha256_of
from chalicelib.ml.encoding import Encoder
from chalicelib.ml.explain import Explainer
from chalicelib.ml.monitoring import profile
from chalicelib.ml.promotion import Move, move_champion
from chalicelib.ml.registry import Alias, ModelVersion, next_version, point_alias, register
from chalicelib.ml.serving import load_served_model
from chalicelib.ml.training.estimators import fit_classifier
from chalicelib.ml.training.export import to_onnx

ROWS = 300


def publish_model(
    seed: int = 1,
    *,
    steepness: float = 0.3,
    alias: Alias = Alias.CHAMPION,
    trained_until: str = "2020-01-01T00:00:00",
) -> int:
    """Fit a logistic regression on made-up members, publish it, and give its version.

    Args:
        seed: Of the members.
        steepness: How much a day's absence says; negative ones make a model that is wrong.
        alias: What the version is used for.
        trained_until: The last snapshot it is said to have seen, in UTC.
    """
    table, y = made_up_members(seed, steepness)
    encoder = Encoder.fit(COLUMNS, table)
    rows = encoder.encode(table)
    model = fit_classifier("regressao_logistica", rows, y, np.arange(ROWS), seed)
    onnx = to_onnx(model, encoder.width)
    served = load_served_model(onnx, sha256_of(onnx), encoder.to_json())
    explainer = Explainer.of_sample(served.score_rows, rows, encoder.groups, seed=seed)
    with unit_of_work(tenant=HOUSE) as session:
        version = next_version(session, CHURN)
    key = f"{HOUSE}/models/churn/{version}/model.onnx"
    object_store().put(key, onnx)
    with unit_of_work(tenant=HOUSE) as session:
        register(
            session,
            ModelVersion(
                tenant=HOUSE,
                model=CHURN.model,
                version=version,
                algorithm="regressao_logistica",
                parameters={},
                encoder=encoder.to_json(),
                explainer=explainer.to_json(),
                data={"usual": _usual(table), "ate": trained_until},
                split={
                    "tipo": "temporal",
                    "intervalo_dias": LABEL_DAYS,
                    "treino_ate": trained_until,
                },
                metrics={"validacao": {"roc_auc": {"value": 0.9, "low": 0.8, "high": 1.0}}},
                profile=profile(COLUMNS, table, served.predict(table)),
                artefacts={"onnx": {"objeto": key, "sha256": sha256_of(onnx)}},
                libraries={},
                created_by="teste",
            ),
        )
        if alias is Alias.CHAMPION:
            move_champion(session, CHURN, version, by="teste", reason="teste", move=Move.PROMOTION)
        else:
            point_alias(session, CHURN, alias, version, by="teste", reason="teste")
    return version


def made_up_members(seed: int, steepness: float) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """Raw columns of members who never were, and whether each left: (n,) 0 or 1."""
    rng = np.random.default_rng(seed)
    days = rng.uniform(0, 29, ROWS)
    table = {
        "frequencia_semanal": rng.uniform(0, 5, ROWS),
        "dias_desde_ultimo_checkin": days,
        "duracao_media_minutos": np.where(
            rng.random(ROWS) < 0.1, np.nan, rng.uniform(30, 90, ROWS)
        ),
        "plano": rng.choice(np.array(["Padrão", "Premium"], dtype=object), ROWS),
        "variacao_do_ritmo": rng.normal(0, 1, ROWS),
        "ausencia_relativa": rng.uniform(0, 4, ROWS),
        "semanas_ativas": rng.integers(0, 13, ROWS).astype(float),
        "meses_de_casa": rng.uniform(1, 40, ROWS),
    }
    leaves = 1 / (1 + np.exp(-steepness * (days - 15) - rng.normal(0, 0.5, ROWS)))
    return table, (rng.random(ROWS) < leaves).astype(int)


def _usual(table: dict[str, NDArray[Any]]) -> dict[str, float | str]:
    usual: dict[str, float | str] = {}
    for column in COLUMNS:
        values = table[column.name]
        usual[column.name] = "Padrão" if column.kind == "category" else float(np.nanmedian(values))
    return usual
