"""Is what runs in this container well? For its health check.

    python -m infra.docker.health api|worker|scheduler

The exit status is 0 when it is.
"""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

SECONDS = 4.0


def api_answers() -> bool:
    """Whether the API and all that it cannot do without answer."""
    port = os.environ.get("PORT", "8000")
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/health/ready", timeout=SECONDS
        ) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def is_running(module: str, processes: int) -> bool:
    """Whether at least so many processes of a module are there."""
    found = 0
    for commands in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += module in commands.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # It has just ended.
            continue
    return found >= processes


CHECKS: dict[str, Callable[[], bool]] = {
    "api": api_answers,
    # Who watches, and one who works.
    "worker": partial(is_running, "infra.local.worker", 2),
    "scheduler": partial(is_running, "infra.local.scheduler", 1),
}


def main() -> int:
    """Check what is named; the exit status is 0 when it is well."""
    return 0 if CHECKS[sys.argv[1]]() else 1


if __name__ == "__main__":
    sys.exit(main())
