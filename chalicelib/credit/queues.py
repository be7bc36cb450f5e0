"""The queues of credit, and what their messages say."""

from datetime import timedelta
from uuid import UUID

from pydantic import BaseModel

from chalicelib.core.queues import Queue


class LoteMessage(BaseModel):
    """A lot of a dataset has been received."""

    dataset: UUID
    tipo: str
    seq: int


class FecharMessage(BaseModel):
    """A company says that its dataset is whole."""

    dataset: UUID


class RemoverMessage(BaseModel):
    """A dataset was given up; its items and objects go."""

    dataset: UUID


class TreinoMessage(BaseModel):
    """A company's model is to be trained on a closed dataset."""

    dataset: UUID
    motivo: str


class PedidosMessage(BaseModel):
    """A lot of orders is to be decided."""

    lote: UUID


CREDIT_LOTS_QUEUE = Queue("credit_lots_queue", LoteMessage)
CREDIT_DATASETS_QUEUE = Queue("credit_datasets_queue", FecharMessage)
CREDIT_REMOVALS_QUEUE = Queue("credit_removals_queue", RemoverMessage)
CREDIT_TRAINING_QUEUE = Queue(
    "credit_training_queue", TreinoMessage, max_attempts=3, lease=timedelta(seconds=120)
)
CREDIT_ORDERS_QUEUE = Queue("credit_orders_queue", PedidosMessage)
