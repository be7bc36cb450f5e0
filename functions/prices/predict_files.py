"""Queue `prices_prediction_queue`: predict the rows of a file."""

from chalicelib.core.runs import JobRun
from chalicelib.prices import training_file
from chalicelib.prices.queues_models import PRICES_PREDICTION_QUEUE, ArquivoMessage
from chalicelib.prices.schemas_predictions import LoteReport
from functions.runtime import queue_handler


@queue_handler(PRICES_PREDICTION_QUEUE)
def handler(run: JobRun, message: ArquivoMessage) -> LoteReport:
    """Read, answer, store."""
    return training_file.predict_file(run, message)
