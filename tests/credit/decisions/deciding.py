"""A small real model of a company, published as a training would, and orders to decide with it."""

from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.uploads import object_store
from chalicelib.credit.features import BASE_COLUMNS
from chalicelib.credit.models import credit_model_name
from chalicelib.ml.artefacts import sha256_of
from chalicelib.ml.encoding import Column, Encoder
from chalicelib.ml.explain import Explainer
from chalicelib.ml.promotion import Move, move_champion
from chalicelib.ml.registry import ModelVersion, next_version, register
from chalicelib.ml.serving import load_served_model
from chalicelib.ml.training.estimators import fit_classifier
from chalicelib.ml.training.export import to_onnx
from tests.client import Answer, Client

ROWS = 400
OWN = (
    Column("cliente.segmento", "category", label="Segmento"),
    Column("pedido.prazo", "number", label="Prazo", unit="dias"),
)
LIMIAR = 0.5
KNOWN = ("valor_pedido", "titulos_em_atraso", "limite_credito", "uso_do_limite")

_numbers = count(1)


def columns(names: tuple[str, ...] | None = None) -> list[Column]:
    """The model's columns: these base ones, or all, with the company's own."""
    return [c for c in BASE_COLUMNS if names is None or c.name in names] + list(OWN)


def publish_credit_model(
    tenant: str,
    *,
    names: tuple[str, ...] | None = KNOWN,
    algorithm: str = "regressao_logistica",
    seed: int = 1,
) -> int:
    """Fit a model on made-up orders, in which large orders and long terms go unpaid, and put it
    to use; gives its version.

    Args:
        tenant: The company.
        names: Base columns that it looks at; all when None.
        algorithm: Which estimator.
        seed: Of the orders.
    """
    chosen = columns(names)
    table, y = made_up_orders(chosen, seed)
    encoder = Encoder.fit(chosen, table)
    rows = encoder.encode(table)
    onnx = to_onnx(fit_classifier(algorithm, rows, y, np.arange(ROWS), seed), encoder.width)
    digest = sha256_of(onnx)
    served = load_served_model(onnx, digest, encoder.to_json())
    explainer = Explainer.of_sample(served.score_rows, rows, encoder.groups, seed=seed)
    name = credit_model_name(tenant)
    with unit_of_work(tenant=tenant) as session:
        version = next_version(session, name)
    key = f"{tenant}/models/credito/{version}/model.onnx"
    object_store().put(key, onnx)
    usual = {
        c.name: "varejo" if c.kind == "category" else float(np.nanmedian(table[c.name]))
        for c in chosen
    }
    with unit_of_work(tenant=tenant) as session:
        register(
            session,
            ModelVersion(
                tenant=tenant,
                model=name.model,
                version=version,
                algorithm=algorithm,
                parameters={},
                encoder=encoder.to_json(),
                explainer=explainer.to_json(),
                data={
                    "usual": usual,
                    "limiar": LIMIAR,
                    "alvo": "pagamento",
                    "onnx_sha256": digest,
                },
                split={},
                metrics={},
                profile=[],
                artefacts={"onnx": {"objeto": key, "sha256": digest}},
                libraries={},
                created_by="teste",
            ),
        )
        move_champion(session, name, version, by="teste", reason="teste", move=Move.PROMOTION)
    return version


def made_up_orders(chosen: list[Column], seed: int) -> tuple[dict[str, Any], NDArray[Any]]:
    """Columns of orders that never were, and whether each went unpaid: (n,) 0 or 1."""
    rng = np.random.default_rng(seed)
    amount = rng.uniform(100, 20_000, ROWS)
    limit = rng.uniform(20_000, 60_000, ROWS)
    term = rng.uniform(0, 90, ROWS)
    known: dict[str, Any] = {
        "valor_pedido": amount,
        "titulos_em_atraso": rng.integers(0, 4, ROWS).astype(float),
        "limite_credito": limit,
        "uso_do_limite": amount / limit,
        "cliente.segmento": rng.choice(np.array(["varejo", "atacado"], dtype=object), ROWS),
        "pedido.prazo": term,
    }
    table = {c.name: known.get(c.name, rng.uniform(0, 5, ROWS)) for c in chosen}
    risk = (amount - 10_000) / 2_500 + (term - 45) / 20 + rng.normal(0, 0.5, ROWS)
    return table, (rng.random(ROWS) < 1 / (1 + np.exp(-risk))).astype(int)


def order(**changes: Any) -> dict[str, Any]:
    """An order that rules and model have nothing against, of a cliente with a limit of 50,000."""
    return {
        "numero": f"P-{next(_numbers)}",
        "cliente": "C1",
        "valor": "2000.00",
        "atributos": {"prazo": 10},
        "itens": {
            "cliente": {"titulos_em_atraso": 0, "atributos": {"segmento": "varejo"}},
            "limite": {"valor": "50000.00"},
        },
        **changes,
    }


def used(valor: str, utilizado: str) -> dict[str, Any]:
    """A limit that says how much of it is used at this moment."""
    return {"valor": valor, "utilizado": utilizado, "vale_desde": utc_now().isoformat()}


def decide(client: Client, **changes: Any) -> dict[str, Any]:
    """Have an order decided."""
    answer: Answer = client.post("/credito/pedidos", order(**changes))
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json
    return found


def put_policy(client: Client, **politica: Any) -> dict[str, Any]:
    """Replace the policy; what is left out is as in the default one."""
    answer = client.put("/credito/politica", {"politica": politica, "motivo": "Conferida."})
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found
