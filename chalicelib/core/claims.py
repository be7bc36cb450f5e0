"""Taking the next job of a queue: which one it is is decided here, for all transports."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.pg import PLANNED_ALONG_INDEXES
from chalicelib.core.queues import Queue
from chalicelib.core.runs import FENCED, SUCCEEDED, JobRun, succeeded_values
from chalicelib.core.statements import HotStatement


def claim(queue: Queue[Any]) -> JobRun | None:
    """Take the queue's next job that is due, whichever message announced it.

    Tenants take turns in the order of their names, beginning behind the one that was served
    last: ten thousand jobs of one do not keep the first of another waiting.

    Returns:
        The run, which holds the job for the length of a lease; None when nothing is due.
    """
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        row = CLAIM.one_or_none(session, queue=queue.name, lease=queue.lease.total_seconds())
    return _run_of(row, queue)


def succeed_and_claim(
    run: JobRun, result: dict[str, Any] | None, queue: Queue[Any]
) -> JobRun | None:
    """End a run well and take the queue's next job that is due, in one transaction.

    Both are on disk before the next run begins, at the cost of one commit instead of two.

    Returns:
        The next run, as of `claim`; None when nothing is due.

    Raises:
        LeaseLost: Another attempt has the job; then nothing is claimed either.
    """
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        row = SUCCEED_AND_CLAIM.one_or_none(
            session,
            queue=queue.name,
            lease=queue.lease.total_seconds(),
            **run.fence,
            **succeeded_values(result),
        )
    if not row.succeeded:
        raise run.lose()
    return _run_of(row, queue)


def _run_of(row: Any, queue: Queue[Any]) -> JobRun | None:
    if row is None or row.job_id is None:
        return None
    return JobRun(
        job_id=row.job_id,
        queue=queue.name,
        attempt=row.attempt,
        started_at=row.started_at,
        attempt_limit=row.attempt_limit,
        tenant=row.tenant,
        owner=row.owner,
        message=row.message,
        checkpoint=row.checkpoint,
        request_id=row.request_id,
        lease_seconds=queue.lease.total_seconds(),
    )


_DUE = """
SELECT j.id FROM jobs j
WHERE j.queue = :queue AND j.state = 'queued' AND j.next_attempt_at <= now()
  AND j.tenant {behind} (SELECT tenant FROM served)
ORDER BY j.tenant, j.next_attempt_at
LIMIT 1
FOR UPDATE SKIP LOCKED
"""

_SERVED = """served AS (
    SELECT coalesce((
        SELECT tenant FROM jobs
        WHERE queue = :queue AND started_at IS NOT NULL ORDER BY started_at DESC LIMIT 1
    ), '') AS tenant
)"""

# Two look-ups in one index: behind the tenant that was served last, else from the beginning.
_TAKE = f"""
UPDATE jobs
SET state = 'running', attempt = attempt + 1, started_at = clock_timestamp(), error = NULL,
    lease_until = now() + make_interval(secs => :lease)
WHERE {{where}} id = (
    SELECT id FROM (
        SELECT id FROM ({_DUE.format(behind=">")}) behind
        UNION ALL
        SELECT id FROM ({_DUE.format(behind="<=")}) from_the_beginning
    ) next
    LIMIT 1
)
RETURNING id AS job_id, attempt, started_at, attempt_limit, tenant, owner, message, checkpoint,
          request_id"""

# The commit of a claim does not wait for the disk. Whatever the run commits later does, and takes
# the claim with it: the log is written in order. Should the server crash before that, the claim
# has never been: the row is queued again, the next attempt has the same number and another
# started_at, and the fence keeps the lost one out. Only the number of attempts forgets it.
CLAIM = HotStatement(f"""{PLANNED_ALONG_INDEXES}
WITH {_SERVED} {_TAKE.format(where="")},
    set_config('synchronous_commit', 'off', true) AS unwaited
""")

# This one waits for the disk: somebody may have read that the job has succeeded.
SUCCEED_AND_CLAIM = HotStatement(f"""{PLANNED_ALONG_INDEXES}
WITH ended AS (
    UPDATE jobs SET {SUCCEEDED}
    WHERE {FENCED}
    RETURNING id
), {_SERVED}, taken AS ({_TAKE.format(where="EXISTS (SELECT FROM ended) AND")})
SELECT EXISTS (SELECT FROM ended) AS succeeded, taken.*
FROM (VALUES (1)) AS always LEFT JOIN taken ON true
""")


def job_exists(job_id: UUID) -> bool:
    """Whether a message names a job that is known."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = session.execute(text("SELECT 1 FROM jobs WHERE id = :id"), {"id": job_id})
        return found.scalar() is not None
