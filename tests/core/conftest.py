"""What tests of the core begin with."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import Job, enqueue
from chalicelib.core.settings import HOUSE
from tests.core.sample import SAMPLE_QUEUE, Tiny

MakeJob = Callable[..., UUID]


@pytest.fixture
def make_job(environment: dict[str, str]) -> MakeJob:
    """Queues a job; gives its id."""

    def make(
        number: int = 0,
        *,
        tenant: str = HOUSE,
        owner: str = "usuario:0",
        key: str | None = None,
    ) -> UUID:
        with unit_of_work(tenant=tenant) as session:
            message = Tiny(number=number)
            job = enqueue(
                session, SAMPLE_QUEUE, message, tenant=tenant, owner=owner, dedupe_key=key
            )
        return job.id

    return make


def job_row(job_id: UUID) -> Job:
    """A job as it stands now, whoever's it is."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        job = session.get(Job, job_id)
    assert job is not None
    return job


def change_job(job_id: UUID, assignments: str, **values: Any) -> None:
    """Put a job into a state that would take time to come about."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        statement = text(f"UPDATE jobs SET {assignments} WHERE id = :id")
        session.execute(statement, {"id": job_id, **values})
