"""What an image starts, as an engine would start it, where there is none."""

import json
import os
import shlex
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from infra.docker.rehearse import Image, beside, environment_of, inside
from tests.infra.working import until

STOP_SECONDS = 40


@dataclass(frozen=True)
class Program:
    """An image, and the Python of its base."""

    image: Image
    python: Path

    def call(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a container of its own, to its end."""
        return subprocess.run(
            [*inside(self.image, self.python), *command],
            env={**environment_of(self.image), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def answer(self, script: str) -> Any:
        """What a script of Python prints there, as JSON."""
        ended = self.call("python", "-c", script)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def as_interpreter(self, path: Path) -> Path:
        """A program for whoever starts `python`: it starts a container's with the same words."""
        words = shlex.join(inside(self.image, self.python))
        path.write_text(f'#!/bin/sh\nexec {words} python "$@"\n')
        path.chmod(0o755)
        return path


class Container:
    """The image's own command, running."""

    def __init__(self, program: Program, log: Path, **environment: str) -> None:
        """Take the image, the file that gets what it prints, and its settings."""
        self._program, self._log = program, log
        self._environment = {**environment_of(program.image), **environment}

    def __enter__(self) -> Self:
        image = self._program.image
        with self._log.open("wb") as output:
            self._engine = subprocess.Popen(
                [*inside(image, self._program.python), *image.entrypoint, *image.command],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until(lambda: psutil.Process(self._engine.pid).children())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._engine.kill()  # Its first process goes with it, and takes all others along.
        self._engine.wait()

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._log.read_text(errors="replace")

    @property
    def is_healthy(self) -> bool:
        """What the image's health check says."""
        image = self._program.image
        command = [*beside(image, self._first()), *image.health]
        asked = subprocess.run(command, env=self._environment, capture_output=True, check=False)
        return asked.returncode == 0

    def stop(self) -> int:
        """Ask it to end, as an engine does; gives its exit status."""
        os.kill(self._first(), signal.SIGTERM)
        return self._engine.wait(STOP_SECONDS)

    def _first(self) -> int:
        (first,) = psutil.Process(self._engine.pid).children()
        return int(first.pid)
