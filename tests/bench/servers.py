"""The servers that are measured, one process each, and what is needed to start them."""

import http.client
import os
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
STOP_SECONDS = 20

TRIVIAL = (
    "import sys; from granian.server import Server;"
    " Server('tests.bench.trivial:app', port=int(sys.argv[1]), interface='asginl',"
    " websockets=False, log_enabled=False).serve()"
)


class ServerFailed(Exception):
    """A server did not come up; its log says why."""


def peer_python(folder: Path) -> Path:
    """The interpreter that has the peer's libraries.

    `PEER_PYTHON` names one, else a virtual environment is made, which takes a minute.
    """
    if given := os.environ.get("PEER_PYTHON"):
        return Path(given)
    home = folder / "peer-venv"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        print(f"Installing the peer's libraries into {home} ...", flush=True)
        venv.create(home, with_pip=True, clear=True)
        pins = ROOT / "tests" / "bench" / "requirements.txt"
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", pins], check=True)
        (home / "complete").touch()
    return python


def resident_mb(port: int) -> float:
    """Memory of the gateway at a port, all of its processes, in megabytes."""
    pages = 0
    for process in _gateway(port):
        with suppress(OSError):  # It has ended.
            pages += int((process / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


def cpu_seconds(port: int) -> float:
    """What the gateway at a port has computed so far, all of its processes."""
    used = 0.0
    for process in _gateway(port):
        with suppress(psutil.NoSuchProcess):
            used += sum(psutil.Process(int(process.name)).cpu_times()[:2])
    return used


def _gateway(port: int) -> Iterator[Path]:
    """Folders of its processes below `/proc`."""
    mine = f"PORT={port}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # It has ended, or is somebody else's.
            if mine in (process / "environ").read_bytes().split(b"\0"):
                yield process


@contextmanager
def ours(log: Path, **settings: str) -> Iterator[int]:
    """The gateway with the app, one process; yields its port.

    Neither server writes an access log: ours is told to log warnings only.
    """
    port = free_port()
    environment = {
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "GATEWAY_PROCESSES": "1",
        "LOG_LEVEL": "WARNING",
        "RATE_LIMIT_PRINCIPAL": "10000000/minute",
        "RATE_LIMIT_ADDRESS": "off",
        **settings,
    }
    command = [sys.executable, "-m", "infra.local.serve"]
    with _server(command, port, "/health/live", log, environment):
        yield port


@contextmanager
def peer(
    python: Path, log: Path, environment: Mapping[str, str], app: str = "app"
) -> Iterator[int]:
    """One of the peer's apps on uvicorn; yields its port."""
    port = free_port()
    command = [str(python), "-m", "uvicorn", f"tests.bench.peer.{app}:app", "--no-access-log"]
    with _server([*command, "--port", str(port)], port, "/openapi.json", log, environment):
        yield port


@contextmanager
def trivial(log: Path) -> Iterator[int]:
    """A server that does next to nothing, to see what the load generator can do."""
    port = free_port()
    with _server([sys.executable, "-c", TRIVIAL, str(port)], port, "/", log, {}):
        yield port


@contextmanager
def _server(
    command: list[str], port: int, path: str, log: Path, environment: Mapping[str, str]
) -> Iterator[None]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,  # The gateway takes the end of its input for ours.
            stdout=output,
            stderr=output,
        )
        try:
            _wait(process, port, path, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    tail = log.read_text(errors="replace")[-2_000:]
    raise ServerFailed(f"no answer at {path}:\n{tail}")
