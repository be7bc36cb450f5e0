"""Queues and their doorbells (law 2: the jobs row is the truth, the message only a doorbell)."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel
from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.settings import UnsafeSettings, settings

NOTIFY_CHANNEL = "previsto_jobs"

MessageT = TypeVar("MessageT", bound=BaseModel)


@dataclass(frozen=True)
class Queue(Generic[MessageT]):
    """One kind of background work.

    Attributes:
        name: The queue's name on every transport.
        message: What a job of it carries: ids and object keys, never data.
        max_attempts: How often a failing job is tried.
        lease: How long a silent worker keeps a job before another may take it.
    """

    name: str
    message: type[MessageT]
    max_attempts: int = 5
    lease: timedelta = timedelta(seconds=60)


class Doorbell(Protocol):
    """Tells workers that a queue has work; losing a ring loses nothing but time."""

    def ring(self, queue_name: str, job_id: str) -> None:
        """Announce one job."""


class JobsTableDoorbell:
    """Workers claim from the jobs table and are woken by `LISTEN`; a slow poll stands behind it."""

    def ring(self, queue_name: str, job_id: str) -> None:
        """Wake the listening workers; the payload says which queue and job."""
        with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
            session.execute(
                text("SELECT pg_notify(:channel, :payload)"),
                {"channel": NOTIFY_CHANNEL, "payload": f"{queue_name} {job_id}"},
            )


@cache
def doorbell() -> Doorbell:
    """The doorbell that `QUEUE_URL` names.

    Raises:
        UnsafeSettings: The address names no transport that exists.
    """
    url = settings().queue_url
    if url.startswith("jobs:"):
        return JobsTableDoorbell()
    raise UnsafeSettings("QUEUE_URL must be jobs:// (the jobs table)")
