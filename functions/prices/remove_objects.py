"""Queue `prices_removal_queue`: remove what a deleted dataset or project had stored."""

from chalicelib.core.runs import JobRun
from chalicelib.prices.queues import PRICES_REMOVAL_QUEUE, RemocaoMessage
from chalicelib.prices.schemas_datasets import RemocaoReport
from chalicelib.prices.service_removal import remove_objects
from functions.runtime import queue_handler


@queue_handler(PRICES_REMOVAL_QUEUE)
def handler(run: JobRun, message: RemocaoMessage) -> RemocaoReport:
    """Delete every object whose key begins as the message says."""
    return remove_objects(run, message.prefixo)
