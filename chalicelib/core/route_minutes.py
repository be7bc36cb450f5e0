"""Answered requests by minute and route, in the database: every process adds what it has counted.

Never a write per request: where processes share a directory of metrics (the gateway's do) a thread
of each writes every few seconds; on Lambda, which freezes between invocations, the end of one
writes where the last time is as long ago. Elsewhere counts wait until a summary is asked for. What
a process has counted since it last wrote is lost with the process when it is killed.
"""

import atexit
import json
import logging
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import cache

from sqlalchemy import BigInteger, DateTime, PrimaryKeyConstraint, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from chalicelib.core.db import DATABASE_ERRORS, Base, unit_of_work
from chalicelib.core.errors import ServiceUnavailable
from chalicelib.core.metrics import SHARED_DIRECTORY, leaves_by_log, route_counts
from chalicelib.core.route_counts import FORMAT, Key, Tally
from chalicelib.core.settings import settings

log = logging.getLogger("previsto.metrics")

FLUSH_SECONDS = 15.0
MOST_REMOVED = 20_000


class RouteMinute(Base):
    """What one route answered in one minute, in all processes."""

    __tablename__ = "route_minutes"

    minute: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    method: Mapped[str] = mapped_column(Text)
    route: Mapped[str] = mapped_column(Text)
    format: Mapped[int] = mapped_column(SmallInteger, comment="Of the buckets' bounds.")
    requests: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger, comment="Answered with a 4xx.")
    failed: Mapped[int] = mapped_column(BigInteger, comment="Answered with a 5xx.")
    seconds: Mapped[float] = mapped_column(comment="Sum of what they took.")
    buckets: Mapped[list[int]] = mapped_column(
        ARRAY(BigInteger), comment="By duration; each request is in one."
    )

    __table_args__ = (PrimaryKeyConstraint("minute", "method", "route", "format"),)


# In the order of their keys, so that two processes which write at once wait and do not deadlock.
ADD = """
INSERT INTO route_minutes AS m
    (minute, method, route, format, requests, refused, failed, seconds, buckets)
SELECT r.minute, r.method, r.route, :format, r.requests, r.refused, r.failed, r.seconds, r.buckets
FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r (
    minute timestamptz, method text, route text, requests bigint, refused bigint, failed bigint,
    seconds float8, buckets bigint[])
ORDER BY r.minute, r.method, r.route
ON CONFLICT (minute, method, route, format) DO UPDATE SET
    requests = m.requests + excluded.requests, refused = m.refused + excluded.refused,
    failed = m.failed + excluded.failed, seconds = m.seconds + excluded.seconds,
    buckets = ARRAY(
        SELECT u.a + u.b FROM unnest(m.buckets, excluded.buckets) WITH ORDINALITY AS u (a, b, n)
        ORDER BY u.n)
"""


def flush() -> bool:
    """Write down what this process has counted; False where the database does not answer.

    What could not be written waits on.
    """
    taken = route_counts().take()
    if not taken:
        return True
    rows = [_row(key, tally) for key, tally in taken.items()]
    try:
        with unit_of_work(autocommit=True) as session:
            session.execute(text(ADD), {"rows": json.dumps(rows), "format": FORMAT})
    except (*DATABASE_ERRORS, ServiceUnavailable):
        log.warning("counts of requests wait", exc_info=True, extra={"rows": len(rows)})
        route_counts().give_back(taken)
        return False
    return True


def _row(key: Key, tally: Tally) -> dict[str, object]:
    minute, method, route = key
    return {
        "minute": datetime.fromtimestamp(minute * 60, UTC).isoformat(),
        "method": method,
        "route": route,
        "requests": tally.requests,
        "refused": tally.refused,
        "failed": tally.failed,
        "seconds": tally.seconds,
        "buckets": tally.buckets,
    }


class Flusher:
    """Sees to it that this process's counts are written down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._flushed = time.monotonic()

    def after_request(self) -> None:
        """Called when a request has been answered and nobody waits for its transaction."""
        if leaves_by_log():
            self._flush_if_due()
        elif self._thread is None and SHARED_DIRECTORY in os.environ:
            self._start()

    def _flush_if_due(self) -> None:
        now = time.monotonic()
        with self._lock:
            if now - self._flushed < FLUSH_SECONDS:
                return
            self._flushed = now
        flush()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="counts", daemon=True)
                self._thread.start()
                atexit.register(self.stop)

    def _run(self) -> None:
        while not self._stopping.wait(FLUSH_SECONDS):
            flush()

    def stop(self) -> None:
        """Write down what is left, where a thread did so until now."""
        atexit.unregister(self.stop)
        self._stopping.set()
        if self._thread is not None:
            flush()


@cache
def flusher() -> Flusher:
    """That of this process."""
    return Flusher()


REMOVE = """
DELETE FROM route_minutes WHERE (minute, method, route, format) IN (
    SELECT minute, method, route, format FROM route_minutes
    WHERE minute < :limit ORDER BY minute LIMIT :most)
"""


def remove_old_minutes(now: datetime) -> int:
    """Delete what was counted more than `METRICS_KEEP_DAYS` ago; gives how many rows."""
    limit = now - timedelta(days=settings().metrics_keep_days)
    removed = 0
    while True:
        with unit_of_work() as session:
            found = session.execute(text(REMOVE), {"limit": limit, "most": MOST_REMOVED})
            count: int = found.rowcount  # type: ignore[attr-defined]
        removed += count
        if count < MOST_REMOVED:
            return removed
