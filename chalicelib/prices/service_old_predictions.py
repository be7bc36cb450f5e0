"""Predictions that have been kept long enough, with the calls that made them and their files."""

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.settings import settings
from chalicelib.core.storage import StorageUnavailable
from chalicelib.core.uploads import object_store
from chalicelib.prices.tables import Projeto
from chalicelib.prices.tables_predictions import Chamada

log = logging.getLogger("previsto.prices")

CALLS_AT_ONCE = 200


def remove_old_predictions(now: datetime) -> int:
    """Delete the calls made more than `PRECOS_KEEP_DAYS` ago, their cases and files of answers.

    A file goes before its row: killed in between, the next run finds the row again. A store that
    is away is left for tomorrow.

    Returns:
        How many calls were deleted.
    """
    limit = now - timedelta(days=settings().precos_keep_days)
    removed = 0
    try:
        for projeto_id in _projects():
            while found := _oldest(projeto_id, limit):
                for _, relatorio in found:
                    if relatorio is not None:
                        object_store().delete(relatorio["objeto"])
                _forget([chamada_id for chamada_id, _ in found])
                removed += len(found)
    except StorageUnavailable:
        log.warning("predictions not removed, the store is away", extra={"removed": removed})
    return removed


def _projects() -> list[UUID]:
    """All there are: an index finds the old calls of one."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        return list(session.scalars(select(Projeto.id).order_by(Projeto.id)))


def _oldest(projeto_id: UUID, limit: datetime) -> list[Any]:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        statement = (
            select(Chamada.id, Chamada.relatorio)
            .where(Chamada.projeto_id == projeto_id, Chamada.em < limit)
            .order_by(Chamada.em)
            .limit(CALLS_AT_ONCE)
        )
        return list(session.execute(statement).all())


def _forget(ids: list[int]) -> None:
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(delete(Chamada).where(Chamada.id.in_(ids)))
