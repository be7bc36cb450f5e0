"""Queue `daily_report_queue`: what a local day was like."""

from chalicelib.core.runs import JobRun
from chalicelib.gym import service_reports
from chalicelib.gym.queues import DAILY_REPORT_QUEUE
from chalicelib.gym.schemas_reports import RelatorioJob, RelatorioMessage
from functions.runtime import queue_handler


@queue_handler(DAILY_REPORT_QUEUE)
def handler(run: JobRun, message: RelatorioMessage) -> RelatorioJob:
    """Count the day and keep the report."""
    return service_reports.make_report(run, message.dia)
