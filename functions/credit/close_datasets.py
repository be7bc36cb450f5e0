"""Queue `credit_datasets_queue`: datasets that their company has concluded."""

from chalicelib.core.runs import JobRun
from chalicelib.credit import service_closing
from chalicelib.credit.queues import CREDIT_DATASETS_QUEUE, FecharMessage
from chalicelib.credit.schemas_datasets import ConclusaoReport
from functions.runtime import queue_handler


@queue_handler(CREDIT_DATASETS_QUEUE)
def handler(run: JobRun, message: FecharMessage) -> ConclusaoReport:
    """Check one, and close it or say what is wrong."""
    return service_closing.close_dataset(run, message)
