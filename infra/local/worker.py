"""SQS event sources emulated: claims ring here, and handlers get the event Lambda would give.

    python -m infra.local.worker

A supervisor keeps `WORKER_PROCESSES` processes alive. The last of them leaves long work to the
others as soon as any queue is short, so that a training never keeps everybody waiting.
SIGTERM lets each finish or give back its job.
"""

import json
import logging
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from importlib import import_module
from types import FrameType
from typing import Any

from chalicelib.core import runs, telemetry
from chalicelib.core.db import DATABASE_ERRORS, DatabaseRole, unit_of_work
from chalicelib.core.errors import ServiceUnavailable
from chalicelib.core.pg import FastConnection, connect_url
from chalicelib.core.queues import NOTIFY_CHANNEL
from chalicelib.core.settings import settings
from chalicelib.core.statements import HotStatement
from functions import EVENT_SOURCES
from infra.local.processes import Child, end_with_parent

log = logging.getLogger("previsto.worker")

POLL_SECONDS = 5.0  # Stands behind the notifications: for what is due later, and for lost rings.
RETRY_SECONDS = 1.0
SUPERVISE_SECONDS = 0.5
STOP_SECONDS = 25.0

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

READY = HotStatement("""
SELECT queue, id FROM jobs
WHERE queue = ANY(:queues) AND state = 'queued' AND next_attempt_at <= now()
ORDER BY next_attempt_at LIMIT 1
""")


class Worker:
    """Works on the jobs of some queues, one at a time, until it is told to stop."""

    def __init__(self, queues: Iterable[str]) -> None:
        """Take the names of the queues to serve."""
        self._queues = sorted(queues)
        self._handlers: dict[str, Handler] = {}
        self._bell: FastConnection | None = None

    def run(self) -> None:
        """Work until `runs.request_stop()`; a database that is away is waited for."""
        while not runs.stop_requested():
            try:
                self._listen()
                self.drain()
                self._wait()
            except (*DATABASE_ERRORS, ServiceUnavailable, OSError):
                log.warning("database away, trying again", exc_info=True)
                self._hang_up()
                time.sleep(RETRY_SECONDS)
        self._hang_up()

    def drain(self) -> int:
        """Work on everything that is due; returns how many events were handled."""
        handled = 0
        while not runs.stop_requested() and (ready := self._next_ready()):
            queue, job_id = ready
            self._handler(queue)(sqs_event(queue, job_id), None)
            handled += 1
        return handled

    def _next_ready(self) -> tuple[str, str] | None:
        with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
            row = READY.one_or_none(session, queues=self._queues)
        return (row.queue, str(row.id)) if row else None

    def _handler(self, queue: str) -> Handler:
        if queue not in self._handlers:
            module, _, name = EVENT_SOURCES[queue].handler.rpartition(".")
            self._handlers[queue] = getattr(import_module(module), name)
        return self._handlers[queue]

    def _listen(self) -> None:
        """Listen before looking for work, so that nothing rings unheard in between."""
        if self._bell is None:
            self._bell = connect_url(settings().database_url, application_name="previsto-bell")
            self._bell.autocommit = True
            self._bell.execute_simple(f"LISTEN {NOTIFY_CHANNEL}")

    def _wait(self) -> None:
        deadline = time.monotonic() + POLL_SECONDS
        while not runs.stop_requested() and (left := deadline - time.monotonic()) > 0:
            if self._bell is not None and self._bell.wait(min(left, 0.5)):
                return

    def _hang_up(self) -> None:
        if self._bell is not None:
            self._bell.close()
            self._bell = None


def sqs_event(queue: str, job_id: str) -> dict[str, Any]:
    """The event with which SQS would invoke a handler for one message."""
    return {
        "Records": [
            {
                "messageId": str(uuid.uuid4()),
                "receiptHandle": job_id,
                "body": json.dumps({"job": job_id}),
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:local:000000000000:{queue}",
                "awsRegion": "local",
            }
        ]
    }


def short_queues() -> set[str]:
    """Queues whose work takes seconds; all of them where none is short."""
    short = {name for name, source in EVENT_SOURCES.items() if not source.is_long}
    return short or set(EVENT_SOURCES)


class Supervisor:
    """Keeps worker processes alive."""

    def __init__(self, processes: int) -> None:
        """Take how many processes to run."""
        kinds = ["--all"] * max(processes - 1, 1) + ["--short"] * (processes > 1)
        self._children = [Child(["-m", "infra.local.worker", kind]) for kind in kinds]

    def run(self) -> None:
        """Start the processes, replace those that die, stop all on SIGTERM."""
        for child in self._children:
            child.start()
        while not runs.stop_requested():
            for child in self._children:
                child.revive()
            time.sleep(SUPERVISE_SECONDS)
        stoppers = [
            threading.Thread(target=child.stop, args=(STOP_SECONDS,)) for child in self._children
        ]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()


def _stop_on_signals() -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        runs.request_stop()

    signal.signal(signal.SIGTERM, stop)
    # Ctrl-C reaches the whole process group; whoever started us sends SIGTERM when it is time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def main() -> None:
    """Run the supervisor, or one of its processes."""
    telemetry.configure_logging(settings().log_level)
    _stop_on_signals()
    end_with_parent()
    if "--all" in sys.argv:
        Worker(EVENT_SOURCES).run()
    elif "--short" in sys.argv:
        Worker(short_queues()).run()
    else:
        Supervisor(settings().worker_processes).run()


if __name__ == "__main__":
    main()
