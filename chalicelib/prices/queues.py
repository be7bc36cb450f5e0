"""The queues of the prices, and what their messages say."""

from datetime import timedelta

from pydantic import BaseModel

from chalicelib.core.queues import Queue


class PerfilMessage(BaseModel):
    """A file has been received.

    Attributes:
        dataset: Which row it is kept as.
        objeto: Key of the file; while the job waits, the daily clean-up leaves it.
    """

    dataset: int
    objeto: str


class RemocaoMessage(BaseModel):
    """All objects whose keys begin so are to go; their rows have gone, or nobody sees them."""

    prefixo: str


PRICES_PROFILE_QUEUE = Queue(
    "prices_profile_queue", PerfilMessage, max_attempts=3, lease=timedelta(seconds=120)
)
PRICES_REMOVAL_QUEUE = Queue("prices_removal_queue", RemocaoMessage)
