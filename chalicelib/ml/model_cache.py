"""Keeps loaded models within a bound of memory, for all threads of one process."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from chalicelib.core import metrics

log = logging.getLogger("previsto.models")

MEGABYTE = 1024 * 1024


class Loaded(Protocol):
    """What can be kept: anything that knows its size."""

    @property
    def memory_bytes(self) -> int:
        """Estimated resident memory."""


Model = TypeVar("Model", bound=Loaded)


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Counts since this process began, or forked, and what is held now.

    A wait for a model that another thread is loading counts as a hit.
    """

    hits: int
    loads: int
    evictions: int
    models: int
    memory_bytes: int


class ModelCache(Generic[Model]):
    """Models by key, the least recently used going first.

    The key names a version, so an alias that moves asks for another key and needs no invalidation.
    The last model asked for is kept even where it alone exceeds the bound: loading it anew for
    each request would cost more memory, not less.
    """

    def __init__(self, max_mb: float) -> None:
        """Bound the cache to `max_mb` megabytes of estimated resident memory."""
        self._max_bytes = int(max_mb * MEGABYTE)
        self._shelves: dict[int, _Shelf[Model]] = {}

    def get(self, key: Hashable, loader: Callable[[], Model]) -> Model:
        """The model of this key, loaded by the first thread that asks while others wait.

        Args:
            key: Hashable, such as (tenant, model, version).
            loader: Called without the cache's lock, by one thread at a time per key. What it
                raises passes through and nothing is kept: the next to ask tries again.
        """
        shelf = self._shelf()
        with shelf.lock:
            if key in shelf.models:
                return shelf.hit(key)
            turn = shelf.turns.setdefault(key, threading.Lock())
        with turn:
            with shelf.lock:
                if key in shelf.models:  # Another thread loaded it while this one waited.
                    return shelf.hit(key)
            try:
                started = time.perf_counter()
                model = loader()
                _report_load(time.perf_counter() - started)
                with shelf.lock:
                    shelf.keep(key, model, self._max_bytes)
            finally:
                # After a failure, too: clients may name versions that there are not.
                with shelf.lock:
                    shelf.turns.pop(key, None)
        return model

    def clear(self) -> None:
        """Forget all models; those in use live on until their users are done."""
        shelf = self._shelf()
        with shelf.lock:
            metrics.count_models_held(-shelf.memory_bytes())
            shelf.models.clear()

    def stats(self) -> CacheStats:
        """A consistent view of the counts."""
        shelf = self._shelf()
        with shelf.lock:
            return CacheStats(
                hits=shelf.hits,
                loads=shelf.loads,
                evictions=shelf.evictions,
                models=len(shelf.models),
                memory_bytes=shelf.memory_bytes(),
            )

    def _shelf(self) -> _Shelf[Model]:
        """This process's shelf: a fork starts empty, with a lock that nobody holds.

        A session must not be shared with the parent, and a lock that another thread of the parent
        held at the fork would never be released here. `setdefault` lets exactly one thread win.
        """
        pid = os.getpid()
        shelf = self._shelves.get(pid)
        if shelf is None:
            shelf = self._shelves.setdefault(pid, _Shelf())
            for other in [each for each in self._shelves if each != pid]:
                self._shelves.pop(other, None)
        return shelf


@dataclass(slots=True)
class _Shelf(Generic[Model]):
    """What one process holds; guarded by its lock.

    Attributes:
        turns: Of the models that are being loaded, what those who want one wait for.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    models: OrderedDict[Hashable, Model] = field(default_factory=OrderedDict)
    turns: dict[Hashable, threading.Lock] = field(default_factory=dict)
    hits: int = 0
    loads: int = 0
    evictions: int = 0

    def memory_bytes(self) -> int:
        return sum(model.memory_bytes for model in self.models.values())

    def hit(self, key: Hashable) -> Model:
        self.models.move_to_end(key)
        self.hits += 1
        return self.models[key]

    def keep(self, key: Hashable, model: Model, max_bytes: int) -> None:
        before, evicted = self.memory_bytes(), self.evictions
        self.loads += 1
        self.models[key] = model
        while len(self.models) > 1 and self.memory_bytes() > max_bytes:
            self.models.popitem(last=False)
            self.evictions += 1
        metrics.count_models_held(self.memory_bytes() - before, self.evictions - evicted)


def _report_load(seconds: float) -> None:
    metrics.count_model_load(seconds)
    measured = {"seconds": round(seconds, 6)} | metrics.embedded(seconds="Seconds")
    log.info("model loaded", extra=measured)
