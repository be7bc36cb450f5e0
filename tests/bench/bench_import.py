"""A million check-ins by signed upload and queue, into an empty table and one of ten million."""

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
from sqlalchemy import text

from chalicelib.core.clock import utc_now
from chalicelib.core.pg import make_engine
from tests.bench import servers, world
from tests.bench.client import CallRefused, call, sign_in
from tests.bench.servers import ROOT
from tests.bench.table import print_table
from tests.bench.world import World

ALUNOS = 20_000
ROWS = 1_000_000
ROWS_BEFORE = 10_000_000
BAD_EVERY = 1_000
PIECE_BYTES = 1024 * 1024
MOST_MB = 200
BUDGETS = {0: 100_000, ROWS_BEFORE: 60_000}  # Rows there are before -> rows a second.
POLL_SECONDS = 0.05

MEMBERS = """
WITH plano AS (INSERT INTO planos (nome, mensalidade) VALUES ('Padrão', 119.90) RETURNING id)
INSERT INTO alunos (nome, email, plano_id, matriculado_em)
SELECT 'Aluno ' || n, 'a' || n || '@example.com', plano.id, now() - interval '3 years'
FROM plano, generate_series(1, :alunos) n
"""
# A visit a day for everybody, in the order of a turnstile; the file's visits lie after these.
EARLIER_VISITS = """
INSERT INTO checkins (aluno_id, entrada, saida)
SELECT id, at, at + interval '1 hour' FROM (
    SELECT a.id, date_trunc('day', now()) - make_interval(days => 60 + d)
                 + make_interval(secs => 21600 + mod(a.id * 7919 + d * 104729, 57600)) AS at
    FROM generate_series(1, cast(:days AS int)) d, alunos a
) v ORDER BY at
"""


@dataclass(frozen=True)
class Imported:
    """What one import came to.

    Attributes:
        upload_seconds: Of the signed upload.
        seconds: From the job's start to its end.
        cpu_seconds: Of the worker and of the database, which others' work does not lengthen much.
        memory_mb: Peak resident memory of the worker, and before it started on the file.
        report: The job's.
    """

    upload_seconds: float
    seconds: float
    cpu_seconds: tuple[float, float]
    memory_mb: tuple[float, float]
    report: dict[str, Any]


