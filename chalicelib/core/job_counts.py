"""How many jobs wait, run and were given up, by queue: of all tenants, as numbers only."""

from datetime import datetime, timedelta

from pydantic import BaseModel, Field
from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work

RECENTLY = timedelta(days=7)

# The jobs that wait and run are few, and have indexes of their own.
COUNTS = """
SELECT queue,
       count(*) FILTER (WHERE state = 'queued') AS waiting,
       count(*) FILTER (WHERE state = 'queued' AND next_attempt_at > :now) AS later,
       count(*) FILTER (WHERE state = 'running') AS running,
       count(*) FILTER (WHERE state = 'failed') AS failed,
       count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
       min(next_attempt_at) FILTER (WHERE state = 'queued' AND next_attempt_at <= :now) AS due_since
FROM jobs
WHERE state IN ('queued', 'running') OR finished_at >= :since
GROUP BY queue ORDER BY queue
"""


class QueueFigures(BaseModel):
    """A queue in numbers."""

    queue: str
    waiting: int = Field(description="Not started yet, those to be tried again included.")
    later: int = Field(description="Of these, those that are not due yet.")
    running: int
    failed: int = Field(description="Given up in the last seven days.")
    succeeded: int = Field(description="In the last seven days.")
    due_since: datetime | None = Field(description="Since when the one waits that is due longest.")


def count_jobs(now: datetime) -> list[QueueFigures]:
    """Every queue that has work, or had some in the last seven days."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        rows = session.execute(text(COUNTS), {"now": now, "since": now - RECENTLY})
        return [QueueFigures.model_validate(dict(row._mapping)) for row in rows]
