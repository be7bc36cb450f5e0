"""Queue `analysis_queue`: the churn model's health, and retention."""

from chalicelib.core.clock import utc_now
from chalicelib.core.runs import JobRun
from chalicelib.gym import training_analyses
from chalicelib.gym.queues import ANALYSIS_QUEUE
from chalicelib.gym.schemas_models import AnalysisMessage
from chalicelib.gym.training_analyses import AnalysisReport
from functions.runtime import queue_handler


@queue_handler(ANALYSIS_QUEUE)
def handler(run: JobRun, _message: AnalysisMessage) -> AnalysisReport:
    """Measure both and keep what was found."""
    return training_analyses.analyse(run, utc_now())
