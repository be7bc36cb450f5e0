"""Child processes that live and die with the program that started them."""

import logging
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

log = logging.getLogger("previsto.processes")

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STABLE_SECONDS = 30.0
ORPHAN_SECONDS = 0.5


class Child:
    """A Python program that is started again whenever it dies, more patiently each time.

    It runs in a session of its own, so that Ctrl-C reaches only its parent, which stops its
    children in order. Should the parent be killed, the child notices by its standard input.
    """

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Take the arguments of the Python interpreter, such as `["-m", "package.module"]`."""
        self.name = arguments[-1]
        self._command = [sys.executable, *arguments]
        self._env = dict(env) if env is not None else None
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = FIRST_PAUSE_SECONDS

    def start(self) -> None:
        """Start the program."""
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            self._command, env=self._env, stdin=subprocess.PIPE, start_new_session=True
        )

    @property
    def is_running(self) -> bool:
        """Whether it is alive."""
        return self._process is not None and self._process.poll() is None

    def revive(self) -> None:
        """Start it again if it has died and its pause is over."""
        if self._process is None or self.is_running:
            return
        alive_for = time.monotonic() - self._started
        if alive_for > STABLE_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        if alive_for < self._pause:
            return
        log.warning(
            "process died", extra={"program": self.name, "exit_status": self._process.returncode}
        )
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        self.start()

    def stop(self, seconds: float) -> None:
        """Ask it to end; after so many seconds, end it by force."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            log.warning("process killed", extra={"program": self.name})
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def end_with_parent() -> None:
    """Send this process SIGTERM when the parent that holds its standard input is gone.

    Only a pipe tells that: in a container and under systemd the input is empty from the start.
    """
    if sys.stdin is None or sys.stdin.closed or not stat.S_ISFIFO(os.fstat(0).st_mode):
        return
    threading.Thread(target=_watch_standard_input, daemon=True, name="parent").start()


def _watch_standard_input() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def end_when_orphaned() -> None:
    """End this process soon after the one that started it is gone, however that ended.

    For processes that others start: granian's workers would go on to hold the port.
    """
    parent = os.getppid()
    threading.Thread(target=_watch_parent, args=(parent,), daemon=True, name="parent").start()


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(ORPHAN_SECONDS)
    os._exit(1)
