"""Jobs of the prices, worked off as a worker would."""

from importlib import import_module
from typing import Any
from uuid import UUID

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import Job
from functions import EVENT_SOURCES
from tests.client import Answer
from tests.functions.conftest import job, rings


def work_off(job_id: str) -> Job:
    """Let the handler of a job's queue run it; gives the job as it stands then."""
    source = EVENT_SOURCES[job(UUID(job_id)).queue]
    module, _, name = source.handler.rpartition(".")
    answered = getattr(import_module(module), name)(rings(UUID(job_id)), None)
    assert answered == {"batchItemFailures": []}
    return job(UUID(job_id))


def profiled(sent: Answer) -> dict[str, Any]:
    """The dataset that was sent, once its job has run well."""
    assert sent.status == 202, sent.body
    done = work_off(sent.json["job"]["id"])
    assert done.state == "succeeded", done.error
    dataset: dict[str, Any] = sent.json["dataset"]
    return dataset


def change(statement: Any, **values: Any) -> None:
    """Change rows as nobody could by the API."""
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(statement, values)
