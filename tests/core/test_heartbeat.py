"""One thread keeps the leases of a process's runs, and short runs leave it asleep."""

import threading
import time

from chalicelib.core.heartbeat import LONGEST_SLEEP_SECONDS, Heart
from tests.infra.working import until

SELDOM = LONGEST_SLEEP_SECONDS * 10


class _Counted(threading.Condition):
    """A condition that counts how often it woke somebody."""

    wakes = 0

    def notify(self, n: int = 1) -> None:
        self.wakes += 1
        super().notify(n)


def _beat_once(heart: Heart) -> None:
    beaten = threading.Event()

    def beat() -> bool:
        beaten.set()
        return False

    with heart.beating(beat, 0.001):
        assert beaten.wait(10)


def _asleep_with_nothing_to_do() -> tuple[Heart, _Counted]:
    heart = Heart()
    heart._changed = changed = _Counted()
    _beat_once(heart)
    until(lambda: heart._asleep_until > time.monotonic() + LONGEST_SLEEP_SECONDS / 2)
    return heart, changed


def test_what_is_due_is_done_again_and_again() -> None:
    heart, beats = Heart(), threading.Semaphore(0)

    def beat() -> bool:
        beats.release()
        return True

    with heart.beating(lambda: True, SELDOM), heart.beating(beat, 0.001):
        assert all(beats.acquire(timeout=10) for _ in range(3))


def test_a_beat_that_is_due_sooner_wakes_the_thread() -> None:
    heart, changed = _asleep_with_nothing_to_do()
    _beat_once(heart)
    assert changed.wakes == 1


def test_short_runs_wake_no_thread() -> None:
    heart, changed = _asleep_with_nothing_to_do()
    for _ in range(200):
        with heart.beating(lambda: True, SELDOM):
            pass
    assert changed.wakes == 0
