"""The churn model: its name, what it foretells, and its versions as they are served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from chalicelib.core.settings import HOUSE
from chalicelib.gym.features import LABEL_DAYS
from chalicelib.ml.registry import ModelName
from chalicelib.ml.versions import served_model

if TYPE_CHECKING:
    from chalicelib.ml.serving import ServedModel

CHURN = ModelName(HOUSE, "churn")
LABEL_TEXT = (
    f"Deixa de vir: nenhuma visita nos {LABEL_DAYS} dias seguintes, ou cancelamento neles. "
    f"Perguntado só de quem veio nos {LABEL_DAYS} dias anteriores e tem {LABEL_DAYS} dias de casa."
)


def churn_model(session: Session, version: int) -> ServedModel:
    """A version of the churn model, ready to score; see `served_model`."""
    return served_model(session, CHURN, version)
