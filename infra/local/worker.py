"""SQS event sources emulated: rings arrive here, and handlers get the event Lambda would give.

    python -m infra.local.worker

A supervisor keeps `WORKER_PROCESSES` processes alive. The last of them leaves what can wait to the
others, so that a training never keeps an import waiting.
SIGTERM lets each finish or give back its job. With `--long` it works on the long queues only: on
AWS it runs on Fargate, and Lambda has the others.
"""

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import FrameType
from typing import Any

from chalicelib.core import runs, telemetry
from chalicelib.core.db import DATABASE_ERRORS
from chalicelib.core.errors import ServiceUnavailable
from chalicelib.core.settings import settings
from functions import EVENT_SOURCES, EventSource
from infra.local.deliveries import Deliveries, Delivery, open_deliveries
from infra.local.processes import Child, end_with_parent

log = logging.getLogger("previsto.worker")

WAIT_SECONDS = 5.0  # Also how soon a job that becomes due later is found in the jobs table.
RETRY_SECONDS = 1.0
SUPERVISE_SECONDS = 0.5
STOP_SECONDS = 25.0
ALL, PROMPT, LONG = "--all", "--prompt", "--long"

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Worker:
    """Works on the deliveries of some queues, one at a time, until it is told to stop."""

    def __init__(self, sources: Mapping[str, EventSource], deliveries: Deliveries) -> None:
        """Take which handler each queue invokes, and where their events come from."""
        self._sources = sources
        self._deliveries = deliveries
        self._handlers: dict[str, Handler] = {}

    def run(self) -> None:
        """Work until `runs.request_stop()`; a database that is away is waited for."""
        while not runs.stop_requested():
            try:
                if delivery := self._deliveries.next(WAIT_SECONDS):
                    self._handle(delivery)
            except (*DATABASE_ERRORS, ServiceUnavailable, OSError):
                log.warning("database away, trying again", exc_info=True)
                time.sleep(RETRY_SECONDS)
        self._deliveries.close()

    def drain(self) -> int:
        """Work on everything that is there; returns how many messages were handled."""
        handled = 0
        while not runs.stop_requested() and (delivery := self._deliveries.next(0)):
            self._handle(delivery)
            handled += len(delivery.records)
        self._deliveries.close()
        return handled

    def _handle(self, delivery: Delivery) -> None:
        failed = {record["messageId"] for record in delivery.records}
        try:
            answer = self._handler(delivery.queue)(delivery.event, None)
            failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        finally:
            self._deliveries.settle(delivery, failed)

    def _handler(self, queue: str) -> Handler:
        if queue not in self._handlers:
            module, _, name = self._sources[queue].handler.rpartition(".")
            self._handlers[queue] = getattr(import_module(module), name)
        return self._handlers[queue]


def open_worker(sources: Mapping[str, EventSource] = EVENT_SOURCES) -> Worker:
    """A worker on the transport that `QUEUE_URL` names."""
    return Worker(sources, open_deliveries(settings().queue_url, sources))


def prompt_sources(sources: Mapping[str, EventSource]) -> Mapping[str, EventSource]:
    """Queues for whose work somebody waits; all of them where everything can wait."""
    prompt = {name: source for name, source in sources.items() if not source.can_wait}
    return prompt or sources


def sources_asked_for(arguments: Sequence[str]) -> Mapping[str, EventSource]:
    """The queues that a process with these arguments works on."""
    sources = {
        name: source
        for name, source in EVENT_SOURCES.items()
        if source.is_long or LONG not in arguments
    }
    return prompt_sources(sources) if PROMPT in arguments else sources


class Supervisor:
    """Keeps worker processes alive."""

    def __init__(self, processes: int, *options: str) -> None:
        """Take how many processes to run, and what each of them is told beside."""
        kinds = [ALL] * max(processes - 1, 1) + [PROMPT] * (processes > 1)
        self._children = [Child(["-m", "infra.local.worker", *options, kind]) for kind in kinds]

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
    telemetry.report_errors()
    _stop_on_signals()
    end_with_parent()
    if {ALL, PROMPT} & set(sys.argv):
        open_worker(sources_asked_for(sys.argv)).run()
    else:
        Supervisor(settings().worker_processes, *[LONG] * (LONG in sys.argv)).run()


if __name__ == "__main__":
    main()
