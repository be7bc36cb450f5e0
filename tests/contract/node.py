"""A RabbitMQ node of the tests' own, which may be stopped; never the machine's."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.doorbells.rabbitmq import BROKER_ERRORS, connected
from tests.infra.working import until

# Debian's own wrapper in /usr/sbin would run it as another user, without our environment.
PROGRAMS = Path("/usr/lib/rabbitmq/bin")
START_SECONDS = 120.0
# The broker looks every minute for deliveries that were not acknowledged in time.
ADVANCED = "[{{rabbit, [{{consumer_timeout, {ms}}}, {{channel_tick_interval, 200}}]}}].\n"


def is_installed() -> bool:
    """Whether RabbitMQ's programs are on this machine."""
    return (PROGRAMS / "rabbitmq-server").exists()


class Node:
    """One node: its own name, ports, folders and cookie."""

    def __init__(self, folder: Path, consumer_timeout_seconds: float) -> None:
        self._port, distribution = _free_ports(2)
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}/%2F"
        self._folder, self._output = folder, folder / "output"
        advanced = folder / "advanced.config"
        advanced.write_text(ADVANCED.format(ms=round(consumer_timeout_seconds * 1000)))
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),  # Where Erlang keeps its cookie.
            "RABBITMQ_NODENAME": f"previsto-test-{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(advanced),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none-env"),
            # Two schedulers that do not spin: tests share the machine.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [PROGRAMS / "rabbitmq-server"],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(self._answers, START_SECONDS)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it: with SIGKILL as a machine does that loses its power."""
        if self._process is None:
            return
        # The script that was started may be over before the node that it started.
        family = psutil.Process(self._process.pid).children(recursive=True)
        os.killpg(self._process.pid, number)
        self._process.wait(60)
        self._process = None
        _, alive = psutil.wait_procs(family, timeout=60)
        assert not alive, "the node does not stop"

    def has_logged(self, words: str) -> bool:
        """Whether its log says so."""
        return any(words in log.read_text() for log in (self._folder / "log").glob("*.log"))

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl` on it."""
        found = subprocess.run(
            [PROGRAMS / "rabbitmqctl", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return found.stdout

    def _answers(self) -> bool:
        assert self._process is not None
        said = self._output.read_text()
        assert self._process.poll() is None, f"the node ended while it started: {said}"
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            with connected(BrokerAddress.of(self.url)):
                return True
        except BROKER_ERRORS:
            return False


@contextmanager
def running_node(*, consumer_timeout_seconds: float = 1_800.0) -> Iterator[Node]:
    """A node that has started; nothing is left of it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="previsto-rabbitmq-"))
    node = Node(folder, consumer_timeout_seconds)
    try:
        node.start()
        yield node
    finally:
        node.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [found.getsockname()[1] for found in sockets]
    for found in sockets:
        found.close()
    return ports
