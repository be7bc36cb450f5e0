"""The jobs table as a queue: how many jobs a second, and how soon one starts.

python -m tests.bench.bench_jobs        a worker process of the benchmark's queue
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from pydantic import BaseModel
from sqlalchemy import text

from chalicelib.core import runs
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import SYSTEM, enqueue
from chalicelib.core.queues import Queue
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import HOUSE
from functions import EVENT_SOURCES, EventSource
from functions.runtime import queue_handler
from infra.local.worker import Worker
from tests.bench import world
from tests.bench.servers import ROOT
from tests.bench.table import print_table

JOBS = 4_000
RINGS = 200
PAUSE_SECONDS = 0.02
LEAST_PER_SECOND = 2_000
MOST_START_MS = 5.0


class Nothing(BaseModel):
    """A message without content."""


class Started(BaseModel):
    """When the handler began, in seconds of this machine's clock."""

    at: float


BENCH_QUEUE = Queue("bench_queue", Nothing)


@queue_handler(BENCH_QUEUE)
def handler(_run: JobRun, _message: Nothing) -> Started:
    """Do nothing but tell the time."""
    return Started(at=time.time())


def run(folder: Path) -> None:
    """Measure and print."""
    with world.world(folder):
        serve_bench_queue()
        per_second = drained_per_second()
        delays = sorted(start_delays_ms())
    p50, p99 = statistics.median(delays), delays[int(len(delays) * 0.99)]
    print_table(
        ["", "measured", "budget", ""],
        [
            [
                "jobs claimed and finished one by one, one worker",
                f"{per_second:,.0f}/s",
                f">= {LEAST_PER_SECOND:,}/s",
                "met" if per_second >= LEAST_PER_SECOND else "MISSED",
            ],
            [
                "from commit to start, one worker listening",
                f"p50 {p50:.2f} ms, p99 {p99:.2f} ms",
                f"p50 <= {MOST_START_MS:g} ms",
                "met" if p50 <= MOST_START_MS else "MISSED",
            ],
        ],
    )


def serve_bench_queue() -> None:
    """Make the worker of this process know the benchmark's queue."""
    EVENT_SOURCES[BENCH_QUEUE.name] = EventSource("tests.bench.bench_jobs.handler")


def drained_per_second() -> float:
    """Jobs a second that one worker process works off when they are there already."""
    _put(JOBS)
    worker = Worker([BENCH_QUEUE.name])
    started = time.perf_counter()
    handled = worker.drain()
    return handled / (time.perf_counter() - started)


def start_delays_ms() -> list[float]:
    """Milliseconds from a job's commit to the first line of its handler, in another process."""
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.bench_jobs"], cwd=ROOT)
    try:
        committed = {}
        _wait_for(_enqueue())
        for _ in range(RINGS):
            job_id = _enqueue()
            committed[job_id] = time.time()
            time.sleep(PAUSE_SECONDS)
        return [(_wait_for(job_id) - at) * 1000 for job_id, at in committed.items()]
    finally:
        process.terminate()
        process.wait()


def _put(count: int) -> None:
    with unit_of_work(tenant=HOUSE) as session:
        session.execute(
            text(
                "INSERT INTO jobs (tenant, owner, queue, message, request_id, attempt_limit)"
                " SELECT :tenant, :owner, :queue, '{}', 'bench', 5 FROM generate_series(1, :count)"
            ),
            {"tenant": HOUSE, "owner": SYSTEM, "queue": BENCH_QUEUE.name, "count": count},
        )
    world.settle()


def _enqueue() -> str:
    """Ask for one job; the worker is rung after the commit, inside of this call."""
    with unit_of_work(tenant=HOUSE) as session:
        job = enqueue(session, BENCH_QUEUE, Nothing(), tenant=HOUSE, owner=SYSTEM)
    return str(job.id)


def _wait_for(job_id: str) -> float:
    """When a job started, once it has ended."""
    while True:
        with unit_of_work(tenant=HOUSE, autocommit=True) as session:
            found = session.execute(
                text("SELECT state, result FROM jobs WHERE id = :id"), {"id": job_id}
            ).one()
        if found.state == "succeeded":
            at: float = found.result["at"]
            return at
        time.sleep(0.01)


if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGTERM, lambda *_: runs.request_stop())
    serve_bench_queue()
    Worker([BENCH_QUEUE.name]).run()
