"""Queue `credit_lots_queue`: lots of a company's dataset, and files that make many."""

from chalicelib.core.runs import JobRun
from chalicelib.credit import service_lot_files, service_storing
from chalicelib.credit.queues import CREDIT_LOTS_QUEUE, LoteMessage
from chalicelib.credit.schemas_datasets import LoteReport
from functions.runtime import queue_handler


@queue_handler(CREDIT_LOTS_QUEUE)
def handler(run: JobRun, message: LoteMessage) -> LoteReport:
    """Judge and store one lot, or divide a file into lots."""
    if message.objeto is not None:
        return service_lot_files.divide_file(run, message, message.objeto)
    return service_storing.store_lot(run, message)
