"""Queue `model_update_queue`: train the churn model anew."""

from chalicelib.core.runs import JobRun
from chalicelib.gym import training
from chalicelib.gym.queues import MODEL_UPDATE_QUEUE
from chalicelib.gym.schemas import UpdateModelMessage
from chalicelib.ml.training.publication import TrainingReport
from functions.runtime import queue_handler


@queue_handler(MODEL_UPDATE_QUEUE)
def handler(run: JobRun, _message: UpdateModelMessage) -> TrainingReport:
    """Train, judge, publish."""
    return training.update_model(run)
