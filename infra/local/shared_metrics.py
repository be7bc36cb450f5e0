"""Where the processes of one installation count together, so that a scrape of one gives the sum."""

import os
import shutil
from pathlib import Path

from chalicelib.core.metrics import SHARED_DIRECTORY


def share_metrics(directory: Path) -> None:
    """Let this process and its children count into files of a directory, emptied first.

    Counts of an earlier start would add up with today's. Where the directory is set already,
    whoever set it, such as `make run` or a compose file, sees to that.
    """
    if os.environ.get(SHARED_DIRECTORY):
        return
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    os.environ[SHARED_DIRECTORY] = str(directory.absolute())
