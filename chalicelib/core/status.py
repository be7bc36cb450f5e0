"""Is it well? Every dependency is really asked, one after another."""

import logging
import time
from collections.abc import Callable
from enum import StrEnum

from pydantic import BaseModel, Field
from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.settings import settings
from chalicelib.core.uploads import object_store

log = logging.getLogger("previsto.status")


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


def _ask_queue() -> str:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        waiting = session.execute(
            text("SELECT count(*) FROM jobs WHERE state = 'queued' AND next_attempt_at <= now()")
        ).scalar()
    return f"{waiting} jobs due"


def _ask_storage() -> str:
    object_store().check()
    return settings().objects_url.partition(":")[0]


PROBES: dict[str, Callable[[], str]] = {
    "database": _ask_database,
    "queue": _ask_queue,
    "storage": _ask_storage,
}


def check_status(*, with_details: bool) -> Status:
    """Ask every dependency.

    Args:
        with_details: Say more than up or down; for admins.
    """
    found = [_probe(name, ask, with_details=with_details) for name, ask in PROBES.items()]
    if not settings().cache_url:
        found.append(DependencyStatus(nome="cache", estado=Health.ABSENT))
    all_up = all(dependency.estado is not Health.DOWN for dependency in found)
    return Status(estado=Health.UP if all_up else Health.DOWN, dependencias=found)


def _probe(name: str, ask: Callable[[], str], *, with_details: bool) -> DependencyStatus:
    started = time.perf_counter()
    try:
        detail: str | None = ask()
        estado = Health.UP
    except Exception as error:
        # A probe answers for whatever can go wrong with its dependency.
        log.warning("dependency down", extra={"dependency": name}, exc_info=True)
        detail, estado = type(error).__name__, Health.DOWN
    return DependencyStatus(
        nome=name,
        estado=estado,
        latencia_ms=round((time.perf_counter() - started) * 1000, 2),
        detalhe=detail if with_details else None,
    )
