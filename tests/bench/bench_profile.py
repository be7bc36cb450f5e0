"""A dataset of 200 MB by signed upload and queue, beside one of a tenth: time, and flat memory."""

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.bench import servers, world
from tests.bench.bench_import import peak_mb, upload, wait_for, worker
from tests.bench.client import call, sign_in
from tests.bench.table import print_table
from tests.bench.world import World
from tests.prices.files import wide_csv

MEGABYTES = (20, 200)
MOST_MB = 300


@dataclass(frozen=True)
class Profiled:
    """What one file came to.

    Attributes:
        bytes: Of the file.
        upload_seconds: Of the signed upload.
        seconds: From the job's start to its end.
        memory_mb: Peak resident memory of the worker, and before it started on the file.
        report: The job's.
    """

    bytes: int
    upload_seconds: float
    seconds: float
    memory_mb: tuple[float, float]
    report: dict[str, Any]


def run(folder: Path) -> None:
    """Measure and print."""
    with world.world(folder) as found, servers.ours(found.folder / "ours.log") as port:
        token = sign_in(port, found.password)
        rows = [_row(_profile(found, port, token, megabytes)) for megabytes in MEGABYTES]
    print_table(["dataset of", "seconds", "peak MB", "budget", "", "details"], rows)


def _row(found: Profiled) -> list[str]:
    before, peak = found.memory_mb
    report = found.report
    details = (
        f"{report['linhas']:,} rows, {report['recusadas']} refused,"
        f" {found.bytes / 1e6 / found.seconds:.1f} MB/s, upload {found.upload_seconds:.1f} s,"
        f" worker before {before:.0f} MB"
    )
    return [
        f"{found.bytes / 1e6:.0f} MB",
        f"{found.seconds:.1f}",
        f"{peak:.0f}",
        f"<= {MOST_MB} MB",
        "met" if peak <= MOST_MB else "MISSED",
        details,
    ]


def _profile(found: World, port: int, token: str, megabytes: int) -> Profiled:
    path = found.folder / "dados.csv"
    wide_csv(megabytes, path)
    size = path.stat().st_size
    project = call(port, "POST", "/precos/projetos", token, {"nome": "Medida"})["id"]
    started = time.perf_counter()
    key = upload(port, token, path)
    upload_seconds = time.perf_counter() - started
    path.unlink()
    with worker(found) as pid:
        before = peak_mb(pid)
        sent = call(port, "POST", f"/precos/projetos/{project}/datasets", token, {"objeto": key})
        ended = wait_for(port, token, sent["job"]["id"])
        peak = peak_mb(pid)
    times = [datetime.fromisoformat(ended[name]) for name in ("started_at", "finished_at")]
    seconds = (times[1] - times[0]).total_seconds()
    return Profiled(size, upload_seconds, seconds, (before, peak), ended["result"])
