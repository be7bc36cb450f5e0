"""The jobs table as a queue: `NOTIFY` wakes who listens, a slow poll stands behind it."""

import logging
from collections.abc import Sequence

from sqlalchemy import text

from chalicelib.core.db import DATABASE_ERRORS, DatabaseRole, unit_of_work
from chalicelib.core.errors import ServiceUnavailable
from chalicelib.core.queues import Ring, Unheard

log = logging.getLogger("previsto.doorbell")

NOTIFY_CHANNEL = "previsto_jobs"
NOTIFY = """
SELECT pg_notify(:channel, r.payload)
FROM unnest(cast(:payloads AS text[])) WITH ORDINALITY AS r (payload, place)
ORDER BY r.place
"""


class JobsTableDoorbell:
    """Workers claim from the jobs table and are woken by `LISTEN`."""

    def ring(self, rings: Sequence[Ring], unheard: Unheard) -> None:
        """Wake the listening workers; a payload says which queue and job."""
        payloads = [f"{ring.queue} {ring.job_id}" for ring in rings]
        try:
            with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
                session.execute(text(NOTIFY), {"channel": NOTIFY_CHANNEL, "payloads": payloads})
        except (*DATABASE_ERRORS, ServiceUnavailable):
            log.warning("doorbell not rung", exc_info=True)
            unheard(rings)

    def check(self) -> None:
        """The database is its own broker."""

    def close(self) -> None:
        """Nothing is held."""
