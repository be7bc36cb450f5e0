"""Real worker processes, and work for them, for the tests."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.errors import ServiceUnavailable
from chalicelib.core.jobs import Job
from chalicelib.core.settings import HOUSE
from chalicelib.core.sweep import sweep
from tests.client import Client
from tests.gym.conftest import MakeAluno, count
from tests.gym.work import CSV

REPOSITORY = Path(__file__).resolve().parents[2]
UNKNOWN = 999_999
ROWS = 24_000
REFUSED = ROWS // 10
REPEATED = ROWS // 10 - 1

# Chunks small enough for a test to come between two of them.
SMALL_CHUNKS = """
import sys
from chalicelib.core import imports
from infra.local import worker
imports.ROWS_PER_CHUNK = 400
sys.argv.append("--all")
worker.main()
"""


class WorkerProcess:
    """One worker in a process of its own."""

    def __init__(self, log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SMALL_CHUNKS],
                cwd=REPOSITORY,
                env={**os.environ, "LOG_LEVEL": "INFO"},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as the kernel would: at once."""
        self._process.kill()
        self._process.communicate()

    def terminate(self) -> int:
        """Ask it to end; gives its exit status."""
        self._process.terminate()
        return self._process.wait(60)

    def has_logged(self, words: str) -> bool:
        return words in self.log.read_text()


StartWorker = Callable[[], WorkerProcess]


def started_workers(folder: Path) -> Iterator[StartWorker]:
    """Gives a function that starts workers; those still there at the end are killed."""
    started: list[WorkerProcess] = []

    def start() -> WorkerProcess:
        started.append(WorkerProcess(folder / f"worker-{len(started)}.log"))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()


def until(condition: Callable[[], Any], seconds: float = 90) -> None:
    """Wait for something to come true; it is an error if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


def job(job_id: UUID) -> Job:
    """A job as it stands now."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = session.get(Job, job_id)
        assert found is not None
        return found


def has_ended(job_id: UUID) -> bool:
    """Whether a job has come to its end."""
    return job(job_id).state in ("succeeded", "failed", "cancelled")


def is_halfway(job_id: UUID) -> bool:
    """Whether an import has committed some of its chunks; an error once it is over."""
    found = job(job_id)
    assert found.state in ("queued", "running"), "it was over before the test could act"
    return found.checkpoint is not None and found.checkpoint["tally"]["linhas"] >= 1200


def expire_lease(job_id: UUID) -> bool:
    """Let the lease of a silent worker run out, and sweep.

    Returns:
        Whether the job was taken away; not while the worker is in the midst of a transaction.
    """
    try:
        with unit_of_work(role=DatabaseRole.SYSTEM) as session:
            session.execute(text("SET LOCAL lock_timeout = '100ms'"))
            session.execute(
                text("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE id = :id"),
                {"id": job_id},
            )
    except ServiceUnavailable:
        return False
    return sweep() == 1


def assert_imported_once(job_id: UUID) -> None:
    """The import came to what an undisturbed one comes to, and nothing is there twice."""
    found = job(job_id)
    assert found.state == "succeeded", found.error
    assert found.result is not None
    report = dict(found.result)
    report.pop("primeiras_rejeicoes")
    (early,) = report.pop("avisos")
    assert early["linhas"] == ROWS - REFUSED
    accepted = ROWS - REFUSED - REPEATED
    assert report == {
        "linhas": ROWS,
        "aceitas": accepted,
        "duplicadas": REPEATED,
        "rejeitadas": REFUSED,
    }
    assert count("checkins") == accepted
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        refused = session.execute(text("SELECT count(*) FROM import_rejections")).scalar_one()
    assert refused == REFUSED


def ask_for_import(operador: Client, make_aluno: MakeAluno) -> UUID:
    """Ask for the import of a file of which every tenth row is refused and every tenth known.

    Its members registered after all of their visits.
    """
    members = [make_aluno(registered_days_ago=0) for _ in range(20)]
    first = datetime(2025, 1, 1, tzinfo=UTC)
    lines = ["aluno_id,entrada,chave_evento"]
    for n in range(ROWS):
        aluno_id = UNKNOWN if n % 10 == 0 else members[n % 20]
        entrada = (first + timedelta(minutes=20 * n)).isoformat()
        is_repeated = n % 10 == 1 and n > 1
        lines.append(lines[-2] if is_repeated else f"{aluno_id},{entrada},k{n}")
    accepted = operador.post("/aluno/checkin/lote", "\n".join(lines).encode(), content_type=CSV)
    assert accepted.status == 202
    return UUID(accepted.json["id"])
