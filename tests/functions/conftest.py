"""Jobs of a queue made for the tests, and the events that announce them."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import Job, enqueue
from chalicelib.core.queues import Queue


class Ask(BaseModel):
    """A message of the tests' own queue."""

    n: int


class Told(BaseModel):
    """A result."""

    dobro: float


ASKS = Queue("test_queue", Ask, max_attempts=3)


def ask(n: int) -> UUID:
    """Enqueue one job."""
    with unit_of_work(tenant="casa") as session:
        return enqueue(session, ASKS, Ask(n=n), tenant="casa", owner="usuario:1").id


def job(job_id: UUID) -> Job:
    """A job as it stands now."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = session.get(Job, job_id)
        assert found is not None
        return found


def record(body: Any) -> dict[str, Any]:
    """An SQS record; a body that is not text is written as JSON."""
    written = body if isinstance(body, str) else json.dumps(body)
    return {"messageId": str(uuid4()), "body": written}


def rings(*job_ids: UUID) -> dict[str, Any]:
    """The event that announces these jobs."""
    return {"Records": [record({"job": str(job_id)}) for job_id in job_ids]}


def failed(event: dict[str, Any], *places: int) -> dict[str, Any]:
    """The answer that hands these records back."""
    handed_back = [{"itemIdentifier": event["Records"][n]["messageId"]} for n in places]
    return {"batchItemFailures": handed_back}


@pytest.fixture
def make_due(environment: dict[str, str]) -> Callable[[UUID], None]:
    """Lets a job that waits for its next attempt be due now."""

    def make(job_id: UUID) -> None:
        with unit_of_work(role=DatabaseRole.SYSTEM) as session:
            found = session.get(Job, job_id)
            assert found is not None
            found.next_attempt_at = found.created_at

    return make
