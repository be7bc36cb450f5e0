"""Which shop `make run` reads at its first start: the real one, else one of made-up books."""

import os
import socket
import urllib.request
from http.client import HTTPException
from pathlib import Path

from chalicelib.books.schemas import TriggerIn
from chalicelib.books.service_runs import ask_for_scrape
from chalicelib.books.service_scrape import user_agent
from chalicelib.books.service_snapshots import catalogue_source
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import SYSTEM
from chalicelib.core.settings import HOUSE, Seed, Settings, settings
from infra.local import environment
from infra.local.processes import Child

SIZES = {Seed.SMALL: 200, Seed.FULL: 1_000}
"""How many made-up books there are."""

REACH_SECONDS = 5.0
PORT = "BOOKSHOP_PORT"


def open_catalogue(data_dir: Path, found: Settings, size: Seed) -> tuple[Child | None, str]:
    """Have the catalogue read where there is none yet, or none but of made-up books.

    Where the shop of `BOOKS_BASE_URL` cannot be reached, one of made-up books takes its place in
    this process's settings, and in those of its children.

    Args:
        data_dir: Of the installation.
        found: Its settings.
        size: A key of `SIZES`, or none: then nothing is read.

    Returns:
        The made-up shop, to be started first, where it is needed; and what to say of it all.
    """
    with unit_of_work(autocommit=True) as session:
        source = catalogue_source(session)
    if source is not None and not source.made_up:
        return None, f"{source.books:,} books of {source.base_url}"
    if size is Seed.NONE:
        return None, "no books: nothing has been read yet"
    if is_reachable(found):
        _ask()
        return None, f"the books of {found.books_base_url} are being read"
    port = _port(data_dir)
    os.environ["BOOKS_BASE_URL"] = f"http://127.0.0.1:{port}/"
    settings.cache_clear()
    if source is None:
        _ask()
    arguments = ["--port", str(port), "--books", str(SIZES[size])]
    return Child(["-m", "infra.local.bookshop", *arguments]), (
        f"{found.books_base_url} cannot be reached from here, so these are {SIZES[size]:,} made-up"
        f" books of a shop of our own at http://127.0.0.1:{port}/"
    )


def is_reachable(found: Settings) -> bool:
    """Whether the shop of the settings answers."""
    request = urllib.request.Request(
        found.books_base_url, headers={"User-Agent": user_agent(found)}
    )
    try:
        with urllib.request.urlopen(request, timeout=REACH_SECONDS) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


def _ask() -> None:
    with unit_of_work(tenant=HOUSE) as session:
        ask_for_scrape(session, TriggerIn(), owner=SYSTEM)


def _port(data_dir: Path) -> int:
    """Where the shop was last, for the addresses of its books to stay; a free port else."""
    known = environment.read(data_dir)
    port = int(known.get(PORT, "0"))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment.write(data_dir, {**known, PORT: str(port)})
    return port
