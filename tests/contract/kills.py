"""Workers killed at random moments, and what became of the jobs."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.context import ForkServerProcess

from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import ring
from chalicelib.core.queues import Ring
from chalicelib.core.sweep import sweep
from tests.contract.work import PARTS, WORK, Work, ask_silently, start_process

WORK_SECONDS = 0.005
SILENT_SHARE = 0.1  # Of the jobs, whose publisher was killed between commit and ring.
SWEEP_SECONDS = 0.5
LOOK_SECONDS = 0.02
# Every ring that is repeated stands in the queue, so a long wait repeats few.
RING_AGAIN_SOON, RING_AGAIN_LATE = timedelta(seconds=3), timedelta(seconds=60)
FEW = 300

OUTCOME = """
WITH counted AS (
    SELECT job_id, part, count(*) AS times FROM effects GROUP BY job_id, part
),
told AS (
    SELECT j.state, j.attempt, count(c.part) FILTER (WHERE c.times = 1) AS once,
           coalesce(sum(c.times - 1), 0) AS repeated, count(c.part) AS parts
    FROM jobs j LEFT JOIN counted c ON c.job_id = j.id GROUP BY j.id
)
SELECT count(*) AS jobs, sum(attempt) AS attempts,
       count(*) FILTER (WHERE state = 'succeeded' AND once = :parts AND parts = :parts) AS once,
       sum(repeated) AS duplicates,
       count(*) FILTER (WHERE state <> 'succeeded' OR parts < :parts) AS lost
FROM told
"""


@dataclass(frozen=True)
class Plan:
    """How much is done, and how it is disturbed.

    Attributes:
        jobs: How many jobs.
        kills: How many workers are killed while they are worked on.
        workers: How many work at a time.
        seconds: When to give up.
        seed: Of the random moments.
    """

    jobs: int
    kills: int
    workers: int = 3
    seconds: float = 120.0
    seed: int = 1


@dataclass(frozen=True)
class Outcome:
    """What became of the jobs.

    Attributes:
        jobs: How many there were.
        kills: How many workers were killed.
        attempts: How often jobs were started, all together.
        once: Jobs that succeeded and had each of their effects exactly once.
        duplicates: Effects too many.
        lost: Jobs that did not succeed, or lack an effect.
        seconds: How long all that took.
    """

    jobs: int
    kills: int
    attempts: int
    once: int
    duplicates: int
    lost: int
    seconds: float


def disturb(queue_url: str, plan: Plan) -> Outcome:
    """Have jobs worked on while workers are killed; `QUEUE_URL` must say the same."""
    started = time.monotonic()
    _put(plan.jobs)
    with _workers(queue_url, plan.workers) as workers:
        kills = _kill_all_along(queue_url, workers, plan)
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = session.execute(text(OUTCOME), {"parts": PARTS}).one()
    return Outcome(
        jobs=found.jobs,
        kills=kills,
        attempts=int(found.attempts),
        once=found.once,
        duplicates=int(found.duplicates),
        lost=found.lost,
        seconds=time.monotonic() - started,
    )


def _put(jobs: int) -> None:
    silent = round(jobs * SILENT_SHARE)
    work = Work(seconds=WORK_SECONDS)
    ring([Ring(WORK.name, str(job_id)) for job_id in ask_silently(jobs - silent, work)])
    ask_silently(silent, work)


@contextmanager
def _workers(queue_url: str, count: int) -> Iterator[list[ForkServerProcess]]:
    workers = [start_process("work", queue_url) for _ in range(count)]
    try:
        yield workers
    finally:
        for worker in workers:
            _kill(worker)


def _kill_all_along(queue_url: str, workers: list[ForkServerProcess], plan: Plan) -> int:
    """Kill workers, evenly over the jobs but each at a random moment, until all have ended."""
    dice = random.Random(plan.seed)
    kills, swept, deadline = 0, time.monotonic(), time.monotonic() + plan.seconds
    while (left := _unfinished()) and time.monotonic() < deadline:
        if kills < plan.kills and plan.jobs - left >= kills * plan.jobs / plan.kills:
            time.sleep(dice.uniform(0, LOOK_SECONDS))
            place = dice.randrange(len(workers))
            _kill(workers[place])
            workers[place] = start_process("work", queue_url)
            kills += 1
        else:
            time.sleep(LOOK_SECONDS)
        if time.monotonic() - swept > SWEEP_SECONDS:
            sweep(RING_AGAIN_SOON if left < FEW else RING_AGAIN_LATE)
            swept = time.monotonic()
    return kills


def _kill(worker: ForkServerProcess) -> None:
    worker.kill()
    worker.join()
    worker.close()


def _unfinished() -> int:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = session.execute(
            text("SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')")
        )
        return int(found.scalar_one())
