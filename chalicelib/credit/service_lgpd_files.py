"""Files that mention clientes: bodies of lots, uploads, and copies made for people."""

from chalicelib.core.personal_data import delete_folder, erase_files_of_jobs, export_folder
from chalicelib.core.runs import JobRun
from chalicelib.credit.queues import (
    CREDIT_ANALYSIS_QUEUE,
    CREDIT_LOTS_QUEUE,
    CREDIT_ORDERS_QUEUE,
    ApagarMessage,
)
from chalicelib.credit.schemas_lgpd import ApagarReport
from chalicelib.credit.service_lots import bodies_of

TAKING_FILES = (CREDIT_LOTS_QUEUE.name, CREDIT_ORDERS_QUEUE.name, CREDIT_ANALYSIS_QUEUE.name)


def erase_files(run: JobRun, message: ApagarMessage) -> ApagarReport:
    """Delete the company's files that were taken in before a cliente was erased.

    All of them, without looking whom they mention. A lot of an open dataset that has to be read
    anew is sent anew.

    Raises:
        ArquivoEmUso: A job needs one; what could be deleted has been.
        ServiceUnavailable: The store does not answer.
    """
    exports = delete_folder(run, export_folder(run.tenant), message.pedido_em)
    lots = delete_folder(run, bodies_of(run.tenant), message.pedido_em)
    removed = erase_files_of_jobs(run, TAKING_FILES, message.pedido_em)
    return ApagarReport(
        lotes_removidos=lots, arquivos_removidos=removed, exportacoes_removidas=exports
    )
