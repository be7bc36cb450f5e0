"""Queues and their doorbells (law 2: the jobs row is the truth, the message only a doorbell)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

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


@dataclass(frozen=True)
class Ring:
    """The announcement that a queue has one more job.

    Attributes:
        queue: The queue's name.
        job_id: The job that is due; whoever hears it may take another one of the queue.
    """

    queue: str
    job_id: str

    @property
    def body(self) -> dict[str, str]:
        """What a message of a broker says."""
        return {"job": self.job_id}


Unheard = Callable[[Sequence[Ring]], None]


class Doorbell(Protocol):
    """Tells workers that queues have work; losing a ring loses nothing but time."""

    def ring(self, rings: Sequence[Ring], unheard: Unheard) -> None:
        """Announce jobs; a broker that is away neither fails nor delays the caller for long.

        Args:
            rings: What to announce.
            unheard: Told of those that were not taken over by the broker; perhaps later, and
                from another thread.
        """

    def check(self) -> str | None:
        """Ask the broker whether it is there; raises whatever its client raises when not.

        Returns:
            What it is, for admins; None where the database is the broker.
        """

    def close(self) -> None:
        """Announce what still waits, for a moment, and let go of the broker."""
