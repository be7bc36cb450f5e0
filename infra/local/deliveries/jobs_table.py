"""Deliveries out of the jobs table itself: woken by `NOTIFY`, with a slow poll behind it."""

import json
import time
from collections.abc import Collection, Mapping
from itertools import takewhile

from chalicelib.core import runs
from chalicelib.core.db import DATABASE_ERRORS, DatabaseRole, unit_of_work
from chalicelib.core.doorbells.jobs_table import NOTIFY_CHANNEL
from chalicelib.core.pg import PLANNED_ALONG_INDEXES, FastConnection, connect_url
from chalicelib.core.settings import settings
from chalicelib.core.statements import HotStatement
from infra.local.deliveries.contract import Delivery, sqs_record

MOST_RECORDS = 10
LOOK_UP_SECONDS = 0.5
FAILED_SECONDS = 1.0

# Any of a queue's jobs will do, for the claim decides which one is next. The order is the index's:
# nothing is sorted, and no other index will do.
READY = HotStatement(f"""{PLANNED_ALONG_INDEXES}
SELECT wanted.queue, due.id
FROM unnest(cast(:queues AS text[])) WITH ORDINALITY AS wanted (queue, place)
CROSS JOIN LATERAL (
    SELECT id FROM jobs
    WHERE queue = wanted.queue AND state = 'queued' AND next_attempt_at <= now()
    ORDER BY tenant, next_attempt_at
    LIMIT {MOST_RECORDS}
) due
ORDER BY wanted.place
""")


class JobsTableDeliveries:
    """A ring for every job that is due; there is nothing to acknowledge but the job itself."""

    def __init__(self, batch_sizes: Mapping[str, int]) -> None:
        """Take how many messages of each queue make a delivery; nothing is contacted."""
        self._batch_sizes = dict(batch_sizes)
        self._turns = list(batch_sizes)
        self._bell: FastConnection | None = None

    def next(self, seconds: float) -> Delivery | None:
        """Rings for jobs of one queue; the queues take turns."""
        try:
            # Listening comes before looking, so that nothing rings unheard in between.
            self._listen()
            if (ready := self.look()) or not self._wait(seconds):
                return ready
            return self.look()
        except (*DATABASE_ERRORS, OSError):
            self.close()
            raise

    def settle(self, delivery: Delivery, failed: Collection[str]) -> None:  # noqa: ARG002
        """Jobs that could not be read are still there; they are not tried again at once."""
        if failed:
            time.sleep(FAILED_SECONDS)

    def close(self) -> None:
        """Listen no more."""
        if self._bell is not None:
            self._bell.close()
            self._bell = None

    def look(self) -> Delivery | None:
        """Rings for jobs that are due now, without waiting."""
        with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
            rows = READY.all(session, queues=self._turns)
        if not rows:
            return None
        queue: str = rows[0].queue
        self._turns.sort(key=lambda name: name == queue)
        of_queue = list(takewhile(lambda row: row.queue == queue, rows))
        of_queue = of_queue[: self._batch_sizes[queue]]
        bodies = [json.dumps({"job": str(row.id)}) for row in of_queue]
        return Delivery(queue, [sqs_record(queue, body) for body in bodies])

    def _listen(self) -> None:
        if self._bell is None:
            self._bell = connect_url(settings().database_url, application_name="previsto-bell")
            self._bell.autocommit = True
            self._bell.execute_simple(f"LISTEN {NOTIFY_CHANNEL}")

    def _wait(self, seconds: float) -> bool:
        """Wait for a ring; true when there may be work, by a ring or because the wait is over."""
        deadline = time.monotonic() + seconds
        while not runs.stop_requested() and (left := deadline - time.monotonic()) > 0:
            if self._bell is not None and self._bell.wait(min(left, LOOK_UP_SECONDS)):
                break
        return not runs.stop_requested()
