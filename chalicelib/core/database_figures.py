"""The database in numbers: how large, how busy, which tables."""

from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.orm import Session

MOST_TABLES = 20

WHOLE = """
SELECT current_setting('server_version') AS version,
       pg_postmaster_start_time() AS since,
       pg_database_size(d.datid) AS size_bytes,
       d.numbackends AS connections,
       cast(current_setting('max_connections') AS int) AS most_connections,
       d.xact_commit AS commits, d.xact_rollback AS rollbacks, d.deadlocks,
       d.blks_hit / nullif(d.blks_hit + d.blks_read, 0)::float8 AS found_in_memory,
       (SELECT max(version_num) FROM alembic_version) AS migration
FROM pg_stat_database d WHERE d.datname = current_database()
"""
# What the statistics have counted; a count of the rows themselves would read them all.
TABLES = """
SELECT relname AS name, n_live_tup AS about_rows, n_dead_tup AS dead_rows,
       pg_table_size(relid) AS table_bytes, pg_indexes_size(relid) AS index_bytes,
       greatest(last_vacuum, last_autovacuum) AS vacuumed_at,
       greatest(last_analyze, last_autoanalyze) AS analysed_at
FROM pg_stat_user_tables WHERE schemaname = 'public'
ORDER BY pg_total_relation_size(relid) DESC, relname LIMIT :most
"""


class TableFigures(BaseModel):
    """A table in numbers."""

    name: str
    about_rows: int = Field(description="As the statistics have counted them.")
    dead_rows: int = Field(description="Changed or deleted, and not cleared away yet.")
    table_bytes: int
    index_bytes: int
    vacuumed_at: datetime | None
    analysed_at: datetime | None


class DatabaseFigures(BaseModel):
    """The database in numbers; counts are since its statistics were begun."""

    version: str
    since: datetime = Field(description="When the server was started.")
    size_bytes: int
    connections: int
    most_connections: int
    commits: int
    rollbacks: int
    deadlocks: int
    found_in_memory: float | None = Field(description="Share of pages that no disk was asked for.")
    migration: str | None
    tables: list[TableFigures] = Field(description="The largest ones, with their indexes.")


def database_figures(session: Session) -> DatabaseFigures:
    """Ask the database about itself."""
    whole = session.execute(text(WHOLE)).one()
    tables = session.execute(text(TABLES), {"most": MOST_TABLES})
    return DatabaseFigures(
        **whole._mapping, tables=[TableFigures(**row._mapping) for row in tables]
    )
