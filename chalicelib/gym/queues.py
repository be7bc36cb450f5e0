"""The gym's queues, by the brief's names."""

from datetime import timedelta

from chalicelib.core.queues import Queue
from chalicelib.gym.schemas import CalculoMessage, ImportMessage, UpdateModelMessage
from chalicelib.gym.schemas_reports import RelatorioMessage

ALUNO_QUEUE = Queue("aluno_queue", ImportMessage)
CHECKIN_QUEUE = Queue("checkin_queue", ImportMessage)
MODEL_UPDATE_QUEUE = Queue(
    "model_update_queue",
    UpdateModelMessage,
    max_attempts=3,
    lease=timedelta(seconds=120),
)
CHURN_PROBABILITIES_QUEUE = Queue("churn_probabilities_queue", CalculoMessage)
DAILY_REPORT_QUEUE = Queue("daily_report_queue", RelatorioMessage)
