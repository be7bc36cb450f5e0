"""Queue `prices_training_queue`: train a version of a project's model."""

from chalicelib.core.runs import JobRun
from chalicelib.prices import training_job
from chalicelib.prices.queues_models import PRICES_TRAINING_QUEUE, TreinoMessage
from chalicelib.prices.training_job import TreinoReport
from functions.runtime import queue_handler


@queue_handler(PRICES_TRAINING_QUEUE)
def handler(run: JobRun, message: TreinoMessage) -> TreinoReport:
    """Train, compare, judge, publish."""
    return training_job.train(run, message)
