"""Answered requests by minute and route, in this process's memory: the one histogram of durations.

`metrics.py` has Prometheus's own histogram of the same observations in the same bounds;
`route_minutes.py` adds these to the database, off the path of requests.
"""

import threading
from bisect import bisect_left
from dataclasses import dataclass, field

BOUNDS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.035, 0.05),
    *(0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Upper bounds of the buckets, in seconds; what took longer is in one more."""

FORMAT = 1
"""Of the bounds; raise it when they change, so that nobody adds what does not belong together."""

MOST_PENDING = 20_000
"""Minutes of routes that wait at the most where nobody writes them down: some 10 MB."""

Key = tuple[int, str, str]
"""Minute since the epoch, method, route."""


@dataclass(slots=True)
class Tally:
    """What was answered by one route in one minute.

    Attributes:
        requests: How many.
        refused: Of these, answered with a 4xx.
        failed: Of these, answered with a 5xx.
        seconds: Sum of what they took.
        buckets: How many took at most so long, by `BOUNDS`; each counted once.
    """

    requests: int = 0
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))

    def add(self, other: "Tally") -> None:
        """Count another one's requests as well."""
        self.requests += other.requests
        self.refused += other.refused
        self.failed += other.failed
        self.seconds += other.seconds
        self.buckets = [a + b for a, b in zip(self.buckets, other.buckets, strict=True)]


class RouteCounts:
    """What has been answered and is not written down yet."""

    def __init__(self) -> None:
        self._pending: dict[Key, Tally] = {}
        self._lock = threading.Lock()

    def observe(self, now: float, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request.

        Args:
            now: Seconds since the epoch.
            method: Of the route.
            route: The template.
            status: Of the answer.
            seconds: From arrival to answer.
        """
        key, bucket = (int(now // 60), method, route), bisect_left(BOUNDS, seconds)
        with self._lock:
            tally = self._pending.get(key)
            if tally is None:
                tally = self._add(key)
            tally.requests += 1
            tally.seconds += seconds
            tally.buckets[bucket] += 1
            if status >= 500:
                tally.failed += 1
            elif status >= 400:
                tally.refused += 1

    def _add(self, key: Key) -> Tally:
        if len(self._pending) >= MOST_PENDING:
            del self._pending[next(iter(self._pending))]  # The oldest.
        found = self._pending[key] = Tally()
        return found

    def take(self) -> dict[Key, Tally]:
        """All of it; nothing waits any more."""
        with self._lock:
            taken, self._pending = self._pending, {}
        return taken

    def give_back(self, taken: dict[Key, Tally]) -> None:
        """What could not be written down waits on."""
        with self._lock:
            newer, self._pending = self._pending, dict(taken)
            for key, tally in newer.items():
                known = self._pending.get(key)
                (known if known is not None else self._add(key)).add(tally)
