"""Queue `credit_lgpd_queue`: files that may mention a cliente who was erased."""

from chalicelib.core.runs import JobRun
from chalicelib.credit import service_lgpd_files
from chalicelib.credit.queues import CREDIT_LGPD_QUEUE, ApagarMessage
from chalicelib.credit.schemas_lgpd import ApagarReport
from functions.runtime import queue_handler


@queue_handler(CREDIT_LGPD_QUEUE)
def handler(run: JobRun, message: ApagarMessage) -> ApagarReport:
    """Delete them."""
    return service_lgpd_files.erase_files(run, message)
