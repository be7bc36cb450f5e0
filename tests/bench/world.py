"""What is measured on: a PostgreSQL with full safety, a simulated gym, two trained models."""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session

from chalicelib.core.clock import utc_now
from chalicelib.core.db import copy_in, copy_out, dispose_engines, unit_of_work
from chalicelib.core.jobs import SYSTEM, enqueue
from chalicelib.core.pg import make_engine
from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.uploads import object_store
from chalicelib.gym.queues import MODEL_UPDATE_QUEUE
from chalicelib.gym.schemas import UpdateModelMessage
from chalicelib.ml.versions import model_cache
from infra.create_admin import create_admin
from infra.init_db import init_db
from infra.local.postgres import EmbeddedPostgres
from infra.local.seed import load_gym
from infra.local.simulation import simulate
from infra.local.worker import open_worker
from tests.bench.servers import ROOT

LOGIN = "admin"
PEER_DATABASE = "peer"


class TrainingFailed(Exception):
    """The training job did not succeed."""


@dataclass(frozen=True)
class World:
    """Where things are.

    Attributes:
        folder: Holds everything of this run; removed at its end.
        server: The database server.
        password: Of the admin.
    """

    folder: Path
    server: EmbeddedPostgres
    password: str

    @property
    def peer_environment(self) -> dict[str, str]:
        """What the peer reads."""
        url = make_url(self.server.url_of(PEER_DATABASE)).set(drivername="postgresql+psycopg2")
        return {
            "PEER_DATABASE_URL": url.render_as_string(hide_password=False),
            "PEER_MODEL": str(self.folder / "forest.joblib"),
        }

    @property
    def database_cpu_seconds(self) -> float:
        """What the server and its sessions have computed so far."""
        postmaster = int((self.server.cluster / "postmaster.pid").read_text().split()[0])
        server, used = psutil.Process(postmaster), 0.0
        for process in (server, *server.children()):
            with suppress(psutil.NoSuchProcess):  # A vacuum may end at any time.
                used += sum(process.cpu_times()[:2])
        return used


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A server with an empty schema and an admin; everything is removed at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    run = folder / f"run-{os.getpid()}"
    run.mkdir()
    password = secrets.token_urlsafe(16)
    try:
        with EmbeddedPostgres(run / "postgres") as server:
            _configure(run, server.url)
            init_db(server.url)
            create_admin(LOGIN, password)
            try:
                yield World(run, server, password)
            finally:
                dispose_engines()
    finally:
        shutil.rmtree(run, ignore_errors=True)


def _configure(run: Path, url: str) -> None:
    """Set the environment that this process and the servers it starts read."""
    os.environ.update(
        DATABASE_URL=url,
        DATA_DIR=str(run),
        STORAGE_URL=(run / "objects").as_uri(),
        JWT_SECRET=secrets.token_urlsafe(32),
        SIGNING_KEY=secrets.token_urlsafe(32),
        ACCESS_TOKEN_MINUTES="60",
        UPLOAD_MAX_MB="2048",
        LOG_LEVEL="WARNING",
    )
    # Another section of the same run had other secrets, and perhaps its objects in a bucket.
    for kept in (settings, object_store, model_cache):
        kept.cache_clear()


def load_simulated(alunos: int, meses: int = 18) -> int:
    """Fill the gym; returns how many visits there are."""
    gym = simulate(alunos=alunos, meses=meses, until=utc_now())
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, gym)
    settle()
    return len(gym.visitas)


def settle(database_url: str | None = None) -> None:
    """Vacuum and analyse, as autovacuum would in its time."""
    address = database_url or os.environ["DATABASE_URL"]
    engine = make_engine(address, pool_size=0).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def train_ours() -> tuple[float, dict[str, object]]:
    """Train by the real job; returns seconds and the job's report."""
    with unit_of_work(tenant=HOUSE) as session:
        job = enqueue(session, MODEL_UPDATE_QUEUE, UpdateModelMessage(), tenant=HOUSE, owner=SYSTEM)
    started = time.perf_counter()
    open_worker().drain()
    seconds = time.perf_counter() - started
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        found = session.execute(
            text("SELECT state, error, result FROM jobs WHERE id = :id"), {"id": job.id}
        ).one()
    if found.state != "succeeded":
        raise TrainingFailed(str(found.error))
    return seconds, found.result


COPIES = {
    "planos": "id, nome, mensalidade",
    "alunos": "id, nome, email, plano_id, ativo, matriculado_em",
    "checkins": "aluno_id, entrada, saida",
}


def make_peer(world: World, python: Path) -> float:
    """Copy the same rows into the peer's database and train its forest; returns its seconds."""
    admin = make_engine(world.server.url, pool_size=0)
    with admin.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f"CREATE DATABASE {PEER_DATABASE}"))
    environment = {**os.environ, **world.peer_environment}
    make_tables = (
        "from tests.bench.peer.database import engine; from tests.bench.peer.models import Base;"
        " Base.metadata.create_all(engine())"
    )
    subprocess.run([python, "-c", make_tables], cwd=ROOT, env=environment, check=True)
    _copy_rows(world)
    started = time.perf_counter()
    subprocess.run([python, "-m", "tests.bench.peer.forest"], cwd=ROOT, env=environment, check=True)
    return time.perf_counter() - started


def _copy_rows(world: World) -> None:
    peer_url = world.server.url_of(PEER_DATABASE)
    with Session(make_engine(world.server.url)) as ours, Session(make_engine(peer_url)) as theirs:
        for table, columns in COPIES.items():
            order = "aluno_id, entrada" if table == "checkins" else "id"
            query = f"SELECT {columns} FROM {table} ORDER BY {order}"
            with (world.folder / f"{table}.copy").open("w+b") as file:
                copy_out(ours, f"COPY ({query}) TO STDOUT", file)
                file.seek(0)
                copy_in(theirs, f"COPY {table} ({columns}) FROM STDIN", file)
        theirs.commit()
    settle(peer_url)
