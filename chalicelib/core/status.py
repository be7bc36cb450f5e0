"""Is it well? Every dependency is really asked, all at once, and none is waited for long."""

import logging
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, Field
from sqlalchemy import text

from chalicelib.core.cache import AnswerCache, answer_cache
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.doorbells import doorbell
from chalicelib.core.redis_link import RedisLink, redis_link
from chalicelib.core.settings import settings
from chalicelib.core.uploads import object_store

log = logging.getLogger("previsto.status")

PROBE_SECONDS = 2.0


class Health(StrEnum):
    """How a dependency is."""

    UP = "up"
    DOWN = "down"
    ABSENT = "absent"


class DependencyStatus(BaseModel):
    """One dependency, as it answered just now."""

    nome: str = Field(examples=["database"])
    estado: Health
    latencia_ms: float | None = None
    detalhe: str | None = Field(None, description="For admins only.")


class Status(BaseModel):
    """The system and what it depends on."""

    estado: Health
    dependencias: list[DependencyStatus]


def _ask_database() -> str:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        return str(session.execute(text("SHOW server_version")).scalar())


MOST_COUNTED = 10_000  # A backlog is told; it must not take an instance out of service.


def _ask_queue() -> str:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        waiting = session.execute(
            text(
                "SELECT count(*) FROM (SELECT 1 FROM jobs"
                " WHERE state = 'queued' AND next_attempt_at <= now() LIMIT :most) due"
            ),
            {"most": MOST_COUNTED + 1},
        ).scalar_one()
    return f"{min(waiting, MOST_COUNTED)}{'+' * (waiting > MOST_COUNTED)} jobs due"


def _ask_broker() -> str | None:
    return doorbell().check()


def _ask_storage() -> str:
    object_store().check()
    return settings().objects_url.partition(":")[0]


def _ask_cache() -> str | None:
    link = redis_link()
    if link is None:
        return None
    link.client.ping()
    return "redis"


PROBES: dict[str, Callable[[], str | None]] = {
    "database": _ask_database,
    "queue": _ask_queue,
    "broker": _ask_broker,
    "storage": _ask_storage,
    "cache": _ask_cache,
}


class CacheFigures(BaseModel):
    """What Redis counts, and what the process that answers has counted itself."""

    chaves: int = Field(description="Keys in the database that CACHE_URL names.")
    memoria_bytes: int = Field(description="Memory that Redis uses.")
    acertos: int = Field(description="Keys that were found, since Redis started; all its users.")
    falhas: int = Field(description="Keys that were not.")
    acertos_deste_processo: int
    falhas_deste_processo: int


class CacheStatus(BaseModel):
    """The cache, as it answered just now."""

    estado: Health = Field(description="`absent` where none is configured: all is computed.")
    latencia_ms: float | None = None
    numeros: CacheFigures | None = Field(None, description="For admins only.")


def check_cache(*, with_details: bool) -> CacheStatus:
    """Ask the cache.

    Args:
        with_details: Say more than up or down; for admins.
    """
    link, cache = redis_link(), answer_cache()
    if link is None or cache is None:
        return CacheStatus(estado=Health.ABSENT)
    found = _Probe.under_way("cache", _ask_cache).status(with_details=False)
    if found.estado is not Health.UP or not with_details:
        return CacheStatus(estado=found.estado, latencia_ms=found.latencia_ms)
    try:
        figures = _figures(link, cache)
    except link.failures:
        log.warning("cache down", exc_info=True)
        return CacheStatus(estado=Health.DOWN)
    return CacheStatus(estado=Health.UP, latencia_ms=found.latencia_ms, numeros=figures)


def _figures(link: RedisLink, cache: AnswerCache) -> CacheFigures:
    with link.client.pipeline(transaction=False) as asked:
        asked.dbsize()
        asked.info("memory")
        asked.info("stats")
        keys, memory, stats = asked.execute()
    return CacheFigures(
        chaves=keys,
        memoria_bytes=memory["used_memory"],
        acertos=stats["keyspace_hits"],
        falhas=stats["keyspace_misses"],
        acertos_deste_processo=cache.hits,
        falhas_deste_processo=cache.misses,
    )


DISPENSABLE = {"broker", "cache"}  # Without them work is accepted and done, only later.


def check_status(*, with_details: bool) -> Status:
    """Ask every dependency.

    Args:
        with_details: Say more than up or down; for admins.
    """
    asked = [_Probe.under_way(name, ask) for name, ask in PROBES.items()]
    found = [probe.status(with_details=with_details) for probe in asked]
    needed = [each for each in found if each.nome not in DISPENSABLE]
    all_up = all(each.estado is not Health.DOWN for each in needed)
    return Status(estado=Health.UP if all_up else Health.DOWN, dependencias=found)


_probes: dict[str, "_Probe"] = {}
_starting = threading.Lock()


@dataclass
class _Probe:
    """One question to a dependency, asked by a thread of its own.

    A driver may wait for ever; whoever asks for the status does not. While an answer is
    outstanding nobody asks again, so a dependency that hangs costs one thread and one connection.
    """

    name: str
    ask: Callable[[], str | None]
    started: float = field(default_factory=time.perf_counter)
    done: threading.Event = field(default_factory=threading.Event)
    estado: Health = Health.DOWN
    detail: str | None = None
    seconds: float = 0.0

    @classmethod
    def under_way(cls, name: str, ask: Callable[[], str | None]) -> "_Probe":
        """The probe of a dependency that is outstanding, else a new one."""
        with _starting:
            known = _probes.get(name)
            if known is None or known.done.is_set():
                known = _probes[name] = cls(name, ask)
                threading.Thread(
                    target=copy_context().run, args=(known._run,), name="probe", daemon=True
                ).start()
            return known

    def _run(self) -> None:
        try:
            self.detail = self.ask()
            self.estado = Health.ABSENT if self.detail is None else Health.UP
        except Exception as error:
            # A probe answers for whatever can go wrong with its dependency.
            log.warning("dependency down", extra={"dependency": self.name}, exc_info=True)
            self.detail = type(error).__name__
        self.seconds = time.perf_counter() - self.started
        self.done.set()

    def status(self, *, with_details: bool) -> DependencyStatus:
        """What it has found, `PROBE_SECONDS` after it was asked at the latest."""
        if not self.done.wait(max(0.0, self.started + PROBE_SECONDS - time.perf_counter())):
            log.warning("dependency does not answer", extra={"dependency": self.name})
            detail = f"no answer within {PROBE_SECONDS:g} s"
            return DependencyStatus(
                nome=self.name, estado=Health.DOWN, detalhe=detail if with_details else None
            )
        is_absent = self.estado is Health.ABSENT
        return DependencyStatus(
            nome=self.name,
            estado=self.estado,
            latencia_ms=None if is_absent else round(self.seconds * 1000, 2),
            detalhe=self.detail if with_details else None,
        )
