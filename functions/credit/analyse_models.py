"""Queue `credit_analysis_queue`: compare versions of a company's model, try one, measure one."""

from pydantic import BaseModel

from chalicelib.core.runs import JobRun
from chalicelib.credit import training_analyses
from chalicelib.credit.queues import CREDIT_ANALYSIS_QUEUE, AnaliseMessage
from functions.runtime import queue_handler


@queue_handler(CREDIT_ANALYSIS_QUEUE)
def handler(run: JobRun, message: AnaliseMessage) -> BaseModel:
    """Find out."""
    return training_analyses.analyse(run, message)
