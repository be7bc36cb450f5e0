"""Files that mention members: raw files of imports, and copies made for the person."""

from chalicelib.core.personal_data import delete_folder, erase_files_of_jobs, export_folder
from chalicelib.core.runs import JobRun
from chalicelib.gym.queues import ALUNO_QUEUE, CHECKIN_QUEUE
from chalicelib.gym.schemas_members import ApagarMessage, ApagarReport

IMPORTS = (ALUNO_QUEUE.name, CHECKIN_QUEUE.name)


def erase_files(run: JobRun, message: ApagarMessage) -> ApagarReport:
    """Delete the copies made for a member who was erased, and the raw files taken in before.

    Raises:
        ArquivoEmUso: One is being imported; what could be deleted has been.
        ServiceUnavailable: The store does not answer.
    """
    exports = delete_folder(run, export_folder(run.tenant, message.aluno_id))
    removed = erase_files_of_jobs(run, IMPORTS, message.pedido_em)
    return ApagarReport(arquivos_removidos=removed, exportacoes_removidas=exports)
