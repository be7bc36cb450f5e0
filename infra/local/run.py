"""`make run`: the whole of Previsto on one machine, until Ctrl-C.

python -m infra.local.run
"""

import json
import os
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from chalicelib.core import telemetry
from chalicelib.core.auth import Role, issue_access_token
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, dispose_engines, unit_of_work
from chalicelib.core.settings import (
    HOUSE,
    Seed,
    Settings,
    UnsafeSettings,
    given_settings,
    settings,
)
from chalicelib.gym.queues import MODEL_UPDATE_QUEUE
from infra.create_admin import ensure_admin
from infra.init_db import init_db
from infra.local import environment, seed
from infra.local.books import open_catalogue
from infra.local.environment import DataDirRefused
from infra.local.gateway import GatewayNotReady, PortBusy, check_port, wait_until_ready
from infra.local.postgres import EmbeddedPostgres, EmbeddedPostgresError
from infra.local.processes import Child
from infra.local.shared_metrics import share_metrics

DATABASE = "previsto"
READY_SECONDS = 60.0
FIRST_MODEL_SECONDS = 240.0
STOP_SECONDS = 30.0
ADMIN = "admin"


def main() -> int:
    """Run everything; the exit status is 1 when it cannot start."""
    telemetry.configure_logging("WARNING")
    stop = threading.Event()

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    try:
        run(stop)
    except (
        DataDirRefused,
        EmbeddedPostgresError,
        GatewayNotReady,
        PortBusy,
        UnsafeSettings,
    ) as refusal:
        print(f"\nPrevisto cannot start. {refusal}", file=sys.stderr)
        return 1
    except DBAPIError as error:
        print(f"\nThe database of DATABASE_URL refuses: {error.orig}", file=sys.stderr)
        return 1
    return 0


def run(stop: threading.Event) -> None:
    """Start everything in order, say where it is, watch over it, stop it in order."""
    given = given_settings()
    data_dir = given.data_dir.absolute()
    os.environ["DATA_DIR"] = str(data_dir)
    if "log_level" not in given.model_fields_set:
        os.environ["LOG_LEVEL"] = "WARNING"  # A console is for people; the log for the rest.
    environment.prepare(data_dir, given)
    check_port(given.host, given.port)
    share_metrics(data_dir / "metrics" / "run")
    with _database(data_dir, given) as postgres:
        found = settings()
        _say("Preparing the database ...")
        size = _prepare_database(found, given)
        shop, books = open_catalogue(data_dir, found, size)
        children = [shop] if shop is not None else []
        children += [
            Child(["-m", f"infra.local.{name}"]) for name in ("serve", "scheduler", "worker")
        ]
        try:
            for child in children:
                child.start()
            _announce(found, stop, books)
            _watch(children, postgres, stop)
        finally:
            _say("\nStopping ...")
            for child in children:
                child.stop(STOP_SECONDS)
            dispose_engines()


@contextmanager
def _database(data_dir: Path, given: Settings) -> Iterator[EmbeddedPostgres | None]:
    """The embedded server, unless `DATABASE_URL` names another."""
    if given.database_url:
        yield None
        return
    with EmbeddedPostgres(data_dir / "postgres") as postgres:
        if postgres.relocated:
            _say(postgres.relocated)
        url = postgres.url_of(DATABASE)
        # Every process of this installation, and the command line, find the database by this.
        environment.write(data_dir, {**environment.read(data_dir), "DATABASE_URL": url})
        yield postgres


def _prepare_database(found: Settings, given: Settings) -> Seed:
    url = found.database_admin_url or found.database_url
    init_db(url, make_url(found.database_url).username)
    ensure_admin(
        ADMIN,
        found.admin_password.get_secret_value(),
        replace=bool(given.admin_password.get_secret_value()),
    )
    # Simulated members have no business in somebody's own server unless they ask for them.
    chosen = found.seed or (Seed.NONE if given.database_url else Seed.FULL)
    if chosen is not Seed.NONE and seed.is_empty():
        _say("Simulating a demo gym ...")
        visits = seed.seed_gym(chosen, utc_now())
        _say(f"The demo gym has {visits:,} simulated visits; its model is being trained.")
    return chosen


def _announce(found: Settings, stop: threading.Event, books: str) -> None:
    """Say where everything is, once it answers."""
    local = f"http://127.0.0.1:{found.port}"
    wait_until_ready(f"{local}/health/ready", READY_SECONDS)
    example = _example_risk(local, stop)
    print(
        f"\nPrevisto is ready at {found.base_url}\n"
        f"  Console            {found.base_url}/\n"
        f"  API documentation  {found.base_url}/docs  (ReDoc: /redoc, OpenAPI: /openapi.json)\n"
        f"  Sign in as         {ADMIN}\n"
        f"  Password           {found.admin_password.get_secret_value()}\n"
        f"  Catalogue          {books}\n",
        flush=True,
    )
    if example is not None:
        path, answer = example
        print(f"GET {path}\n{json.dumps(answer, ensure_ascii=False, indent=2)}\n", flush=True)
    print("Ctrl-C stops everything; the data stays.", flush=True)


def _example_risk(local: str, stop: threading.Event) -> tuple[str, dict[str, Any]] | None:
    """One real risk query over HTTP, once there is a model; None where there is nobody."""
    aluno_id = _somebody()
    if aluno_id is None:
        return None
    path = f"/aluno/{aluno_id}/risco-churn"
    request = urllib.request.Request(
        f"{local}{path}", headers={"Authorization": f"Bearer {_admin_token()}"}
    )
    deadline = time.monotonic() + FIRST_MODEL_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                answer: dict[str, Any] = json.load(response)
        except (OSError, HTTPException) as error:  # A slow answer is no URLError.
            _say(f"The example query failed ({error}); the log says why.")
            return None
        is_training = answer["tipo"] == "sem_modelo" and _training_runs()
        if not is_training or stop.is_set() or time.monotonic() > deadline:
            return path, answer
        stop.wait(0.5)


def _somebody() -> int | None:
    """An active member who came lately."""
    with unit_of_work(autocommit=True) as session:
        return session.execute(
            text(
                "SELECT a.id FROM alunos a JOIN checkins c ON c.aluno_id = a.id"
                " WHERE a.ativo ORDER BY c.entrada DESC LIMIT 1"
            )
        ).scalar()


def _training_runs() -> bool:
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        unfinished = session.execute(
            text(
                "SELECT count(*) FROM jobs WHERE queue = :queue AND state IN ('queued', 'running')"
            ),
            {"queue": MODEL_UPDATE_QUEUE.name},
        ).scalar_one()
    return bool(unfinished)


def _admin_token() -> str:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        usuario_id = session.execute(
            text("SELECT id FROM usuarios WHERE papel = :admin AND ativo ORDER BY id LIMIT 1"),
            {"admin": Role.ADMIN.value},
        ).scalar_one()
    return issue_access_token(usuario_id, utc_now())[0]


def _watch(children: list[Child], postgres: EmbeddedPostgres | None, stop: threading.Event) -> None:
    while not stop.wait(0.5):
        if postgres is not None:
            postgres.ensure_running()
        for child in children:
            child.revive()


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
