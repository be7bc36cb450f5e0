"""The gym's queues, by the brief's names."""

from datetime import timedelta

from chalicelib.core.queues import Queue
from chalicelib.gym.schemas import CalculoMessage, ImportMessage, UpdateModelMessage
from chalicelib.gym.schemas_members import ApagarMessage
from chalicelib.gym.schemas_models import AnalysisMessage, CompareMessage
from chalicelib.gym.schemas_reports import RelatorioMessage

ALUNO_QUEUE = Queue("aluno_queue", ImportMessage)
CHECKIN_QUEUE = Queue("checkin_queue", ImportMessage)
LGPD_QUEUE = Queue("lgpd_queue", ApagarMessage, max_attempts=20)
MODEL_UPDATE_QUEUE = Queue(
    "model_update_queue",
    UpdateModelMessage,
    max_attempts=3,
    lease=timedelta(seconds=120),
)
CHURN_PROBABILITIES_QUEUE = Queue("churn_probabilities_queue", CalculoMessage)
DAILY_REPORT_QUEUE = Queue("daily_report_queue", RelatorioMessage)
MODEL_COMPARISON_QUEUE = Queue(
    "model_comparison_queue", CompareMessage, max_attempts=3, lease=timedelta(seconds=120)
)
ANALYSIS_QUEUE = Queue(
    "analysis_queue", AnalysisMessage, max_attempts=3, lease=timedelta(seconds=120)
)
