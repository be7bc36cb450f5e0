"""How many threads numerical libraries may use while a model is fitted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

ROWS_WORTH_MORE_THREADS = 200_000


@contextmanager
def threads_for(rows: int) -> Iterator[None]:
    """One thread for OpenMP and BLAS, unless there are rows enough to share.

    OpenMP's threads meet after every step and wait for each other without sleeping. Where other
    processes want the same cores, 3,000 rows took histogram boosting 5.9 s on two threads and
    0.35 s on one; workers share their machine, so that is the usual case.
    """
    with threadpool_limits(limits=1 if rows < ROWS_WORTH_MORE_THREADS else None):
        yield
