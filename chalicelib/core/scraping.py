"""What a scrape of `/metrics` is answered: the processes' counts, and what the database knows.

Of jobs only the queued and the running are counted, each from an index that holds no others, so
a scrape costs the same after millions of finished jobs.
"""

from __future__ import annotations

import hmac
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from chalicelib.core import metrics
from chalicelib.core.db import DATABASE_ERRORS, DatabaseRole, unit_of_work
from chalicelib.core.errors import ServiceUnavailable
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import Collector

log = logging.getLogger("previsto.metrics")

LONGEST_QUERY = "2s"

JOBS = """
SELECT queue, 'queued' AS state, count(*) AS jobs,
       greatest(extract(epoch FROM now() - min(next_attempt_at)), 0) AS oldest_seconds
FROM jobs WHERE state = 'queued' GROUP BY queue
UNION ALL
SELECT queue, 'running', count(*), NULL FROM jobs WHERE state = 'running' GROUP BY queue
"""

CONNECTIONS = """
SELECT application_name, count(*) AS connections FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'previsto-%'
GROUP BY application_name
"""


def is_scraper(token: str) -> bool:
    """Whether a bearer token is the one of `METRICS_TOKEN`."""
    expected = settings().metrics_token.get_secret_value()
    return bool(expected) and hmac.compare_digest(token.encode(), expected.encode())


def exposition(accept: str) -> tuple[str, str]:
    """All metrics as text.

    Args:
        accept: The request's header of that name; a Prometheus asks for OpenMetrics.

    Returns:
        The text and its media type.
    """
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry()
    registry.register(_counts())
    registry.register(_DatabaseState())
    encode, media_type = choose_encoder(accept)
    return encode(registry).decode(), media_type


def _counts() -> Collector:
    """What the processes have counted: all that share a directory, else this one."""
    from prometheus_client.multiprocess import MultiProcessCollector

    directory = os.environ.get(metrics.SHARED_DIRECTORY)
    if not directory:
        return metrics.instruments().registry
    _forget_the_dead(Path(directory))
    return MultiProcessCollector(None, directory)  # type: ignore[no-untyped-call]


def _forget_the_dead(directory: Path) -> None:
    """Drop what ended processes held, such as memory; what they counted stays counted.

    Looked for here, because nobody else learns of every process that ends: granian replaces its
    workers by itself.
    """
    from prometheus_client.multiprocess import mark_process_dead

    host = metrics.process_name().rpartition("-")[0]
    for file in directory.glob(f"gauge_live*_{host}-*.db"):
        name = file.stem.split("_")[2]
        if not _is_alive(int(name.rpartition("-")[2])):
            mark_process_dead(name, str(directory))  # type: ignore[no-untyped-call]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _DatabaseState:
    """Reads the database when it is scraped; a database that is away is a metric as well."""

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        is_up = GaugeMetricFamily("previsto_database_up", "Whether the database answered.")
        jobs = GaugeMetricFamily("previsto_jobs", "Unfinished jobs.", labels=["queue", "state"])
        oldest = GaugeMetricFamily(
            "previsto_oldest_due_job_age_seconds",
            "How long the job that is due longest has waited.",
            labels=["queue"],
        )
        connections = GaugeMetricFamily(
            "previsto_database_connections", "Connections, by pool.", labels=["pool"]
        )
        try:
            with unit_of_work(role=DatabaseRole.SYSTEM) as session:
                session.execute(text(f"SET LOCAL statement_timeout = '{LONGEST_QUERY}'"))
                for row in session.execute(text(JOBS)):
                    jobs.add_metric([row.queue, row.state], row.jobs)
                    if row.oldest_seconds is not None:
                        oldest.add_metric([row.queue], float(row.oldest_seconds))
                for row in session.execute(text(CONNECTIONS)):
                    connections.add_metric([row.application_name], row.connections)
            is_up.add_metric([], 1)
        except (*DATABASE_ERRORS, ServiceUnavailable):
            log.warning("database not read for metrics", exc_info=True)
            is_up.add_metric([], 0)
        yield from (is_up, jobs, oldest, connections)
