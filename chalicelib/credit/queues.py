"""The queues of credit, and what their messages say."""

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, computed_field

from chalicelib.core.queues import Queue


class LoteMessage(BaseModel):
    """A lot of a dataset has been received, or a file of any length that makes lots.

    Attributes:
        dataset: Which.
        tipo: Kind of the items.
        seq: Of the lot; of a file, that of its first one.
        objeto: Key of the file; None where it is one lot.
    """

    dataset: UUID
    tipo: str
    seq: int
    objeto: str | None = None


class FecharMessage(BaseModel):
    """A company says that its dataset is whole."""

    dataset: UUID


class RemoverMessage(BaseModel):
    """A dataset was given up; its items and objects go."""

    dataset: UUID


class TreinoMessage(BaseModel):
    """A company's model is to be trained on a closed dataset.

    Attributes:
        dataset: Which; the acervo is one, too.
        motivo: Why, for the trail.
        alvo: What to foretell; null where the dataset says so.
        ignorar: Columns not to be looked at.
    """

    dataset: UUID
    motivo: str
    alvo: Literal["faturamento", "pagamento"] | None = None
    ignorar: list[str] = []

    @property
    def dedupe_key(self) -> str:
        """What tells one training from another: dataset, alvo, and the columns left out."""
        left_out = hashlib.sha256("\n".join(sorted(set(self.ignorar))).encode()).hexdigest()
        return f"dataset:{self.dataset}:{self.alvo}:{left_out[:32]}"


class ComparacaoMessage(BaseModel):
    """Versions of a company's model are to be judged on the same orders."""

    tipo: Literal["comparacao"] = "comparacao"
    versoes: list[int]
    dataset: UUID | None = None


class EnsaioMessage(BaseModel):
    """A version is to be tried on a file of sample orders; `objeto` is the file's key."""

    tipo: Literal["ensaio"] = "ensaio"
    versao: int
    objeto: str


class SaudeMessage(BaseModel):
    """The version that answers is to be measured."""

    tipo: Literal["saude"] = "saude"


class AnaliseMessage(BaseModel):
    """Something is to be found out about a company's model."""

    analise: Annotated[
        ComparacaoMessage | EnsaioMessage | SaudeMessage, Field(discriminator="tipo")
    ]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def objeto(self) -> str | None:
        """The file that it takes, where every job's message says so."""
        return self.analise.objeto if isinstance(self.analise, EnsaioMessage) else None


class ApagarMessage(BaseModel):
    """Files are to be deleted after a cliente's rows are gone; whose they were is not said."""

    pedido_em: datetime


class PedidosMessage(BaseModel):
    """A lot of orders is to be decided; `objeto` is the key of its body."""

    lote: UUID
    objeto: str


CREDIT_LOTS_QUEUE = Queue("credit_lots_queue", LoteMessage)
CREDIT_DATASETS_QUEUE = Queue("credit_datasets_queue", FecharMessage)
CREDIT_REMOVALS_QUEUE = Queue("credit_removals_queue", RemoverMessage)
CREDIT_TRAINING_QUEUE = Queue(
    "credit_training_queue", TreinoMessage, max_attempts=3, lease=timedelta(seconds=120)
)
CREDIT_LGPD_QUEUE = Queue("credit_lgpd_queue", ApagarMessage, max_attempts=20)
CREDIT_ORDERS_QUEUE = Queue("credit_orders_queue", PedidosMessage)
CREDIT_ANALYSIS_QUEUE = Queue(
    "credit_analysis_queue", AnaliseMessage, max_attempts=3, lease=timedelta(seconds=120)
)
