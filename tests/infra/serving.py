"""A gateway on a real socket, in processes of its own, for the tests."""

import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.gateway import wait_until_ready

SIGNING_KEY = "a key for tests"
ORIGIN = "https://painel.example.com"


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        chunked: bool = False,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, dict(headers or {}), encode_chunked=chunked)
            answer = connection.getresponse()
            # Repeated headers are joined, as a client may read them.
            names = {name.lower() for name in answer.headers}
            joined = {name: ", ".join(answer.headers.get_all(name, [])) for name in names}
            return Reply(answer.status, joined, answer.read())
        finally:
            connection.close()

    def raw(self, data: bytes, *, half_close: bool = False) -> bytes:
        """Everything the server says to these bytes until it closes or is silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            received = b""
            try:
                while piece := connection.recv(65536):
                    received += piece
            except TimeoutError:
                pass
        return received


@contextmanager
def serving(directory: Path, *, target: str | None = None, **options: int) -> Iterator[Server]:
    """A gateway over the tests' app; objects and log live in `directory`."""
    port = free_port()
    settings: dict[str, Any] = {"port": port, **options}
    if target:
        settings["target"] = target
    program = f"from infra.local.gateway import serve; serve(**{settings!r})"
    log = directory / "gateway.log"
    environment = {
        **os.environ,
        "GATEWAY_APP": "tests.infra.gateway_app:app",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "STORAGE_URL": f"file://{directory}/objects",
        "SIGNING_KEY": SIGNING_KEY,
        "CORS_ORIGINS": f"http://other.example.com, {ORIGIN}",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/hello", 20)
            yield Server(port, process, log)
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def serving_api(directory: Path, **settings: str) -> Iterator[str]:
    """The whole API behind its gateway, with the settings of the environment and these."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    own = {"PORT": str(port), "PUBLIC_URL": url, "GATEWAY_PROCESSES": "1", **settings}
    with (directory / "gateway.log").open("wb") as log:
        gateway = subprocess.Popen(
            [sys.executable, "-m", "infra.local.serve"],
            env={**os.environ, **own},
            stdin=subprocess.PIPE,  # Held open: the gateway ends when whoever started it has.
            stdout=log,
            stderr=log,
        )
        try:
            wait_until_ready(f"{url}/health/live", 30)
            yield url
        finally:
            gateway.terminate()
            gateway.communicate(timeout=20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
