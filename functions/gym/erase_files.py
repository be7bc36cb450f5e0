"""Queue `lgpd_queue`: files that may mention a member who was erased."""

from chalicelib.core.runs import JobRun
from chalicelib.gym import service_lgpd_files
from chalicelib.gym.queues import LGPD_QUEUE
from chalicelib.gym.schemas_members import ApagarMessage, ApagarReport
from functions.runtime import queue_handler


@queue_handler(LGPD_QUEUE)
def handler(run: JobRun, message: ApagarMessage) -> ApagarReport:
    """Delete them."""
    return service_lgpd_files.erase_files(run, message)
