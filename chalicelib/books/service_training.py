"""Having the price model trained."""

from sqlalchemy.orm import Session

from chalicelib.books.queues import BOOKS_TRAINING_QUEUE
from chalicelib.books.schemas_ml import TrainMessage
from chalicelib.core.jobs import Job, enqueue
from chalicelib.core.settings import HOUSE


def ask_for_training(session: Session, snapshot: int, *, owner: str) -> Job:
    """Have a snapshot's training data kept, and the price model trained on them."""
    return enqueue(
        session,
        BOOKS_TRAINING_QUEUE,
        TrainMessage(snapshot=snapshot),
        tenant=HOUSE,
        owner=owner,
        dedupe_key=f"snapshot:{snapshot}",
    )
