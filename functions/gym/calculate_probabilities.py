"""Queue `churn_probabilities_queue`: score every active member."""

from chalicelib.core.runs import JobRun
from chalicelib.gym import service_scoring
from chalicelib.gym.queues import CHURN_PROBABILITIES_QUEUE
from chalicelib.gym.schemas import CalculoMessage, CalculoReport
from functions.runtime import queue_handler


@queue_handler(CHURN_PROBABILITIES_QUEUE)
def handler(run: JobRun, _message: CalculoMessage) -> CalculoReport:
    """Score, keep, explain the highest."""
    return service_scoring.score_members(run)
