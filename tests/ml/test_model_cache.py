"""Loaded models stay within their bound, load once, and do not survive a fork."""

from __future__ import annotations

import os
import signal
import threading
import tracemalloc
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from prometheus_client import generate_latest

from chalicelib.core import metrics
from chalicelib.ml.model_cache import MEGABYTE, ModelCache
from tests.scrape import series


@dataclass(frozen=True, eq=False)
class Weight:
    """Something with a size, which is all the cache asks of a model."""

    memory_bytes: int


def of_size(megabytes: float) -> Callable[[], Weight]:
    return lambda: Weight(int(megabytes * MEGABYTE))


def refuse() -> Weight:
    raise AssertionError("nothing should be loaded here")


def test_a_model_is_loaded_once_and_then_found() -> None:
    cache = ModelCache[Weight](max_mb=10)
    first = cache.get(("academia", "churn", 1), of_size(1))
    assert cache.get(("academia", "churn", 1), refuse) is first
    stats = cache.stats()
    assert (stats.loads, stats.hits, stats.evictions, stats.models) == (1, 1, 0, 1)
    assert stats.memory_bytes == MEGABYTE


def test_the_least_recently_used_model_goes_first() -> None:
    cache = ModelCache[Weight](max_mb=10)
    for name in "abc":
        cache.get(name, of_size(3))
    cache.get("a", refuse)
    cache.get("d", of_size(3))
    for name in "acd":
        cache.get(name, refuse)
    assert cache.stats().evictions == 1
    assert cache.stats().memory_bytes == 9 * MEGABYTE
    with pytest.raises(AssertionError):
        cache.get("b", refuse)


def test_a_model_above_the_bound_is_kept_alone() -> None:
    cache = ModelCache[Weight](max_mb=2)
    cache.get("small", of_size(1))
    cache.get("large", of_size(5))
    cache.get("large", refuse)
    assert cache.stats().models == 1


def test_many_threads_share_one_load() -> None:
    cache, everyone_asks = ModelCache[Weight](max_mb=10), threading.Event()
    started: list[int] = []

    def slow() -> Weight:
        started.append(threading.get_ident())
        everyone_asks.wait(10)
        return Weight(1)

    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(cache.get, "k", slow) for _ in range(16)]
        # Another key does not wait for the slow one.
        assert cache.get("other", of_size(1)).memory_bytes == MEGABYTE
        everyone_asks.set()
        models = {id(each.result()) for each in asked}
    assert len(models) == len(started) == 1
    assert cache.stats().loads == 2
    assert cache.stats().hits == 15


def test_a_failed_load_reaches_the_caller_and_is_tried_again() -> None:
    cache = ModelCache[Weight](max_mb=10)

    def broken() -> Weight:
        raise OSError("object storage is away")

    with pytest.raises(OSError, match="away"):
        cache.get("k", broken)
    assert cache.stats().models == 0
    assert cache.get("k", of_size(1)).memory_bytes == MEGABYTE


def test_clear_forgets_all_models() -> None:
    cache = ModelCache[Weight](max_mb=10)
    cache.get("k", of_size(1))
    cache.clear()
    assert cache.stats().models == 0
    assert cache.stats().memory_bytes == 0


def test_a_fork_starts_empty_even_if_a_load_was_under_way() -> None:
    cache, loading, release = ModelCache[Weight](max_mb=10), threading.Event(), threading.Event()
    cache.get("known", of_size(1))

    def slow() -> Weight:
        loading.set()
        release.wait(10)
        return Weight(1)

    thread = threading.Thread(target=cache.get, args=("under way", slow))
    thread.start()
    loading.wait(10)
    with warnings.catch_warnings():
        # From 3.12 Python warns of exactly what this test is about.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(20)  # A lock that nobody can release must end the child, not the suite.
        empty = cache.stats().models == 0
        works = cache.get("under way", of_size(1)).memory_bytes == MEGABYTE
        os._exit(0 if empty and works else 1)
    _, status = os.waitpid(child, 0)
    release.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
    assert cache.stats().models == 2


def test_loads_evictions_and_memory_are_metrics() -> None:
    metrics.forget_metrics()
    cache = ModelCache[Weight](max_mb=2)
    for version in (1, 2, 3):
        cache.get(version, of_size(1))
    found = series(generate_latest(metrics.instruments().registry).decode())
    assert found["previsto_model_load_duration_seconds_count", ()] == 3
    assert found["previsto_model_evictions_total", ()] == 1
    assert found["previsto_model_bytes", ()] == 2 * MEGABYTE
    cache.clear()
    found = series(generate_latest(metrics.instruments().registry).decode())
    assert found["previsto_model_bytes", ()] == 0


def test_keys_that_nothing_is_loaded_for_leave_nothing_behind() -> None:
    cache = ModelCache[Weight](max_mb=10)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for version in range(20_000):
            with pytest.raises(AssertionError):
                cache.get(version, refuse)
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
    finally:
        tracemalloc.stop()
