"""The gym's queues, by the brief's names."""

from datetime import timedelta

from chalicelib.core.queues import Queue
from chalicelib.gym.schemas import ImportMessage, UpdateModelMessage
from chalicelib.gym.schemas_models import AnalysisMessage, CompareMessage

ALUNO_QUEUE = Queue("aluno_queue", ImportMessage)
CHECKIN_QUEUE = Queue("checkin_queue", ImportMessage)
MODEL_UPDATE_QUEUE = Queue(
    "model_update_queue",
    UpdateModelMessage,
    max_attempts=3,
    lease=timedelta(seconds=120),
)
MODEL_COMPARISON_QUEUE = Queue(
    "model_comparison_queue", CompareMessage, max_attempts=3, lease=timedelta(seconds=120)
)
ANALYSIS_QUEUE = Queue(
    "analysis_queue", AnalysisMessage, max_attempts=3, lease=timedelta(seconds=120)
)
