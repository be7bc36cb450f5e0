"""Which tests one process has to run, where several run them (`make test`).

A module's tests stay together, as they share what it makes; so do whole folders whose set-up
costs half a minute. `--dist loadgroup` would do, but pytest 9.2 passes over its marks without a
word (pytest-xdist's issue 1386), so that processes built the same package over each other.
"""

from collections.abc import Sequence

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

FOLDERS = ("tests/infra/aws", "tests/ml")
SLOWEST = (
    "tests/infra/aws",
    "tests/test_schemathesis.py",
    "tests/infra/test_run.py",
    "tests/browser",
    "tests/infra/test_postgres.py",
    "tests/books/test_crawl.py",
    "tests/contract",
    "tests/notebooks",
    "tests/infra/test_worker.py",
    "tests/infra/test_migrations.py",
    "tests/credit/models/test_training.py",
    "tests/credit/models/test_models.py",
    "tests/gym/test_default_gym.py",
    "tests/gym/test_training.py",
)
"""What takes longest, first: begun last it would keep one process busy while the others wait."""


def together(nodeid: str) -> str:
    """The name of the group a test belongs to."""
    module = nodeid.partition("::")[0]
    folder = module.rpartition("/")[0]
    return folder if folder in FOLDERS else module


def slowest_first(nodeids: Sequence[str]) -> list[str]:
    """Tests in the order that processes take them in."""

    def place(nodeid: str) -> int:
        places = (n for n, begins in enumerate(SLOWEST) if nodeid.startswith(begins))
        return next(places, len(SLOWEST))

    return sorted(nodeids, key=place)


class Together(LoadScopeScheduling):  # type: ignore[misc]  # It is untyped.
    """Gives each process one group after the other."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        """Take groups in the order of their tests, not by how many they are."""
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)
