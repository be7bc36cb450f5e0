"""Workers killed at random moments, and what became of the jobs."""

import os
import random
import signal
import time
from contextlib import suppress
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
RING_AGAIN_SOON, RING_AGAIN_LATE = timedelta(seconds=1), timedelta(seconds=60)
FEW = 300
KILLS_PER_STALL = 5
STALL_SECONDS = WORK.lease.total_seconds() + 2 * SWEEP_SECONDS
LEAVE_SECONDS = 30.0

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
        stalls: How many others slept for longer than their lease, and then went on.
        attempts: How often jobs were started, all together.
        once: Jobs that succeeded and had each of their effects exactly once.
        duplicates: Effects too many.
        lost: Jobs that did not succeed, or lack an effect.
        seconds: How long all that took.
    """

    jobs: int
    kills: int
    stalls: int
    attempts: int
    once: int
    duplicates: int
    lost: int
    seconds: float


def disturb(queue_url: str, plan: Plan) -> Outcome:
    """Have jobs worked on while workers are killed; `QUEUE_URL` must say the same."""
    started = time.monotonic()
    _put(plan.jobs)
    crew = Crew(queue_url, plan.workers)
    try:
        kills, stalls = _kill_all_along(crew, plan)
    finally:
        crew.dismiss()
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = session.execute(text(OUTCOME), {"parts": PARTS}).one()
    return Outcome(
        jobs=found.jobs,
        kills=kills,
        stalls=stalls,
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


class Crew:
    """Workers of which some are killed, and some stall for longer than their lease."""

    def __init__(self, queue_url: str, count: int) -> None:
        self._queue_url = queue_url
        self._workers = [start_process("work", queue_url) for _ in range(count)]
        self._stalled: list[tuple[ForkServerProcess, float]] = []
        self._leaving: list[ForkServerProcess] = []

    def kill(self, place: int) -> None:
        """Kill a worker, and start another one in its place."""
        _end(self._workers[place])
        self._workers[place] = start_process("work", self._queue_url)

    def stall(self, place: int) -> None:
        """Stop a worker as a machine does that sleeps, and start another one in its place.

        When it wakes up it goes on with what it had in hand, before it ends.
        """
        stalled = self._workers[place]
        _signal(stalled, signal.SIGSTOP)
        _signal(stalled, signal.SIGTERM)
        self._stalled.append((stalled, time.monotonic() + STALL_SECONDS))
        self._workers[place] = start_process("work", self._queue_url)

    def wake(self) -> None:
        """Let go on who has stalled for long enough."""
        while self._stalled and self._stalled[0][1] < time.monotonic():
            woken, _ = self._stalled.pop(0)
            _signal(woken, signal.SIGCONT)
            self._leaving.append(woken)

    def dismiss(self) -> None:
        """Wait for who stalled to be through, and end all."""
        for stalled, _ in self._stalled:
            _signal(stalled, signal.SIGCONT)
            self._leaving.append(stalled)
        for woken in self._leaving:
            woken.join(LEAVE_SECONDS)
        for worker in [*self._workers, *self._leaving]:
            _end(worker)


def _kill_all_along(crew: Crew, plan: Plan) -> tuple[int, int]:
    """Disturb workers, evenly over the jobs but each at a random moment, until all have ended.

    Returns:
        How many were killed, and how many stalled.
    """
    dice = random.Random(plan.seed)
    kills = stalls = 0
    swept, deadline = time.monotonic(), time.monotonic() + plan.seconds
    while (left := _unfinished()) and time.monotonic() < deadline:
        time.sleep(dice.uniform(0, LOOK_SECONDS))
        if kills < plan.kills and plan.jobs - left >= kills * plan.jobs / plan.kills:
            crew.kill(dice.randrange(plan.workers))
            kills += 1
            if kills % KILLS_PER_STALL == 0:
                crew.stall(dice.randrange(plan.workers))
                stalls += 1
        crew.wake()
        if time.monotonic() - swept > SWEEP_SECONDS:
            sweep(RING_AGAIN_SOON if left < FEW else RING_AGAIN_LATE)
            swept = time.monotonic()
    return kills, stalls


def _signal(worker: ForkServerProcess, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # It may just have ended.
        if worker.is_alive() and worker.pid is not None:
            os.kill(worker.pid, number)


def _end(worker: ForkServerProcess) -> None:
    worker.kill()
    worker.join()
    worker.close()


def _unfinished() -> int:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = session.execute(
            text("SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')")
        )
        return int(found.scalar_one())
