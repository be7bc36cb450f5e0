"""Starting, watching and stopping the embedded PostgreSQL."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from sqlalchemy import URL

from infra.local.postgres import leftovers, settings
from infra.local.postgres.errors import (
    AlreadyRunningError,
    ClusterVersionError,
    FolderRefusedError,
    PostgresFailedError,
)
from infra.local.postgres.places import DEFAULT_SHELTER, Places, find_places, give_to
from infra.local.postgres.programs import MAJOR_VERSION

log = logging.getLogger(__name__)

SUPERUSER = "postgres"
# Recovery after a crash reads at most max_wal_size again; even a slow disk does that in minutes.
START_SECONDS = 300.0
STOP_SECONDS = 60.0
LARGEST_LOG_BYTES = 10_000_000
LOG_TAIL_BYTES = 2_000


class EmbeddedPostgres:
    """One PostgreSQL server over one data folder, owned by one process at a time.

    Connections are by Unix socket only, from the user who started it and root; they need
    no password.

    Args:
        data_dir: The folder; made if need be. Holds the cluster, the log and the owner's lock.
        overrides: Settings of the server over `settings.LAPTOP`; for tests.
        shelter: Where root keeps what the server's unprivileged user cannot reach otherwise.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        overrides: Mapping[str, str] | None = None,
        shelter: Path = DEFAULT_SHELTER,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.log_path = self.data_dir / "postgres.log"
        self._settings = {**settings.LAPTOP, **(overrides or {})}
        self._shelter = shelter
        self._places: Places | None = None
        self._lock: IO[str] | None = None
        self._guardian: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of the superuser's own database, for `make_engine`."""
        return self.url_of(SUPERUSER)

    def url_of(self, database: str, user: str = SUPERUSER) -> str:
        host = {"host": str(self._found().socket_dir)}
        url = URL.create("postgresql+pg8000", username=user, database=database, query=host)
        return url.render_as_string(hide_password=False)

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory, once started."""
        return self._found().cluster

    @property
    def relocated(self) -> str | None:
        """Why the cluster lies outside of the data folder, as a sentence; None if it does not."""
        return self._found().relocated

    def start(self) -> None:
        """Start the server and wait until it takes connections.

        The first start makes the cluster. What a crashed run left behind is cleared away.

        Raises:
            AlreadyRunningError: Another process owns this data folder.
            ClusterVersionError: Another major version made the cluster.
            FolderRefusedError: The folder cannot be used.
            PostgresFailedError: A program of PostgreSQL failed.
            WheelMissingError: The wheel is not installed.
        """
        if self._lock is not None:
            raise AlreadyRunningError(self.data_dir, "this process")
        self._lock = _take_ownership(self.data_dir)
        try:
            self._places = find_places(self.data_dir, self._shelter)
            if self._places.relocated:
                log.info("%s", self._places.relocated)
            self._make_cluster()
            self._launch()
        except BaseException:
            self._release()
            raise

    def ensure_running(self) -> bool:
        """Start the server again if it died.

        Returns:
            Whether it had died.
        """
        if self.is_running():
            return False
        log.warning("PostgreSQL has ended unexpectedly; starting it again.")
        self._end_guardian()
        self._launch()
        return True

    def is_running(self) -> bool:
        return self._guardian is not None and self._guardian.poll() is None

    def stop(self) -> None:
        """Stop the server: open transactions are rolled back, everything is on disk."""
        try:
            self._end_guardian()
        finally:
            self._release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _found(self) -> Places:
        if self._places is None:
            raise RuntimeError("The server has not been started.")
        return self._places

    def _make_cluster(self) -> None:
        """Make the cluster unless it exists; one that is half made never looks whole."""
        cluster, programs = self._found().cluster, self._found().programs
        try:
            found = (cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            found = None
        if found == MAJOR_VERSION:
            return
        if found is not None:
            raise ClusterVersionError(cluster, found, MAJOR_VERSION)
        unfinished = cluster.with_name("cluster.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            unfinished.mkdir()
            give_to(unfinished, programs.account)
        except OSError as error:
            raise FolderRefusedError(cluster.parent, str(error)) from error
        # Who may reach the socket may connect. The order of texts is that of code points, the
        # same on every machine and in every version.
        options = ["--auth-local=trust", "--auth-host=reject", f"--username={SUPERUSER}"]
        options += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        options += ["--builtin-locale=C.UTF-8", f"--pgdata={unfinished}"]
        if self._settings["fsync"] == "off":
            options.append("--no-sync")
        done = programs.run("initdb", *options)
        if done.returncode != 0:
            raise PostgresFailedError("initdb could not make the database", done.stdout)
        unfinished.rename(cluster)

    def _launch(self) -> None:
        places = self._found()
        if leftovers.clear(places.cluster, places.socket_dir):
            log.info("Cleared away what an earlier run of the database left behind.")
        # A list of folders, by commas: quotes keep commas and blanks within a name.
        socket_dir = '"' + str(places.socket_dir).replace('"', '""') + '"'
        chosen = {**self._settings, "unix_socket_directories": socket_dir, "port": "5432"}
        arguments = ["-D", str(places.cluster), *settings.as_arguments(chosen)]
        with _open_log(self.log_path) as output:
            start_of_output = output.tell()
            self._guardian = places.programs.start_server(arguments, output)
        deadline = time.monotonic() + START_SECONDS
        while not leftovers.is_ready(places.cluster):
            if not self.is_running() or time.monotonic() > deadline:
                self._end_guardian()
                said = _read_log(self.log_path, start_of_output)
                raise PostgresFailedError("PostgreSQL did not start", said, self.log_path)
            time.sleep(0.01)

    def _end_guardian(self) -> None:
        guardian, self._guardian = self._guardian, None
        if guardian is None or guardian.stdin is None:
            return
        # A line wakes the guardian even if a forked process holds the pipe open as well.
        with suppress(BrokenPipeError):
            guardian.stdin.write(b"\n")
            guardian.stdin.close()
        try:
            guardian.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("PostgreSQL does not end by itself; ending it by force.")
            leftovers.clear(self._found().cluster, self._found().socket_dir)
            guardian.wait()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


@contextmanager
def temporary_postgres(overrides: Mapping[str, str] | None = None) -> Iterator[EmbeddedPostgres]:
    """A server for tests, in a folder of its own that goes with it. A power cut loses the data."""
    with tempfile.TemporaryDirectory(prefix="previsto-postgres-") as folder:
        Path(folder).chmod(0o711)  # The server's user must pass when we are root.
        chosen = {**settings.THROWAWAY, **(overrides or {})}
        home = Path(folder)
        with EmbeddedPostgres(home / "data", overrides=chosen, shelter=home / "shelter") as server:
            yield server


def _take_ownership(data_dir: Path) -> IO[str]:
    """Hold the folder's lock, which the kernel frees when we end, however we end."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "owner.json").open("a+", encoding="utf-8")
    except OSError as error:
        raise FolderRefusedError(data_dir, str(error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = _describe_owner(lock.read())
        lock.close()
        raise AlreadyRunningError(data_dir, owner) from None
    lock.seek(0)
    lock.truncate()
    json.dump({"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}, lock)
    lock.flush()
    return lock


def _describe_owner(text: str) -> str:
    try:
        owner = json.loads(text)
        return f"process {owner['pid']} (since {owner['since']})"
    except (ValueError, KeyError, TypeError):
        return "another process"


def _open_log(path: Path) -> IO[bytes]:
    if path.exists() and path.stat().st_size > LARGEST_LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    output = path.open("ab")
    output.seek(0, os.SEEK_END)
    return output


def _read_log(path: Path, start: int) -> str:
    with path.open("rb") as output:
        output.seek(start)
        return output.read()[-LOG_TAIL_BYTES:].decode(errors="replace")
