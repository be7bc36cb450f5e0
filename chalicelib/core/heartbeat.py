"""One thread per process that keeps the leases of its runs alive."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

LONGEST_SLEEP_SECONDS = 5.0


@dataclass
class _Beat:
    """Something to be done again and again.

    Attributes:
        act: What; false when it need not be done any more.
        every: Seconds between.
        due: When next, by the monotonic clock.
    """

    act: Callable[[], bool]
    every: float
    due: float


class Heart:
    """Beats for all runs of a process; a run of milliseconds costs it no thread."""

    def __init__(self) -> None:
        """Start nothing before the first beat is asked for."""
        self._beats: list[_Beat] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._asleep_until = 0.0

    @contextmanager
    def beating(self, act: Callable[[], bool], every: float) -> Iterator[None]:
        """Call `act` from another thread every so many seconds while the block runs."""
        beat = _Beat(act, every, time.monotonic() + every)
        with self._changed:
            self._beats.append(beat)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, daemon=True, name="heartbeat")
                self._thread.start()
            elif beat.due < self._asleep_until:
                self._changed.notify()
        try:
            yield
        finally:
            self._drop(beat)

    def _run(self) -> None:
        while True:
            with self._changed:
                first = min(self._beats, key=lambda beat: beat.due, default=None)
                now = time.monotonic()
                if first is None or first.due > now:
                    # Never for good, even with nothing to do: else every short run would wake
                    # this thread, which finds it over, and wait for the interpreter meanwhile.
                    longest = now + LONGEST_SLEEP_SECONDS
                    self._asleep_until = min(first.due, longest) if first else longest
                    self._changed.wait(self._asleep_until - now)
                    continue
                first.due = now + first.every
            if not first.act():
                self._drop(first)

    def _drop(self, beat: _Beat) -> None:
        with self._changed:
            if beat in self._beats:
                self._beats.remove(beat)


HEART = Heart()
