"""A whole installation in a throwaway folder, filled with made data, while it is shown."""

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from chalicelib.core.settings import settings
from infra.local.bookshop.server import ShopServer
from infra.local.gateway import wait_until_ready
from infra.local.run import ADMIN
from infra.local.throwaway import settings_aside
from infra.tour.shop import open_shop

READY_SECONDS = 180.0
STOP_SECONDS = 60.0
PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Installation:
    """One that runs.

    Attributes:
        url: Where its console is.
        password: The user `admin`'s.
        shop: The shop of made-up books that it reads.
    """

    url: str
    password: str
    shop: ShopServer

    @property
    def login(self) -> str:
        """Who may do everything."""
        return ADMIN


@contextmanager
def running() -> Iterator[Installation]:
    """`make run` in a folder that goes away, beside a shop of made-up books that it reads.

    The settings of this process are the installation's meanwhile. Should it be told to end, the
    installation ends with it.

    Raises:
        GatewayNotReady: It did not start; what it said is in the message.
    """
    signal.signal(signal.SIGTERM, _end)
    with (
        TemporaryDirectory(prefix="previsto-tour-") as name,
        open_shop() as shop,
        settings_aside(Path(name)),
    ):
        port, password = _free_port(), secrets.token_urlsafe(9)
        os.environ.update(
            DATA_DIR=name,
            PORT=str(port),
            SEED="full",
            ADMIN_PASSWORD=password,
            BOOKS_BASE_URL=shop.url,
            PYTHONPATH=str(PROJECT),
        )
        found = Installation(f"http://127.0.0.1:{port}", password, shop)
        with _started(Path(name) / "run.log", found):
            settings.cache_clear()
            yield found


@contextmanager
def _started(log: Path, found: Installation) -> Iterator[None]:
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.run"], stdout=said, stderr=said
        )
        try:
            wait_until_ready(f"{found.url}/health/ready", READY_SECONDS)
            yield
        except Exception:
            print(log.read_text(errors="replace")[-4000:], file=sys.stderr)
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
