"""Jobs on each transport: how many a second, and how soon one starts.

python -m tests.bench.bench_jobs        a worker process of the benchmark's queue

RabbitMQ's figures are of the server at `RABBITMQ_URL`, this machine's by default; those named
SQS are of moto, which speaks its protocol but is slower than the service.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel
from sqlalchemy import text

from chalicelib.core import doorbells, runs
from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.doorbells.rabbitmq import BROKER_ERRORS, DEAD_LETTER_EXCHANGE, connected
from chalicelib.core.jobs import SYSTEM, enqueue, ring
from chalicelib.core.queues import Queue, Ring
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import HOUSE, settings
from functions import EventSource
from functions.runtime import queue_handler
from infra.create_queues import create_queues
from infra.local.worker import open_worker
from tests.aws import aws_emulator
from tests.bench import world
from tests.bench.servers import ROOT
from tests.bench.table import print_table

JOBS = 2_000
JOBS_AT_MOTO = 200
RINGS = 100
WORKERS = (1, 2, 4)
PAUSE_SECONDS = 0.02
LEAST_PER_SECOND = 2_000
MOST_START_MS = 5.0
MOST_SECONDS = 300
RABBITMQ_URL = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")


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


SOURCES = {BENCH_QUEUE.name: EventSource("tests.bench.bench_jobs.handler")}


def run(folder: Path) -> None:
    """Measure and print."""
    rows = []
    with world.world(folder):
        for name, url, jobs in transports():
            print(f"measuring {name} ...", flush=True)
            with serving(url):
                delays = sorted(start_delays_ms())
                rates = [drained_per_second(workers, jobs) for workers in WORKERS]
            p50, p99 = statistics.median(delays), delays[int(len(delays) * 0.99)]
            rows.append(
                [
                    name,
                    *(f"{rate:,.0f}" for rate in rates),
                    _verdict(max(rates) >= LEAST_PER_SECOND),
                    f"{p50:.2f} / {p99:.2f}",
                    _verdict(p50 <= MOST_START_MS),
                ]
            )
    print(
        f"Jobs claimed and finished one by one, per second (budget {LEAST_PER_SECOND:,}), and ms"
        f" from commit to start (budget p50 {MOST_START_MS:g})"
    )
    workers = (f"{n} worker{'s' if n > 1 else ''}" for n in WORKERS)
    print_table(["transport", *workers, "", "start p50 / p99", ""], rows)


def _verdict(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


def transports() -> Iterator[tuple[str, str, int]]:
    """The transports that are there: name, `QUEUE_URL`, and how many jobs they are given."""
    yield "jobs table", "jobs://", JOBS
    prefix = f"bench-{uuid4().hex[:8]}-"
    try:
        with connected(BrokerAddress.of(RABBITMQ_URL)):
            pass
        yield "RabbitMQ", f"{RABBITMQ_URL}?prefix={prefix}", JOBS
    except BROKER_ERRORS as error:
        print(f"RabbitMQ is not measured: {type(error).__name__}")
    with aws_emulator() as endpoint:
        yield "SQS (moto)", f"sqs://?region=us-east-1&endpoint={endpoint}", JOBS_AT_MOTO


@contextmanager
def serving(url: str) -> Iterator[None]:
    """This process and its children use a transport, whose queues are removed afterwards."""
    os.environ.update(QUEUE_URL=url, LOG_LEVEL="WARNING")
    settings.cache_clear()
    doorbells.doorbell.cache_clear()
    address = BrokerAddress.of(url)
    create_queues(address, SOURCES)
    yield
    doorbells.doorbell().close()
    if address.scheme == "amqp":
        with connected(address) as (_, channel):
            for name in SOURCES:
                channel.queue_delete(address.name_of(name))
                channel.queue_unbind(
                    f"{address.name_of(name)}.dead", DEAD_LETTER_EXCHANGE, address.name_of(name)
                )
                channel.queue_delete(f"{address.name_of(name)}.dead")


@contextmanager
def workers(count: int) -> Iterator[None]:
    """Worker processes that have begun to work."""
    command = [sys.executable, "-m", "tests.bench.bench_jobs"]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(count)]
    try:
        _wait_until_ended(_enqueue())
        time.sleep(1.0)
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def drained_per_second(count: int, jobs: int) -> float:
    """Jobs a second that so many workers work off, from the first ring on.

    The rings are sent while they work; the jobs are there before.
    """
    with workers(count):
        rings = _put(jobs)
        started = time.perf_counter()
        ring(rings)
        _wait_until_all_ended()
        return jobs / (time.perf_counter() - started)


def start_delays_ms() -> list[float]:
    """Milliseconds from a job's commit to the first line of its handler, in another process."""
    committed = {}
    with workers(1):
        for _ in range(RINGS):
            job_id = _enqueue()
            committed[job_id] = time.time()
            time.sleep(PAUSE_SECONDS)
        return [(_wait_until_ended(job_id) - at) * 1000 for job_id, at in committed.items()]


def _put(count: int) -> list[Ring]:
    with unit_of_work(tenant=HOUSE) as session:
        ids = session.execute(
            text(
                "INSERT INTO jobs (tenant, owner, queue, message, request_id, attempt_limit)"
                " SELECT :tenant, :owner, :queue, '{}', 'bench', 5 FROM generate_series(1, :count)"
                " RETURNING id"
            ),
            {"tenant": HOUSE, "owner": SYSTEM, "queue": BENCH_QUEUE.name, "count": count},
        ).scalars()
        return [Ring(BENCH_QUEUE.name, str(job_id)) for job_id in ids]


def _enqueue() -> str:
    """Ask for one job; the worker is rung after the commit, inside of this call."""
    with unit_of_work(tenant=HOUSE) as session:
        job = enqueue(session, BENCH_QUEUE, Nothing(), tenant=HOUSE, owner=SYSTEM)
    return str(job.id)


def _wait_until_all_ended() -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline:
        with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
            left = session.execute(
                text("SELECT 1 FROM jobs WHERE state IN ('queued', 'running') LIMIT 1")
            ).scalar()
        if left is None:
            return
        time.sleep(0.02)
    raise TimeoutError("the jobs were not worked off")


def _wait_until_ended(job_id: str) -> float:
    """When a job started, once it has ended."""
    deadline = time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline:
        with unit_of_work(tenant=HOUSE, autocommit=True) as session:
            found = session.execute(
                text("SELECT state, result FROM jobs WHERE id = :id"), {"id": job_id}
            ).one()
        if found.state == "succeeded":
            at: float = found.result["at"]
            return at
        time.sleep(0.01)
    raise TimeoutError("the job was not worked on")


if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGTERM, lambda *_: runs.request_stop())
    open_worker(SOURCES).run()
