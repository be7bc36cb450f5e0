"""Queue `prices_analysis_queue`: compare two versions of a project's model, or measure them."""

from pydantic import BaseModel

from chalicelib.core.runs import JobRun
from chalicelib.prices import training_analyses
from chalicelib.prices.queues_models import PRICES_ANALYSIS_QUEUE, AnaliseMessage
from functions.runtime import queue_handler


@queue_handler(PRICES_ANALYSIS_QUEUE)
def handler(run: JobRun, message: AnaliseMessage) -> BaseModel:
    """Find out."""
    return training_analyses.analyse(run, message)
