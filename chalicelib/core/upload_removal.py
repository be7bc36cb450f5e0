"""Uploaded files are kept for some days, for a job to be sent again, and then deleted."""

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Text, cast, delete, exists, select

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import Job, JobState
from chalicelib.core.settings import settings
from chalicelib.core.storage import StorageUnavailable
from chalicelib.core.uploads import Upload, object_store

log = logging.getLogger("previsto.uploads")

BATCH = 500
ABANDONED_AFTER = timedelta(days=1)

_IS_NEEDED = exists().where(
    Job.state.in_([JobState.QUEUED, JobState.RUNNING]),
    Job.tenant == Upload.tenant,
    Job.message["objeto"].astext == cast(Upload.objeto, Text),
)


def remove_old_uploads(now: datetime) -> int:
    """Delete the files taken in more than `UPLOAD_KEEP_DAYS` ago, but for those of waiting jobs.

    An object goes before its row: killed in between, the next run finds the row again. A
    store that is away is left for tomorrow.

    Returns:
        How many files were deleted.
    """
    limit = now - timedelta(days=settings().upload_keep_days)
    removed = 0
    try:
        object_store().remove_abandoned(older_than=ABANDONED_AFTER)
        while found := _oldest(limit):
            for _, objeto in found:
                object_store().delete(objeto)
            _forget([upload_id for upload_id, _ in found])
            removed += len(found)
    except StorageUnavailable:
        log.warning("uploads not removed, the store is away", extra={"removed": removed})
    return removed


def _oldest(limit: datetime) -> list[Any]:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        statement = (
            select(Upload.id, Upload.objeto)
            .where(Upload.criado_em < limit, ~_IS_NEEDED)
            .order_by(Upload.criado_em)
            .limit(BATCH)
        )
        return list(session.execute(statement).all())


def _forget(ids: list[UUID]) -> None:
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(delete(Upload).where(Upload.id.in_(ids)))
