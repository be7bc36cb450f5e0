"""The Lambda service emulated: one function in one process of the real runtime client.

The process is started as Lambda starts it, and asks this server for work by the Runtime API:
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import psutil

API = "/2018-06-01/runtime"
REGION = "us-east-1"
NAME = "function"
MEMORY_MB = 1769  # What Lambda gives one whole processor.
INIT_SECONDS = 30.0
STOP_SECONDS = 5.0
LOG_TAIL_CHARACTERS = 4_000


class FunctionFailed(Exception):
    """The function raised, could not be loaded, ended or took too long; the message says which."""


@dataclass(frozen=True)
class Function:
    """What is deployed.

    Attributes:
        python: An interpreter that has `awslambdaric`.
        folder: The unpacked code, which becomes the working directory.
        handler: Dotted path of the handler.
        environment: The function's own variables; nothing else of this process reaches it.
        options: Of the interpreter, such as `-X importtime`.
    """

    python: Path
    folder: Path
    handler: str
    environment: Mapping[str, str]
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Report:
    """What the process, or its end, told the service."""

    kind: str  # ready, response, error, ended
    content: Any = None
    at: float = 0.0


class LambdaInstance:
    """An execution environment: cold when entered, then warm until left.

    Attributes:
        init_seconds: From the start of the process until it asked for its first event.
        init_cpu_seconds: What its process computed in that time.
    """

    def __init__(self, function: Function, log: Path) -> None:
        """Take the function, and the file that gets what it prints."""
        self._function = function
        self._log = log
        self._service = _RuntimeApi()
        self._process: subprocess.Popen[bytes] | None = None
        self.init_seconds = 0.0
        self.init_cpu_seconds = 0.0

    def __enter__(self) -> Self:
        """Start it cold.

        Raises:
            FunctionFailed: Its code could not be loaded.
        """
        with ExitStack() as started:
            self._service.start()
            started.callback(self._stop)
            self._start()
            started.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    @property
    def output(self) -> str:
        """What the function has printed."""
        return self._log.read_text(errors="replace")

    @property
    def cpu_seconds(self) -> float:
        """What its process has computed so far, which other programs stretch less than time."""
        if self._process is None:
            return 0.0
        spent = psutil.Process(self._process.pid).cpu_times()
        return float(spent.user + spent.system)

    def invoke(self, event: Any, *, timeout_seconds: float = 60.0) -> Any:
        """Give it an event; returns its answer. One that took too long is of no use afterwards.

        Raises:
            FunctionFailed: It raised, ended, or took too long.
        """
        self._service.events.put((event, time.time() + timeout_seconds))
        report = self._wait(timeout_seconds)
        if report.kind != "response":
            raise self._failure(report)
        return report.content

    def _start(self) -> None:
        function = self._function
        command = [str(function.python), *function.options, "-m", "awslambdaric", function.handler]
        started = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=function.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        threading.Thread(target=self._report_end, args=(self._process,), daemon=True).start()
        report = self._wait(INIT_SECONDS)
        if report.kind != "ready":
            raise self._failure(report)
        self.init_seconds = report.at - started
        self.init_cpu_seconds = self.cpu_seconds

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "AWS_LAMBDA_RUNTIME_API": self._service.address,
            "AWS_LAMBDA_FUNCTION_NAME": NAME,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "LAMBDA_TASK_ROOT": str(self._function.folder),
            "_HANDLER": self._function.handler,
            # Lambda's folders are read-only: what is not compiled is compiled at each cold start.
            "PYTHONDONTWRITEBYTECODE": "1",
            # Lambda's image need not have a time zone database; the package must bring its own.
            "PYTHONTZPATH": "",
            **self._function.environment,
        }

    def _report_end(self, process: subprocess.Popen[bytes]) -> None:
        status = process.wait()
        self._service.reports.put(_Report("ended", f"it ended with status {status}"))

    def _wait(self, seconds: float) -> _Report:
        """The next report; one that asks for the next event only counts as the first."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                report = self._service.reports.get(timeout=max(deadline - time.monotonic(), 0.001))
            except Empty:
                return _Report("late", f"no answer within {seconds:g} seconds")
            if report.kind != "ready" or not self.init_seconds:
                return report

    def _failure(self, report: _Report) -> FunctionFailed:
        tail = self.output[-LOG_TAIL_CHARACTERS:]
        return FunctionFailed(f"{self._function.handler}: {report.content}\n{tail}")

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._service.stop()


class _RuntimeApi(ThreadingHTTPServer):
    """The server that the runtime client of one function polls."""

    daemon_threads = True
    block_on_close = False  # A request for the next event waits until the process has ended.

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.events = SimpleQueue[tuple[Any, float]]()
        self.reports = SimpleQueue[_Report]()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that a process took with it when it ended."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Call(BaseHTTPRequestHandler):
    """One call of the runtime client."""

    protocol_version = "HTTP/1.1"
    server: _RuntimeApi

    def do_GET(self) -> None:
        """Hand out the next event, once there is one."""
        if urlsplit(self.path).path != f"{API}/invocation/next":
            self._send(404, b"{}")
            return
        self.server.reports.put(_Report("ready", at=time.perf_counter()))
        event, deadline = self.server.events.get()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": (
                f"arn:aws:lambda:{REGION}:000000000000:function:{NAME}"
            ),
        }
        self._send(200, json.dumps(event).encode(), headers)

    def do_POST(self) -> None:
        """Take an answer, or the account of a failure."""
        content = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
        kind = self.path.rpartition("/")[2]
        self._send(202, b'{"status": "OK"}')
        self.server.reports.put(_Report(kind, content))

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the function's own log is what matters."""
