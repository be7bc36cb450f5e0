"""What a crashed run left behind: lock files, sockets, a server without its owner."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

# Fast shutdown first, then immediate (the next start recovers), then none of its business.
_ENDINGS = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


def postmaster_pid(cluster: Path) -> int | None:
    """The live server process of a cluster, if there is one."""
    try:
        pid = int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None
    return pid if _serves(process, cluster) else None


def is_ready(cluster: Path) -> bool:
    """Whether the server says, in its lock file, that it takes connections."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"


def clear(cluster: Path, socket_dir: Path) -> bool:
    """End what still serves a cluster nobody owns and remove its lock files.

    PostgreSQL itself takes any live process with the recorded number for its predecessor and
    refuses to start; numbers are given anew soon, in containers above all.

    Returns:
        Whether anything was left behind.
    """
    traces = [cluster / "postmaster.pid", *socket_dir.glob(".s.PGSQL.*")]
    found = [trace for trace in traces if os.path.lexists(trace)]
    if not found:
        return False
    pid = postmaster_pid(cluster)
    if pid is not None:
        _end(psutil.Process(pid))
    # Without their postmaster the others end by themselves, but not at once, and as long as
    # one of them holds the shared memory no new server may start.
    _, stubborn = psutil.wait_procs(list(_servers(cluster)), timeout=10)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=5)
    for trace in found:
        trace.unlink(missing_ok=True)
    return True


def _end(process: psutil.Process) -> None:
    for number, patience_seconds in _ENDINGS:
        with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            process.send_signal(number)
            process.wait(patience_seconds)
        if not process.is_running():
            return


def _servers(cluster: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        if _serves(process, cluster):
            yield process


def _serves(process: psutil.Process, cluster: Path) -> bool:
    """Every process of a server works in its cluster's folder."""
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return process.name() == "postgres" and Path(process.cwd()) == cluster.resolve()
    return False
