"""Settings of the server: a laptop's, and those of a database that nobody will miss."""

from __future__ import annotations

from collections.abc import Mapping

# Nothing here trades safety for speed: fsync, synchronous_commit and full_page_writes are on.
LAPTOP: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",  # A laptop has an SSD.
    # What is read is in the system's cache as a rule: to have a helper process fetch each page that
    # a bitmap names takes twice the time of fetching it.
    "effective_io_concurrency": "0",
    "jit": "off",  # Compiling costs more than it saves on queries of milliseconds.
    # The wheel knows pglz only: it takes longer over a page than the disk does, to save a quarter.
    "wal_compression": "off",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    "fsync": "on",
    # Visits are inserted and hardly ever changed. Index-only scans need vacuum to have passed
    # over new pages, and the planner needs to know of them, long before a fifth is new.
    "autovacuum_naptime": "20s",
    "autovacuum_vacuum_insert_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.02",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_checkpoints": "off",
    # What a refused row or statement holds is about people; the program logs what was refused.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "logging_collector": "off",
}

# For tests: a crash of the machine may lose the data.
THROWAWAY: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "min_wal_size": "32MB",
    "max_wal_size": "512MB",
}


def as_arguments(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
