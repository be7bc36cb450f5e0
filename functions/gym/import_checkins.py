"""Queue `checkin_queue`: bulk files of visits."""

from chalicelib.core.imports import ImportReport
from chalicelib.core.runs import JobRun
from chalicelib.gym import service_imports
from chalicelib.gym.queues import CHECKIN_QUEUE
from chalicelib.gym.schemas import ImportMessage
from functions.runtime import queue_handler


@queue_handler(CHECKIN_QUEUE)
def handler(run: JobRun, file: ImportMessage) -> ImportReport:
    """Import one file."""
    return service_imports.import_checkins(run, file)
