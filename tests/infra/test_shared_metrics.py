"""Several processes count together; each start begins at zero."""

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from chalicelib.core.metrics import SHARED_DIRECTORY
from infra.local.gateway import wait_until_ready
from infra.local.shared_metrics import share_metrics
from tests.infra.serving import free_port
from tests.infra.working import until
from tests.scrape import Series, series

TOKEN = "only-for-scrapes-" + "t" * 32
LIVE = ("previsto_http_requests_total", ("GET", "/health/live", "2xx"))


@pytest.fixture
def gateway(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[str, int]]:
    """The API behind a gateway of two processes: its address and its parent's id."""
    port = free_port()
    settings = {"PORT": str(port), "GATEWAY_PROCESSES": "2", "METRICS_TOKEN": TOKEN}
    with (tmp_path / "gateway.log").open("wb") as log:
        parent = subprocess.Popen(
            [sys.executable, "-m", "infra.local.serve"],
            env={**os.environ, **settings},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/health/ready", 30)
            yield f"127.0.0.1:{port}", parent.pid
        finally:
            parent.terminate()
            parent.communicate(timeout=20)


def _get(address: str, path: str) -> bytes:
    """One GET on a connection of its own, which may come to any of the processes."""
    connection = http.client.HTTPConnection(address, timeout=20)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read()
    finally:
        connection.close()


def _scrape(address: str) -> Series:
    return series(_get(address, "/metrics").decode())


def _counting_processes(environment: dict[str, str]) -> int:
    return len(list(Path(environment["DATA_DIR"], "metrics", "serve").glob("counter_*.db")))


@pytest.mark.slow
def test_a_scrape_of_any_process_gives_the_sum(
    gateway: tuple[str, int], environment: dict[str, str]
) -> None:
    address, parent = gateway
    asked = 0
    while asked < 40 or _counting_processes(environment) < 2:
        _get(address, "/health/live")
        asked += 1
        assert asked < 2000, "all requests came to one process"
    assert {_scrape(address)[LIVE] for _ in range(20)} == {asked}

    # What a process counted stays counted when it dies and is replaced.
    victim = next(
        child
        for child in psutil.Process(parent).children(recursive=True)
        if list(Path(environment["DATA_DIR"]).glob(f"metrics/serve/counter_*-{child.pid}.db"))
    )
    victim.kill()
    until(lambda: not psutil.pid_exists(victim.pid))
    wait_until_ready(f"http://{address}/docs", 20)
    assert _scrape(address)[LIVE] == asked


def test_each_start_begins_at_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SHARED_DIRECTORY, "")
    directory = tmp_path / "metrics"
    directory.mkdir()
    (directory / "counter_earlier-7.db").write_bytes(b"of an earlier start")
    share_metrics(directory)
    assert list(directory.iterdir()) == []
    assert os.environ[SHARED_DIRECTORY] == str(directory)


def test_a_child_counts_where_its_parent_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SHARED_DIRECTORY, str(tmp_path))
    (tmp_path / "counter_parent-7.db").write_bytes(b"of this start")
    share_metrics(tmp_path / "own")
    assert os.environ[SHARED_DIRECTORY] == str(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["counter_parent-7.db"]
