"""Queue `credit_removals_queue`: datasets that were cancelled, or have expired."""

from chalicelib.core.runs import JobRun
from chalicelib.credit import service_removal
from chalicelib.credit.queues import CREDIT_REMOVALS_QUEUE, RemoverMessage
from chalicelib.credit.schemas_datasets import RemocaoReport
from functions.runtime import queue_handler


@queue_handler(CREDIT_REMOVALS_QUEUE)
def handler(run: JobRun, message: RemoverMessage) -> RemocaoReport:
    """Remove the items and objects of one."""
    return service_removal.remove_dataset(run, message)
