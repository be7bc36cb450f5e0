"""Queue `prices_profile_queue`: turn a dataset's file into Parquet, and say what is in it."""

from chalicelib.core.runs import JobRun
from chalicelib.prices.profiling.job import profile
from chalicelib.prices.queues import PRICES_PROFILE_QUEUE, PerfilMessage
from chalicelib.prices.schemas_datasets import PerfilReport
from functions.runtime import queue_handler


@queue_handler(PRICES_PROFILE_QUEUE)
def handler(run: JobRun, message: PerfilMessage) -> PerfilReport:
    """Fetch, read, profile, keep."""
    return profile(run, message.dataset)
