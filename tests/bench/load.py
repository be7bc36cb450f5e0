"""A load generator for HTTP/1.1 that costs little enough to share two cores with its target.

One process, eight keep-alive connections, requests made ready as bytes, answers framed by their
Content-Length; some 10 us a request. Each connection has one request in flight at a time and its
own share of them, so a list of requests is answered in order on each connection.
"""

import re
import select
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

HOST = "127.0.0.1"
CONNECTIONS = 8
SAMPLE_EVERY = 101
SILENCE_SECONDS = 30
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """What to send.

    Attributes:
        port: On 127.0.0.1; this program talks to nobody else.
        requests: Whole requests, head and body.
        status: What each is to be answered with.
        seconds: When to stop asking, though requests be left.
        connections: How many are asked over at once.
    """

    port: int
    requests: Sequence[bytes]
    status: int = 200
    seconds: float = 3.0
    connections: int = CONNECTIONS


@dataclass
class Measured:
    """What came of it.

    Attributes:
        seconds: From the first request to the last answer.
        latencies: Seconds of each answered request.
        refused: Requests answered with another status.
        sample: Some of the bodies, with the index of their request.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: int = 0
    sample: list[tuple[int, bytes]] = field(default_factory=list)
    first_refusal: bytes = b""

    @property
    def per_second(self) -> float:
        """Answered requests per second."""
        return len(self.latencies) / self.seconds

    def quantile_ms(self, share: float) -> float:
        """The latency that this share of the requests stay below, in milliseconds."""
        ranked = sorted(self.latencies)
        return ranked[min(int(len(ranked) * share), len(ranked) - 1)] * 1000


class NoAnswer(Exception):
    """The server closed a connection or fell silent."""


def request(method: str, path: str, token: str = "", body: bytes = b"") -> bytes:
    """One request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def measure(load: Load) -> Measured:
    """Send a load from a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(generate, load).result()


class _Line:
    """One connection and the requests it still has to send."""

    def __init__(self, port: int, requests: Iterator[tuple[int, bytes]]) -> None:
        self.socket = socket.create_connection((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = requests
        self._received = b""
        self._expected = 0
        self.index = 0
        self.asked_at = 0.0

    def ask(self) -> bool:
        """Send the next request; False when there is none left."""
        following = next(self._requests, None)
        if following is None:
            return False
        self.index, content = following
        self.asked_at = time.perf_counter()
        self.socket.sendall(content)
        return True

    def answer(self) -> bytes | None:
        """The answer, once all of it has come."""
        part = self.socket.recv(262_144)
        if not part:
            raise NoAnswer("the server closed a connection")
        self._received += part
        if not self._expected:
            head = self._received.find(b"\r\n\r\n")
            if head < 0:
                return None
            length = _LENGTH.search(self._received, 0, head + 2)
            if length is None:
                raise NoAnswer("an answer without Content-Length")
            self._expected = head + 4 + int(length[1])
        if len(self._received) < self._expected:
            return None
        whole, self._received, self._expected = self._received, b"", 0
        return whole


def generate(load: Load) -> Measured:
    """Send the load from this process.

    Raises:
        NoAnswer: The server hung up, or was silent for `SILENCE_SECONDS`.
    """
    numbered = list(enumerate(load.requests))
    every = load.connections
    lines = [_Line(load.port, iter(numbered[n::every])) for n in range(every)]
    found, poll = Measured(), select.epoll()
    by_fd = {line.socket.fileno(): line for line in lines}
    started = time.perf_counter()
    deadline = started + load.seconds
    busy = 0
    for fd, line in by_fd.items():
        poll.register(fd, select.EPOLLIN)
        busy += line.ask()
    while busy:
        ready = poll.poll(SILENCE_SECONDS)
        if not ready:
            raise NoAnswer(f"no answer within {SILENCE_SECONDS} s")
        for fd, _ in ready:
            line = by_fd[fd]
            whole = line.answer()
            if whole is None:
                continue
            now = time.perf_counter()
            _note(found, load, line.index, whole, now - line.asked_at)
            if now >= deadline or not line.ask():
                busy -= 1
    found.seconds = time.perf_counter() - started
    for line in lines:
        line.socket.close()
    return found


def _note(found: Measured, load: Load, index: int, whole: bytes, latency: float) -> None:
    found.latencies.append(latency)
    if int(whole[9:12]) != load.status:
        found.refused += 1
        found.first_refusal = found.first_refusal or whole
    elif index % SAMPLE_EVERY == 0:
        found.sample.append((index, whole.partition(b"\r\n\r\n")[2]))
