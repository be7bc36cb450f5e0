"""What heals the jobs: rows of lost workers are queued again, and unheard ones are rung for."""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chalicelib.core import metrics
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import ring
from chalicelib.core.old_rows import remove_old_rows
from chalicelib.core.queues import Ring
from chalicelib.core.settings import settings

log = logging.getLogger("previsto.sweep")

# A ring can be lost without anybody noticing, when a process ends between commit and ring. A
# long wait is no reason to ring much more often: every ring would stand in the broker's queue.
RING_AGAIN = timedelta(minutes=5)
MOST_AT_ONCE = 1_000
MOST_SECONDS = 15.0  # Of the thirty that the function has; the next sweep goes on.
FIRST = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))

# FOR UPDATE, though nothing but a lock is wanted, conflicts with the fence of an open
# transaction: a stalled run that is just writing keeps its job until that transaction ends.
EXPIRE = """
UPDATE jobs
SET state = CASE WHEN cancel_requested THEN 'cancelled'
                 WHEN attempt >= attempt_limit THEN 'failed' ELSE 'queued' END,
    finished_at = CASE WHEN cancel_requested OR attempt >= attempt_limit THEN now() END,
    lease_until = NULL, next_attempt_at = now(), rung_at = NULL,
    error = jsonb_build_object(
        'title', 'WorkerLost', 'attempt', attempt,
        'detail', 'O processo que fazia esta tarefa parou de responder antes de ela terminar.')
WHERE id IN (
    SELECT id FROM jobs
    WHERE state = 'running' AND lease_until < now()
    FOR UPDATE SKIP LOCKED
)
RETURNING queue, id
"""

# What waited for its next attempt has become due since it was last rung for.
DUE = """
UPDATE jobs
SET rung_at = now()
WHERE id IN (
    SELECT id FROM jobs
    WHERE state = 'queued' AND next_attempt_at <= now()
      AND (rung_at IS NULL OR rung_at < next_attempt_at
           OR rung_at < now() - make_interval(secs => :again))
      AND (next_attempt_at, id) > (:after_at, cast(:after_id AS uuid))
    ORDER BY next_attempt_at, id
    LIMIT :most
    FOR UPDATE SKIP LOCKED
)
RETURNING queue, id, next_attempt_at
"""


def sweep(ring_again: timedelta = RING_AGAIN) -> int:
    """Queue again what a lost worker held, and ring for what is due and unheard.

    Args:
        ring_again: After how long a ring that started nothing is taken for lost.

    Returns:
        How many jobs had lost their worker.
    """
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        expired = session.execute(text(EXPIRE)).all()
    for queue, job_id in expired:
        metrics.count_worker_lost(queue)
        fields = {"queue": queue, "job": str(job_id), "lost": 1}
        log.warning("worker lost", extra=fields | metrics.embedded("queue", lost="Count"))
    # Each round goes on behind the last one: what is unheard once more is not rung for twice.
    after, deadline = FIRST, time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline:
        due = _take_due(after, ring_again)
        if due:
            ring([Ring(row.queue, str(row.id)) for row in due])
            after = max((row.next_attempt_at, row.id) for row in due)
        if len(due) < MOST_AT_ONCE:
            break
    return len(expired)


def _take_due(after: tuple[datetime, UUID], ring_again: timedelta) -> Sequence[Any]:
    parameters = {
        "again": ring_again.total_seconds(),
        "most": MOST_AT_ONCE,
        "after_at": after[0],
        "after_id": after[1],
    }
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        return session.execute(text(DUE), parameters).all()


REMOVE = """
DELETE FROM jobs WHERE id IN (
    SELECT id FROM jobs WHERE finished_at < :limit LIMIT :most)
"""


def remove_old_jobs(now: datetime) -> int:
    """Delete jobs that ended more than `JOBS_KEEP_DAYS` ago, with the rows that they refused.

    Returns:
        How many were deleted.
    """
    limit = now - timedelta(days=settings().jobs_keep_days)
    return remove_old_rows(REMOVE, {"limit": limit})
