"""Queue `aluno_queue`: bulk files of members."""

from chalicelib.core.imports import ImportReport
from chalicelib.core.runs import JobRun
from chalicelib.gym import service_import_members
from chalicelib.gym.queues import ALUNO_QUEUE
from chalicelib.gym.schemas import ImportMessage
from functions.runtime import queue_handler


@queue_handler(ALUNO_QUEUE)
def handler(run: JobRun, file: ImportMessage) -> ImportReport:
    """Import one file."""
    return service_import_members.import_alunos(run, file)
