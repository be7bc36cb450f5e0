"""Queue `credit_lots_queue`: lots of a company's dataset."""

from chalicelib.core.runs import JobRun
from chalicelib.credit import service_storing
from chalicelib.credit.queues import CREDIT_LOTS_QUEUE, LoteMessage
from chalicelib.credit.schemas_datasets import LoteReport
from functions.runtime import queue_handler


@queue_handler(CREDIT_LOTS_QUEUE)
def handler(run: JobRun, message: LoteMessage) -> LoteReport:
    """Judge and store one lot."""
    return service_storing.store_lot(run, message)
