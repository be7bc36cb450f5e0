"""Start, readiness and stop."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.local.gateway import GatewayNotReady, PortBusy, serve, wait_until_ready
from tests.infra.serving import Reply, Server, free_port, serving


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as taken:
        # granian's own sockets share their port like this one.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken


def test_a_busy_port_is_named_with_what_to_do(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(PortBusy, match=rf"port {port}: .*PORT={port + 1}"):
        serve(port=port)


def test_an_address_of_another_machine_cannot_be_had() -> None:
    with pytest.raises(PortBusy, match=r"192\.0\.2\.1"):
        serve(host="192.0.2.1", port=free_port())


def test_waiting_ends_when_nobody_answers() -> None:
    with pytest.raises(GatewayNotReady, match="refused"):
        wait_until_ready(f"http://127.0.0.1:{free_port()}/", 0.3)


def test_waiting_ends_when_only_errors_answer(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        wait_until_ready(f"{server.url}/nada", 1)
        with pytest.raises(GatewayNotReady, match="status 502"):
            wait_until_ready(f"{server.url}/unserialisable", 0.3)


@pytest.mark.parametrize("how", ["SIGTERM to the parent", "Ctrl-C to all"])
def test_a_request_under_way_is_finished_before_the_end(tmp_path: Path, how: str) -> None:
    with serving(tmp_path, workers=2) as server:
        family = psutil.Process(server.process.pid).children(recursive=True)
        replies: list[Reply] = []
        asking = threading.Thread(target=lambda: replies.append(server.ask("GET", "/slow")))
        asking.start()
        time.sleep(0.3)
        if how == "SIGTERM to the parent":
            server.process.terminate()
        else:
            os.killpg(server.process.pid, signal.SIGINT)
        asking.join()
        assert (replies[0].status, replies[0].body) == (200, b"slow but whole")
        assert server.process.wait(10) == 0
        assert not any(process.is_running() for process in family)
        assert "Traceback" not in server.log.read_text()


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        first = worker_pid(server)
        os.kill(first, signal.SIGKILL)
        wait_until_ready(f"{server.url}/hello", 20)
        assert worker_pid(server) != first


def worker_pid(server: Server) -> int:
    pid: int = server.ask("GET", "/pid").json
    return pid


def test_an_app_that_cannot_be_loaded_ends_the_server(tmp_path: Path) -> None:
    program = f"from infra.local.gateway import serve; serve(port={free_port()})"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "GATEWAY_APP": "infra.nada:app"},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert b"No module named 'infra.nada'" in ended.stderr


def test_workers_end_with_a_parent_that_was_killed_and_leave_the_port(tmp_path: Path) -> None:
    with serving(tmp_path, workers=2) as server:
        family = psutil.Process(server.process.pid).children(recursive=True)
        server.process.kill()
        _, alive = psutil.wait_procs(family, timeout=30)
        assert alive == []
