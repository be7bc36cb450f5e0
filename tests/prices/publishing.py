"""A small real model of a project, published as a training would be, where a test needs one."""

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.core.uploads import object_store
from chalicelib.ml.artefacts import sha256_of
from chalicelib.ml.encoding import Column, Encoder
from chalicelib.ml.explain import Explainer
from chalicelib.ml.monitoring import profile
from chalicelib.ml.promotion import Move, move_champion
from chalicelib.ml.registry import ModelVersion, next_version, register
from chalicelib.ml.serving import load_served_model
from chalicelib.ml.training.export import to_onnx
from chalicelib.ml.training.regressors import fit_regressor
from chalicelib.prices.inputs import schema_of
from chalicelib.prices.models import price_model_name
from chalicelib.prices.schemas_datasets import ColunaPerfil, TipoColuna
from chalicelib.prices.tables import Dataset
from chalicelib.prices.values import NumberFormat
from tests.client import Answer, Client
from tests.prices.conftest import Project

ROWS = 300
COLUMNS = (
    Column("potencia", "number", label="Potência", unit="cv"),
    Column("peso", "number", label="Peso", unit="kg"),
    Column("marca", "category", label="Marca"),
    Column("automatico", "category", label="Automático", truth=True),
)
PROFILE = [
    ColunaPerfil(
        nome="potencia",
        tipo=TipoColuna.NUMERO,
        formato_numero=NumberFormat(decimal=",", milhar="."),
    ),
    ColunaPerfil(nome="peso", tipo=TipoColuna.NUMERO),
    ColunaPerfil(nome="marca", tipo=TipoColuna.CATEGORIA),
    ColunaPerfil(nome="automatico", tipo=TipoColuna.BOOLEANO),
]
CAR: dict[str, Any] = {"potencia": 120, "peso": 1100.5, "marca": "Aurora", "automatico": True}


def publish_price_model(
    projeto_id: str,
    *,
    tenant: str = HOUSE,
    seed: int = 1,
    champion: bool = True,
    alvo: str = "preco",
    explains: bool = True,
    ms: float = 1.0,
) -> int:
    """Fit a regression on made-up cars, publish it, and give its version.

    Args:
        projeto_id: Of which project.
        tenant: Whose it is.
        seed: Of the cars.
        champion: Whether it answers from then on.
        alvo: What it foretells.
        explains: Whether one case is explained unasked.
        ms: What explaining one case is said to take.
    """
    name, made = price_model_name(tenant, UUID(projeto_id)), _made(seed)
    onnx, answers = made.onnx, made.answers
    with unit_of_work(tenant=tenant) as session:
        version = next_version(session, name)
    key = f"{tenant}/models/{name.model}/{version}/model.onnx"
    object_store().put(key, onnx)
    row = ModelVersion(
        tenant=tenant,
        model=name.model,
        version=version,
        algorithm="regressao_ridge",
        parameters={},
        encoder=made.encoder,
        explainer=made.explainer,
        data={
            "alvo": alvo,
            "tarefa": "regressao",
            "unidade": "mil reais",
            "classes": None,
            "intervalo": interval(made.y, answers),
            "explicacao": {"ms": ms, "sempre": explains},
            "esquema": schema_of(PROFILE),
            "dataset": 0,
            "treinamento": 0,
        },
        split={"tipo": "linhas", "linhas_treino": ROWS, "linhas_validacao": 0},
        metrics={"validacao": {"mae": {"value": 1.0, "low": 0.9, "high": 1.1}}},
        figures={"residuos": {"data": [], "layout": {}}},
        profile=profile(COLUMNS, made.table, answers),
        artefacts={"onnx": {"objeto": key, "sha256": sha256_of(onnx), "bytes": len(onnx)}},
        libraries={},
        created_by="teste",
    )
    with unit_of_work(tenant=tenant) as session:
        register(session, row)
        if champion:
            move_champion(session, name, version, by="teste", reason="teste", move=Move.PROMOTION)
    return version


@dataclass(frozen=True, eq=False)
class _Made:
    """A model before it is published."""

    onnx: bytes
    encoder: dict[str, Any]
    explainer: dict[str, Any]
    table: dict[str, NDArray[Any]]
    y: NDArray[Any]
    answers: NDArray[np.float64]


@cache  # Most tests publish the same one.
def _made(seed: int) -> _Made:
    table, y = made_up_cars(seed)
    encoder = Encoder.fit(COLUMNS, table)
    rows = encoder.encode(table)
    onnx = to_onnx(fit_regressor("regressao_ridge", rows, y, np.arange(ROWS), seed), encoder.width)
    served = load_served_model(onnx, sha256_of(onnx), encoder.to_json())
    explainer = Explainer.of_sample(served.score_rows, rows, encoder.groups, seed=seed)
    answers = served.predict(table)
    return _Made(onnx, encoder.to_json(), explainer.to_json(), table, y, answers)


def add_dataset(
    projeto_id: str, *, tenant: str = HOUSE, versao: int = 1, linhas: int = ROWS
) -> int:
    """A dataset that was profiled, as far as its row goes; gives its id."""
    target = ColunaPerfil(nome="preco", tipo=TipoColuna.NUMERO, distintos=linhas)
    efetivo = [each.model_copy(update={"distintos": 9}) for each in PROFILE] + [target]
    row = Dataset(
        tenant=tenant,
        projeto_id=UUID(projeto_id),
        versao=versao,
        nome="carros",
        estado="pronto",
        origem={},
        parquet={"objeto": f"{tenant}/nowhere", "sha256": "0" * 64, "bytes": 1},
        linhas=linhas,
        efetivo=[each.model_dump(mode="json") for each in efetivo],
        criado_por="teste",
        criado_em=utc_now(),
    )
    with unit_of_work(tenant=tenant) as session:
        session.add(row)
        session.flush()
        return row.id


def add_file(client: Client, data: bytes, content_type: str = "text/csv") -> str:
    """Upload a file; gives its key."""
    asked = {"tamanho_bytes": len(data), "content_type": content_type}
    answer = client.post("/uploads", asked)
    assert answer.status == 201, answer.body
    objeto: str = answer.json["objeto"]
    object_store().put(objeto, data, content_type=content_type)
    return objeto


def interval(y: NDArray[Any], answers: NDArray[np.float64]) -> dict[str, Any] | None:
    """Intervals as a training would store them."""
    return None


def made_up_cars(seed: int) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """Raw columns of cars that never were, and what each costs: (n,)."""
    rng = np.random.default_rng(seed)
    power = rng.uniform(60, 300, ROWS)
    weight = rng.uniform(800, 2000, ROWS)
    brand = rng.choice(np.array(["Aurora", "Brisa", "Cume"], dtype=object), ROWS)
    automatic = rng.choice(np.array(["true", "false"], dtype=object), ROWS)
    price = 0.2 * power + 0.01 * weight + 10 * (brand == "Cume") + 3 * (automatic == "true")
    table = {
        "potencia": np.where(rng.random(ROWS) < 0.1, np.nan, power),
        "peso": weight,
        "marca": brand,
        "automatico": automatic,
    }
    return table, price + rng.normal(0, 1, ROWS)


def ask(client: Client, project: Project, **body: Any) -> Answer:
    """Ask about a car, the usual one unless said otherwise."""
    asked = body if "instancias" in body else {"instancia": CAR, **body}
    return client.post(f"{project.path}/previsoes", asked)


def one(answer: Answer) -> dict[str, Any]:
    """The only prediction of an answer."""
    assert answer.status == 201, answer.body
    (found,) = answer.json["previsoes"]
    return dict(found)
