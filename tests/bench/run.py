"""Measure what DESIGN.md promises, on a server and a gym made for the purpose.

    python -m tests.bench.run                       http, jobs and cold starts
    python -m tests.bench.run import training       the big ones, minutes and gigabytes each
    python -m tests.bench.run books scraping        the catalogue, of a million books; its reading
    python -m tests.bench.run lab                   training and explaining price models
    python -m tests.bench.run profile               datasets of 20 and 200 MB, read and profiled
    python -m tests.bench.run connections depth size    how each grows, for infra/ARCHITECTURE.md

Everything is kept under `BENCH_DIR` (default `.data/bench`) and removed at the end, but for the
peer's virtual environment. The database runs with fsync, synchronous commits, row-level
security, foreign keys and logged tables.
"""

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench import (
    bench_audit,
    bench_books,
    bench_catalogue,
    bench_cold_start,
    bench_credit,
    bench_dataset,
    bench_decision,
    bench_growth,
    bench_http,
    bench_import,
    bench_jobs,
    bench_lab,
    bench_prices,
    bench_profile,
    bench_scoring,
    bench_training_set,
)

SECTIONS: dict[str, Callable[[Path], None]] = {
    "http": bench_http.run,
    "jobs": bench_jobs.run,
    "start": bench_cold_start.run,
    "import": bench_import.run,
    "decision": bench_decision.run,
    "credit": bench_credit.run,
    "audit": bench_audit.run,
    "prices": bench_prices.run,
    "dataset": bench_dataset.run,
    "training": bench_training_set.run,
    "scoring": bench_scoring.run,
    "books": bench_catalogue.run,
    "scraping": bench_books.run,
    "lab": bench_lab.run,
    "profile": bench_profile.run,
    "connections": bench_growth.run_connections,
    "depth": bench_growth.run_depth,
    "size": bench_growth.run_size,
}
BY_DEFAULT = ("http", "jobs", "start")


def main(names: list[str]) -> int:
    """Run the sections named; returns the exit status."""
    unknown = sorted(set(names) - set(SECTIONS))
    if unknown:
        print(f"There is no {', '.join(unknown)}; there are {', '.join(SECTIONS)}.")
        return 2
    folder = Path(os.environ.get("BENCH_DIR", ".data/bench")).absolute()
    for name in names or BY_DEFAULT:
        load = os.getloadavg()[0]
        print(
            f"\n{name}: {os.cpu_count()} cores, load {load:.1f} before, Python"
            f" {platform.python_version()}",
            flush=True,
        )
        SECTIONS[name](folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
