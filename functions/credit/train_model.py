"""Queue `credit_training_queue`: train a company's model on one of its datasets."""

from chalicelib.core.runs import JobRun
from chalicelib.credit import training
from chalicelib.credit.queues import CREDIT_TRAINING_QUEUE, TreinoMessage
from chalicelib.credit.training_card import CreditReport
from functions.runtime import queue_handler


@queue_handler(CREDIT_TRAINING_QUEUE)
def handler(run: JobRun, message: TreinoMessage) -> CreditReport:
    """Train, judge, publish."""
    return training.train_model(run, message)
