"""Work whose effects can be counted, and processes that do it."""

import os
import signal
import threading
from collections.abc import Sequence
from datetime import timedelta
from multiprocessing import get_context, parent_process
from multiprocessing.context import ForkServerProcess
from multiprocessing.process import BaseProcess
from time import sleep
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import text

from chalicelib.core import doorbells, runs, settings, telemetry
from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.db import DatabaseRole, after_commit, dispose_engines, unit_of_work
from chalicelib.core.errors import Unprocessable
from chalicelib.core.jobs import SYSTEM, enqueue
from chalicelib.core.queues import Queue
from chalicelib.core.runs import JobRun
from functions import EVENT_SOURCES, EventSource
from functions.runtime import queue_handler
from infra.local.deliveries import Deliveries, open_deliveries
from infra.local.worker import Worker
from tests.infra.working import until

PARTS = 2
# No key keeps a job from having its effect twice: nothing but the contract does.
EFFECTS = """
CREATE TABLE IF NOT EXISTS effects (
    job_id uuid NOT NULL, part integer NOT NULL, attempt integer NOT NULL, pid integer NOT NULL,
    place integer GENERATED ALWAYS AS IDENTITY
);
GRANT SELECT, INSERT ON effects TO previsto_app, previsto_system;
"""


class Refused(Unprocessable):
    """This job was asked to fail."""


class Work(BaseModel):
    """What a job of the tests does.

    Attributes:
        seconds: How long each of its parts takes.
        fails: Whether it is refused.
    """

    seconds: float = 0.0
    fails: bool = False


# Workers are killed far more often than a job of the program may fail.
WORK = Queue("work_queue", Work, max_attempts=1_000, lease=timedelta(seconds=2))
ERRANDS = Queue("errand_queue", Work, max_attempts=1_000, lease=timedelta(seconds=2))


def have_effects(run: JobRun, work: Work) -> None:
    """Write a row for each part, together with the checkpoint that says so."""
    if work.fails:
        raise Refused
    done = (run.checkpoint or {"parts": 0})["parts"]
    for part in range(done, PARTS):
        sleep(work.seconds)
        with run.transaction() as session:
            session.execute(
                text(
                    "INSERT INTO effects (job_id, part, attempt, pid)"
                    " VALUES (:job, :part, :attempt, :pid)"
                ),
                {"job": run.job_id, "part": part, "attempt": run.attempt, "pid": os.getpid()},
            )
            run.save_checkpoint(session, {"parts": part + 1})


work_handler = queue_handler(WORK)(have_effects)
errand_handler = queue_handler(ERRANDS)(have_effects)

SOURCES = {
    WORK.name: EventSource("tests.contract.work.work_handler"),
    ERRANDS.name: EventSource("tests.contract.work.errand_handler", is_long=True),
}


def ask(work: Work | None = None, *, queue: Queue[Work] = WORK, tenant: str = "casa") -> UUID:
    """Ask for one job as a request does: in a transaction, rung for after its commit."""
    with unit_of_work(tenant=tenant) as session:
        return enqueue(session, queue, work or Work(), tenant=tenant, owner=SYSTEM).id


def ask_silently(count: int, work: Work | None = None, tenant: str = "casa") -> list[UUID]:
    """Ask for jobs as a process does that is killed between commit and ring."""
    with unit_of_work(tenant=tenant) as session:
        found = session.execute(
            text(
                "INSERT INTO jobs (tenant, owner, queue, message, request_id, attempt_limit)"
                " SELECT :tenant, 'sistema', :queue, cast(:message AS jsonb), 'r', :limit"
                " FROM generate_series(1, :count) RETURNING id"
            ),
            {
                "tenant": tenant,
                "queue": WORK.name,
                "message": (work or Work()).model_dump_json(),
                "limit": WORK.max_attempts,
                "count": count,
            },
        )
        return list(found.scalars())


def effects(job_ids: Sequence[UUID]) -> list[list[int]]:
    """For each job, the parts that have had their effect, in order."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        rows = session.execute(text("SELECT job_id, part FROM effects ORDER BY place")).all()
    found: dict[UUID, list[int]] = {job_id: [] for job_id in job_ids}
    for job_id, part in rows:
        if job_id in found:
            found[job_id].append(part)
    return list(found.values())


ONCE = list(range(PARTS))


def wait_for(job_ids: Sequence[UUID], seconds: float = 90) -> None:
    """Wait until all of these jobs have ended."""
    until(lambda: not unfinished(job_ids), seconds)


def unfinished(job_ids: Sequence[UUID]) -> int:
    """How many of these jobs have not ended."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = session.execute(
            text(
                "SELECT count(*) FROM jobs WHERE id = ANY (:ids) AND state IN ('queued', 'running')"
            ),
            {"ids": list(job_ids)},
        )
        return int(found.scalar_one())


# Processes. They are forked from a server that has imported everything, so that a killed worker
# is replaced within milliseconds.

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.contract.work", "infra.local.worker", "pika", "boto3"])


def deliveries_of(sources: dict[str, EventSource]) -> Deliveries:
    """Deliveries as a worker opens them, but impatient."""
    address = BrokerAddress.of(settings.settings().queue_url)
    if address.scheme == "amqp":
        from infra.local.deliveries.rabbitmq import Pace, RabbitDeliveries

        return RabbitDeliveries(address, list(sources), Pace(retry=0.05))
    if address.scheme == "sqs":
        from infra.local.deliveries.sqs import SqsDeliveries

        batches = {name: source.batch_size for name, source in sources.items()}
        return SqsDeliveries(address, batches, retry_seconds=0)
    return open_deliveries(address.url, sources)


def start_process(target: str, queue_url: str) -> ForkServerProcess:
    """Start a process that does one of `TARGETS`, in the environment as it is now."""
    environment = {**os.environ, "QUEUE_URL": queue_url}
    process = PROCESSES.Process(target=_live, args=(target, environment), daemon=True)
    process.start()
    return process


def _live(target: str, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    settings.settings.cache_clear()
    telemetry.configure_logging("ERROR")
    parent = parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: runs.request_stop())
    TARGETS[target]()
    doorbells.doorbell().close()  # A process of multiprocessing runs no atexit.


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _work() -> None:
    Worker(SOURCES, deliveries_of(SOURCES)).run()


def _work_on_ours() -> None:
    Worker(EVENT_SOURCES, deliveries_of(EVENT_SOURCES)).run()


def _ask_and_die() -> None:
    """Commit a job, and be killed before its ring."""
    with unit_of_work(tenant="casa") as session:
        after_commit(session, lambda: os.kill(os.getpid(), signal.SIGKILL))
        enqueue(session, WORK, Work(), tenant="casa", owner=SYSTEM)


def _ask_fork_and_ask() -> None:
    """Ring, and ring again in a process that was forked from the first."""
    ask()
    child = os.fork()
    if child == 0:
        dispose_engines()  # A connection cannot be shared; a server forks before its first query.
        ask()
        doorbells.doorbell().close()
        os._exit(0)
    os.waitpid(child, 0)


TARGETS = {
    "work": _work,
    "work on ours": _work_on_ours,
    "ask and die": _ask_and_die,
    "ask, fork and ask": _ask_fork_and_ask,
}
