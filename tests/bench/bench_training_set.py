"""The churn training set of a big gym: 12 snapshots of 100,000 members."""

import time
from pathlib import Path

from chalicelib.core.claims import claim
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import SYSTEM, enqueue
from chalicelib.core.settings import HOUSE
from chalicelib.gym.queues import MODEL_UPDATE_QUEUE
from chalicelib.gym.schemas import UpdateModelMessage
from chalicelib.gym.training_data import read_training_set
from tests.bench import world
from tests.bench.table import print_table

ALUNOS = 100_000
MESES = 21
MOST_SECONDS = 30


class NothingToRead(Exception):
    """The job could not be claimed, or the history gave no snapshot."""


def run(folder: Path) -> None:
    """Measure and print."""
    with world.world(folder):
        visits = world.load_simulated(ALUNOS, MESES)
        with unit_of_work(tenant=HOUSE) as session:
            enqueue(session, MODEL_UPDATE_QUEUE, UpdateModelMessage(), tenant=HOUSE, owner=SYSTEM)
        job = claim(MODEL_UPDATE_QUEUE)
        if job is None:
            raise NothingToRead
        started = time.perf_counter()
        data = read_training_set(job)
        seconds = time.perf_counter() - started
        job.mark_cancelled()
    if data is None:
        raise NothingToRead
    snapshots = len(set(data.instants.tolist()))
    print_table(
        ["training set", "rows", "seconds", "budget", ""],
        [
            [
                f"{snapshots} snapshots x {ALUNOS:,} members, {visits:,} visits",
                f"{len(data.y):,}",
                f"{seconds:.1f}",
                f"<= {MOST_SECONDS}",
                "met" if seconds <= MOST_SECONDS else "MISSED",
            ]
        ],
    )
