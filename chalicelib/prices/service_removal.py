"""What is done about objects that nobody can reach any more."""

from chalicelib.core.runs import JobRun
from chalicelib.core.uploads import object_store, store_must_answer
from chalicelib.prices.schemas_datasets import RemocaoReport


def remove_objects(run: JobRun, prefix: str) -> RemocaoReport:
    """Delete the objects of a deleted dataset or project; done again, it finds none.

    Raises:
        ServiceUnavailable: The store does not answer.
        RunCancelled, RunInterrupted, LeaseLost: See `JobRun`.
    """
    removed = 0
    with store_must_answer():
        for info in list(object_store().list(prefix)):
            object_store().delete(info.key)
            removed += 1
            run.progress(removed, 0, "Removendo arquivos")
    return RemocaoReport(objetos=removed)
