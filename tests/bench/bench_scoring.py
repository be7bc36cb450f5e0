"""Every member of a big gym scored and stored by the real job, and of half of it."""

import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import SYSTEM
from chalicelib.core.settings import HOUSE
from chalicelib.gym.service_scores import ask_for_scores
from tests.bench import world
from tests.bench.servers import ROOT
from tests.bench.table import print_table

ALUNOS_TO_LEARN_FROM = 2_000
ALUNOS = 100_000
MESES = 21
MOST_SECONDS = 5
WORKER = (
    "from infra.local.worker import open_worker; open_worker().drain();"
    # Not getrusage: its maximum goes over from the process that started this one.
    " peak = [line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')];"
    " print(int(peak[0]) // 1024)"
)


class ScoringFailed(Exception):
    """The pass over all members did not succeed."""


def run(folder: Path) -> None:
    """Measure and print."""
    rows = []
    with world.world(folder):
        world.load_simulated(ALUNOS_TO_LEARN_FROM)
        world.train_ours()
        _execute("DELETE FROM alunos")
        visits = world.load_simulated(ALUNOS, MESES)
        for name, prepare in (
            ("half of them", "UPDATE alunos SET ativo = false WHERE ativo AND id % 2 = 0"),
            ("all", "UPDATE alunos SET ativo = true WHERE id % 2 = 0"),
            ("all, the day after", "UPDATE probabilidades_churn SET dia = dia - 1"),
        ):
            _execute(prepare)
            if name == "all":
                _execute("DELETE FROM probabilidades_churn")
            world.settle()
            rows.append(_measured(name))
    print(f"{visits:,} visits; read, scored, stored beside the day before, 200 explained")
    print_table(["", "members", "seconds", "worker MB", "budget", ""], rows)


def _measured(name: str) -> list[str]:
    with unit_of_work(tenant=HOUSE) as session:
        job = ask_for_scores(session, owner=SYSTEM, motivo="medida", dedupe_key="medida")
    # In a process of its own: this one has trained a model, and its memory shows it.
    worker = subprocess.run(
        [sys.executable, "-c", WORKER], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        found = session.execute(
            text(
                "SELECT state, error, result,"
                " extract(epoch FROM finished_at - started_at)::float8 AS seconds"
                " FROM jobs WHERE id = :id"
            ),
            {"id": job.id},
        ).one()
    if found.state != "succeeded":
        raise ScoringFailed(str(found.error))
    met = "met" if found.seconds <= MOST_SECONDS else "MISSED"
    count = f"{found.result['alunos']:,}"
    return [name, count, f"{found.seconds:.1f}", worker.stdout.strip(), f"<= {MOST_SECONDS}", met]


def _execute(statement: str) -> None:
    with unit_of_work(tenant=HOUSE) as session:
        session.execute(text(statement))
