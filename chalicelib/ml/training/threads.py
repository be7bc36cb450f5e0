"""How many threads numerical libraries may use while a model is fitted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# These two load every library that is to be held: the linear algebra of numpy and of scipy, and
# scikit-learn's OpenMP.
import scipy.linalg  # noqa: F401
import sklearn.ensemble  # noqa: F401
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

ROWS_WORTH_MORE_THREADS = 200_000


@contextmanager
def threads_for(rows: int) -> Iterator[None]:
    """One thread for OpenMP and BLAS, unless there are rows enough to share.

    OpenMP's threads meet after every step and wait for each other without sleeping. Where other
    processes want the same cores, 3,000 rows took histogram boosting 5.9 s on two threads and
    0.35 s on one; workers share their machine, so that is the usual case.
    """
    with _libraries().limit(limits=1 if rows < ROWS_WORTH_MORE_THREADS else None):
        yield


@cache
def _libraries() -> Any:
    """What there is to hold, looked for once: it takes 6 ms, longer than a lasso of 4,000 rows."""
    return ThreadpoolController()
