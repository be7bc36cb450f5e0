"""Queue `books_training_queue`: keep a snapshot's training data, train the price model on them."""

from chalicelib.books import training
from chalicelib.books.queues import BOOKS_TRAINING_QUEUE
from chalicelib.books.schemas_ml import PriceReport, TrainMessage
from chalicelib.core.runs import JobRun
from functions.runtime import queue_handler


@queue_handler(BOOKS_TRAINING_QUEUE)
def handler(run: JobRun, message: TrainMessage) -> PriceReport:
    """Keep, train, judge, publish."""
    return training.train_prices(run, message.snapshot)