def run(folder: Path) -> None:
    """Measure and print."""
    with world.world(folder) as found:
        _execute(found, MEMBERS, alunos=ALUNOS)
        rows = []
        with servers.ours(found.folder / "ours.log") as port:
            token = sign_in(port, found.password)
            for before, least in BUDGETS.items():
                if before:
                    _execute(found, "TRUNCATE checkins")
                    _execute(found, EARLIER_VISITS, days=before // ALUNOS)
                world.settle()
                rows.append(_row(before, least, import_file(found, port, token)))
    print_table([f"{ROWS:,} check-ins into a table of", "rows/s", "budget", "", "details"], rows)


def _row(rows_before: int, least: int, found: Imported) -> list[str]:
    speed = found.report["linhas"] / found.seconds
    before, peak = found.memory_mb
    met = speed >= least and peak <= MOST_MB
    counts = {key: found.report[key] for key in ("aceitas", "duplicadas", "rejeitadas")}
    details = (
        f"{found.seconds:.1f} s (cpu: worker {found.cpu_seconds[0]:.1f},"
        f" database {found.cpu_seconds[1]:.1f}), upload {found.upload_seconds:.1f} s,"
        f" worker {before:.0f} -> {peak:.0f} MB, {counts}"
    )
    return [
        f"{rows_before:,}",
        f"{speed:,.0f}",
        f">= {least:,}, <= {MOST_MB} MB",
        "met" if met else "MISSED",
        details,
    ]


def import_file(found: World, port: int, token: str) -> Imported:
    """Upload the file, ask for its import, let a worker do it."""
    path = found.folder / "visits.csv"
    write_visits(path, found, utc_now())
    started = time.perf_counter()
    key = upload(port, token, path)
    upload_seconds = time.perf_counter() - started
    path.unlink()
    with worker(found) as pid:
        before = peak_mb(pid)
        spent = _cpu_seconds(found, pid)
        job = call(port, "POST", "/aluno/checkin/lote", token, {"objeto": key})
        ended = wait_for(port, token, job["id"])
        peak = peak_mb(pid)
        used = _cpu_seconds(found, pid)
    times = [datetime.fromisoformat(ended[name]) for name in ("started_at", "finished_at")]
    seconds = (times[1] - times[0]).total_seconds()
    cpu = (used[0] - spent[0], used[1] - spent[1])
    return Imported(upload_seconds, seconds, cpu, (before, peak), ended["result"])


@contextmanager
def worker(found: World) -> Iterator[int]:
    """A worker on every queue; gives its process id."""
    with (found.folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.worker", "--all"],
            cwd=ROOT,
            stdin=subprocess.PIPE,  # A worker ends when its input does.
            stdout=log,
            stderr=log,
        )
    try:
        time.sleep(2)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def write_visits(path: Path, found: World, now: datetime) -> None:
    """A turnstile's file of the last 30 days in order of time; one row in a thousand is wrong."""
    rng = np.random.default_rng(7)
    with make_engine(found.server.url).connect() as connection:
        ids = np.array(connection.execute(text("SELECT id FROM alunos")).scalars().all())
    start = now - timedelta(days=31)
    seconds = np.sort(rng.random(ROWS)) * 30 * 86_400
    entered = np.datetime64(int(start.timestamp() * 1e6), "us") + (seconds * 1e6).astype("m8[us]")
    left = entered + rng.normal(60, 15, ROWS).clip(10, 180).astype("m8[m]")
    who = ids[rng.integers(0, len(ids), ROWS)].astype(str)
    who[::BAD_EVERY] = "999999999"
    with path.open("w") as file:
        file.write("aluno_id,entrada,saida\n")
        file.writelines(_lines(who, entered, left))


def _lines(who: Any, entered: Any, left: Any, size: int = 50_000) -> Iterator[str]:
    for at in range(0, len(who), size):
        rows = slice(at, at + size)
        texts = (np.datetime_as_string(each[rows]) for each in (entered, left))
        yield "".join(f"{a},{e}Z,{s}Z\n" for a, e, s in zip(who[rows], *texts, strict=True))


def upload(port: int, token: str, path: Path) -> str:
    size = path.stat().st_size
    wanted = {"tamanho_bytes": size, "content_type": "text/csv"}
    signed = call(port, "POST", "/uploads", token, wanted)
    parts = urlsplit(signed["url"])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300, blocksize=PIECE_BYTES)
    headers = {**signed["cabecalhos"], "Content-Length": str(size)}
    with path.open("rb") as file:
        connection.request(signed["metodo"], f"{parts.path}?{parts.query}", file, headers)
        answer = connection.getresponse()
    if answer.status >= 300:
        raise CallRefused(f"upload: {answer.status} {answer.read()!r}")
    connection.close()
    key: str = signed["objeto"]
    return key


def wait_for(port: int, token: str, job_id: str) -> dict[str, Any]:
    """A job as it ends well.

    Raises:
        CallRefused: It has not.
    """
    while True:
        job: dict[str, Any] = call(port, "GET", f"/jobs/{job_id}", token)
        if job["state"] == "succeeded":
            return job
        if job["state"] in ("failed", "cancelled"):
            raise CallRefused(f"job: {job['error']}")
        time.sleep(POLL_SECONDS)


def peak_mb(pid: int) -> float:
    """Highest resident memory a process has had."""
    if not psutil.LINUX:
        return float(psutil.Process(pid).memory_info().rss) / 2**20
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def _cpu_seconds(found: World, worker: int) -> tuple[float, float]:
    """What a worker, and the server with its sessions, have used so far."""
    return sum(psutil.Process(worker).cpu_times()[:2]), found.database_cpu_seconds


def _execute(found: World, statement: str, **values: int) -> None:
    with make_engine(found.server.url, pool_size=0).begin() as connection:
        connection.execute(text(statement), values)
