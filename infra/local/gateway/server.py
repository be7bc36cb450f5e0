"""granian in front of the gateway: start, readiness, stop."""

import http.client
import os
import socket
import time
from urllib.parse import urlsplit

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server as Granian

TARGET = "infra.local.gateway:build_gateway"


class PortBusy(Exception):
    """Another program listens on this port. Stop it, or choose another port with PORT=..."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"Cannot listen on {host}, port {port}: {reason}. "
            f"Stop the program that uses the port, or choose another with PORT={port + 1}."
        )


class GatewayNotReady(Exception):
    """The gateway did not answer in time."""


def serve(
    target: str = TARGET,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    threads: int = 1,
    stop_seconds: int = 10,
) -> None:
    """Serve until SIGTERM or SIGINT. This process becomes the parent of the workers.

    A worker that dies is replaced; one that dies at once, twice, ends everything with
    exit status 1. On a signal, requests under way have `stop_seconds` to finish.

    Args:
        target: `module:function` that builds the gateway, called once in each worker.
        host: Address to listen on.
        port: Port to listen on.
        workers: Processes; each runs one call of the app at a time, so this is how to scale.
        threads: Calls of the app at once in each worker (read by `build_gateway`).
        stop_seconds: Before a worker that does not end is killed.

    Raises:
        PortBusy: The port cannot be had.
    """
    check_port(host, port)
    os.environ["GATEWAY_THREADS"] = str(threads)
    Granian(
        target,
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        workers=workers,
        workers_kill_timeout=stop_seconds,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
    ).serve()


def check_port(host: str, port: int) -> None:
    """Raise PortBusy unless the port can be had.

    granian shares its port among its workers (SO_REUSEPORT), and would quietly share it with
    an older instance as well: half of the requests would reach the wrong one.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as cause:
            raise PortBusy(host, port, cause.strerror or str(cause)) from cause


def wait_until_ready(url: str, timeout_seconds: float) -> None:
    """Return once the URL answers with a status below 500.

    Raises:
        GatewayNotReady: It does not within the time; says what happened last.
    """
    deadline = time.monotonic() + timeout_seconds
    last = "never asked"
    while time.monotonic() < deadline:
        try:
            status = _status(url)
        except (OSError, http.client.HTTPException) as cause:
            last = str(cause) or type(cause).__name__
        else:
            if status < 500:
                return
            last = f"status {status}"
        time.sleep(0.05)
    raise GatewayNotReady(f"{url} was not ready after {timeout_seconds:g} s: {last}")


def _status(url: str) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=2)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status
    finally:
        connection.close()
