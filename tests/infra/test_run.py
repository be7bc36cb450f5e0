"""`make run` as a stranger would use it: started, killed, started again."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.local import environment as local_environment
from tests.infra.working import until

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
READY = "Ctrl-C stops everything"
NOBODY = "http://127.0.0.1:9/"
# Training, the report of yesterday, scores and analyses of the new model; the books, their model.
JOBS = 6


@dataclass
class Installation:
    """A folder, a port, and what runs on them."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        return (self.folder / "output.log").read_text()

    def start(self) -> None:
        """Start, without waiting."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "SEED": "small",
            "DATA_DIR": str(self.folder / "data"),
            "PORT": str(self.port),
            "BOOKS_BASE_URL": NOBODY,  # No test asks the real shop.
        }
        with (self.folder / "output.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "infra.local.run"],
                cwd=REPOSITORY,
                env=env,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def start_and_wait(self) -> str:
        """Start and give what it has said once everything is up."""
        self.start()
        until(lambda: READY in self.output or self.has_ended(), seconds=180)
        assert READY in self.output, self.output
        return self.output

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def stop(self) -> int:
        """Ctrl-C; gives the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(90)

    def kill(self) -> list[psutil.Process]:
        """Kill the program alone; gives the processes it leaves behind."""
        assert self.process is not None
        children: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait()
        return children

    def ask(self, path: str, body: Any = None, token: str | None = None) -> Any:
        """What the API answers."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers=headers,
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - our own
            return json.load(response)

    def sign_in(self) -> str:
        """An access token by the password that was printed."""
        printed = re.search(r"Password +(\S+)", self.output)
        assert printed is not None
        answer = self.ask("/auth/token", {"username": "admin", "password": printed[1]})
        return str(answer["access_token"])


def _free_port() -> int:
    """A port that nobody listens on, below those that the system gives to whoever connects.

    Runs of one installation follow each other on it: one of those would be taken in between.
    """
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@pytest.fixture(scope="module")
def installed() -> Iterator[tuple[Installation, str]]:
    """An installation after its first run, and what that said."""
    with tempfile.TemporaryDirectory(prefix="previsto-run-") as name:
        Path(name).chmod(0o755)  # The database's own user must pass when we are root.
        installation = Installation(Path(name), _free_port())
        try:
            said = installation.start_and_wait()
            installation.ask("/auth/token", _credentials(installation))
            assert installation.stop() == 0
            yield installation, said
        finally:
            if not installation.has_ended():
                installation.stop()


def _credentials(installation: Installation) -> dict[str, str]:
    found = local_environment.read(installation.folder / "data")
    return {"username": "admin", "password": found["ADMIN_PASSWORD"]}


@pytest.fixture
def installation(installed: tuple[Installation, str]) -> Installation:
    """The installation, not running."""
    found, _ = installed
    if not found.has_ended():
        assert found.stop() == 0
    return found


@pytest.fixture
def running(installed: tuple[Installation, str]) -> Installation:
    """The installation, running; a start takes seconds, so the tests after it find it so too."""
    found, _ = installed
    if found.has_ended():
        found.start_and_wait()
    return found


def test_the_first_start_says_where_it_is_and_who_may_leave(
    installed: tuple[Installation, str],
) -> None:
    installation, said = installed
    assert f"ready at http://127.0.0.1:{installation.port}" in said
    assert f"http://127.0.0.1:{installation.port}/docs" in said
    assert _credentials(installation)["password"] in said
    shown = json.loads(said[said.index("\n{") : said.index("\n}") + 2])
    assert f"GET /aluno/{shown['aluno_id']}/risco-churn" in said
    assert 0 <= shown["probabilidade_churn"] <= 1
    assert shown["motivos"]
    assert shown["modelo_versao"] == 1
    secrets = installation.folder / "data" / local_environment.FILE
    assert secrets.stat().st_mode & 0o077 == 0


def test_a_busy_port_is_named_with_what_to_do(installation: Installation) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", installation.port))
        other.listen()
        installation.start()
        assert installation.process is not None
        assert installation.process.wait(60) == 1
    assert f"port {installation.port}" in installation.output
    assert "PORT=" in installation.output
    assert "Traceback" not in installation.output


def test_the_next_start_keeps_data_password_and_model(
    installed: tuple[Installation, str], installation: Installation
) -> None:
    _, first = installed
    said = installation.start_and_wait()
    assert "Simulating" in first
    assert "Simulating" not in said
    token = installation.sign_in()
    aluno_id = re.search(r"GET /aluno/(\d+)/", first)
    assert aluno_id is not None
    answer = installation.ask(f"/aluno/{aluno_id[1]}/risco-churn", token=token)
    assert answer["modelo_versao"] == 1
    assert installation.ask("/jobs", token=token)["total"] == JOBS


def test_a_killed_database_comes_back(running: Installation) -> None:
    token = running.sign_in()
    assert running.process is not None
    parent = psutil.Process(running.process.pid)
    servers = [p for p in parent.children(recursive=True) if "postgres" in p.name()]
    assert servers
    for server in servers:
        _kill(server)
    until(lambda: _answers(running, token), seconds=60)


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _answers(installation: Installation, token: str) -> bool:
    try:
        return bool(installation.ask("/jobs", token=token)["total"] == JOBS)
    except OSError:
        time.sleep(0.1)
        return False


def test_what_a_killed_run_leaves_ends_by_itself_and_the_next_start_works(
    running: Installation,
) -> None:
    left = running.kill()
    _, alive = psutil.wait_procs(left, timeout=60)
    assert alive == []
    running.start_and_wait()
    token = running.sign_in()
    assert running.ask("/jobs", token=token)["total"] == JOBS


def test_a_start_on_the_heels_of_a_killed_run_works(running: Installation) -> None:
    running.kill()
    running.start_and_wait()


def test_a_second_run_on_the_same_data_is_refused(running: Installation) -> None:
    second = Installation(running.folder / "second", _free_port())
    second.folder.mkdir(exist_ok=True)
    (second.folder / "data").unlink(missing_ok=True)
    (second.folder / "data").symlink_to(running.folder / "data")
    second.start()
    assert second.process is not None
    assert second.process.wait(60) == 1
    assert "Previsto cannot start" in second.output
    assert "Traceback" not in second.output
    assert running.ask("/jobs", token=running.sign_in())["total"] == JOBS


def test_a_killed_gateway_is_replaced(running: Installation) -> None:
    token = running.sign_in()
    assert running.process is not None
    children = psutil.Process(running.process.pid).children(recursive=True)
    victims = [p for p in children if p.name() and "infra.local.serve" in p.cmdline()]
    assert victims
    for victim in victims:
        _kill(victim)
    until(lambda: _answers(running, token), seconds=60)
    assert not running.has_ended()


def test_where_no_shop_is_reached_made_up_books_are_read_and_said_to_be(
    running: Installation,
) -> None:
    said = running.output
    assert f"{NOBODY} cannot be reached from here" in said
    assert "200 made-up books" in said
    until(lambda: bool(running.ask("/api/v1/snapshots")["total"]), seconds=90)
    snapshot = running.ask("/api/v1/snapshots/latest")
    assert (snapshot["books"], snapshot["made_up"]) == (200, True)
    assert snapshot["base_url"] in said
    token = running.sign_in()
    # The last of the tests: it leaves one job more than the others count.
    again = running.ask("/api/v1/scraping/trigger", {}, token)
    address = f"/jobs/{again['id']}"
    until(lambda: running.ask(address, token=token)["state"] == "succeeded", seconds=60)
    assert running.ask(address, token=token)["result"]["unchanged"] == 200
    assert running.stop() == 0
