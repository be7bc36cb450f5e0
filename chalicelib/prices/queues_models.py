"""The queues of trainings, predictions by file and analyses, and what their messages say."""

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from chalicelib.core.queues import Queue


class TreinoMessage(BaseModel):
    """A training is to be done; its row says of what."""

    treinamento: int


class ArquivoMessage(BaseModel):
    """The rows of a file are to be predicted; `objeto` is its key."""

    projeto: UUID
    versao: int
    objeto: str


class ComparacaoMessage(BaseModel):
    """Two versions are to be judged on the same rows."""

    tipo: Literal["comparacao"] = "comparacao"
    projeto: UUID
    a: int
    b: int
    dataset: int | None = None


class SaudeMessage(BaseModel):
    """The versions of a project are to be measured."""

    tipo: Literal["saude"] = "saude"
    projeto: UUID


class AnaliseMessage(BaseModel):
    """Something is to be found out about a project's model."""

    analise: Annotated[ComparacaoMessage | SaudeMessage, Field(discriminator="tipo")]


PRICES_TRAINING_QUEUE = Queue(
    "prices_training_queue", TreinoMessage, max_attempts=3, lease=timedelta(seconds=120)
)
PRICES_PREDICTION_QUEUE = Queue(
    "prices_prediction_queue", ArquivoMessage, max_attempts=3, lease=timedelta(seconds=120)
)
PRICES_ANALYSIS_QUEUE = Queue(
    "prices_analysis_queue", AnaliseMessage, max_attempts=3, lease=timedelta(seconds=120)
)
