"""A company's model, by the name that the registry and the cache know it by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from chalicelib.ml.registry import ModelName
from chalicelib.ml.versions import served_model

if TYPE_CHECKING:
    from chalicelib.ml.serving import ServedModel

MODEL = "credito"

LABELS = {
    "faturamento": "Pedido bloqueado em vez de faturado: repete decisões que alguém tomou.",
    "pagamento": "Pedido faturado que ficou inadimplente em vez de pago.",
}
"""Alvo -> what a model of it foretells."""


def credit_model_name(tenant: str) -> ModelName:
    """The model of the company that is this tenant."""
    return ModelName(tenant, MODEL)


def credit_model(session: Session, name: ModelName, version: int) -> ServedModel:
    """A version of a company's model, ready to answer; see `served_model`.

    Its `metadata` has what deciding needs beside the score: `limiar`, the probability of the bad
    outcome from which on approving costs more than denying; `alvo`; `usual`, column -> usual
    value; `onnx_sha256`; `version` and `algorithm`.
    """
    return served_model(session, name, version)
