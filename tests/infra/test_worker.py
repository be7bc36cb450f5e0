"""Real workers, killed, stalled, stopped and cut off: nothing lost, nothing done twice."""

import json
import signal
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from sqlalchemy import text

from chalicelib.core.auth import Role
from chalicelib.core.claims import claim
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import ring
from chalicelib.core.queues import Ring
from chalicelib.core.settings import HOUSE
from chalicelib.gym import service_imports
from chalicelib.gym.queues import CHECKIN_QUEUE
from functions import EVENT_SOURCES, EventSource
from functions.runtime import run_job
from infra.init_db import init_db
from infra.local.deliveries import Delivery, sqs_record
from infra.local.postgres import EmbeddedPostgres, temporary_postgres
from infra.local.processes import Child
from infra.local.seed import load_gym
from infra.local.simulation import simulate
from infra.local.worker import Worker, sources_asked_for
from tests.client import Client
from tests.conftest import MakeUser, forget_process_state
from tests.gym.conftest import MakeAluno, count, make_aluno, plano_id  # noqa: F401
from tests.infra.working import (
    StartWorker,
    ask_for_import,
    assert_imported_once,
    expire_lease,
    has_ended,
    is_halfway,
    job,
    started_workers,
    until,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def start_worker(environment: dict[str, str], tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers of this test's database."""
    yield from started_workers(tmp_path)


def test_an_import_killed_midway_goes_on_where_it_was(
    start_worker: StartWorker,
    operador: Client,
    make_aluno: MakeAluno,  # noqa: F811
) -> None:
    job_id = ask_for_import(operador, make_aluno)
    worker = start_worker()
    until(lambda: is_halfway(job_id))
    worker.kill()
    left = job(job_id)
    assert left.state == "running"
    assert left.checkpoint is not None
    # Not before the lease is over, whoever asks.
    assert claim(CHECKIN_QUEUE) is None
    until(lambda: expire_lease(job_id))
    assert count("checkins") > 0
    start_worker()
    until(lambda: has_ended(job_id))
    assert job(job_id).attempt == 2
    assert_imported_once(job_id)


def test_a_stalled_worker_writes_nothing_once_its_job_was_taken(
    start_worker: StartWorker,
    operador: Client,
    make_aluno: MakeAluno,  # noqa: F811
) -> None:
    job_id = ask_for_import(operador, make_aluno)
    worker = start_worker()
    until(lambda: is_halfway(job_id))

    def stalls_between_two_chunks() -> bool:
        worker.send(signal.SIGSTOP)
        if expire_lease(job_id):
            return True
        # In the midst of a transaction it keeps its job; let it get on.
        worker.send(signal.SIGCONT)
        is_halfway(job_id)
        return False

    until(stalls_between_two_chunks)
    run = claim(CHECKIN_QUEUE)
    assert run is not None
    before, visits = job(job_id), count("checkins")
    worker.send(signal.SIGCONT)
    until(lambda: worker.has_logged("lease lost"))
    after = job(job_id)
    assert count("checkins") == visits
    assert (after.attempt, after.state, after.checkpoint) == (2, "running", before.checkpoint)
    run_job(run, CHECKIN_QUEUE, service_imports.import_checkins)
    assert_imported_once(job_id)
    assert worker.is_running


def test_a_training_killed_midway_registers_one_version(
    start_worker: StartWorker, client_of: MakeUser
) -> None:
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, simulate(alunos=300, meses=9, until=utc_now()))
    accepted = client_of(Role.CIENTISTA).post("/admin/atualizar-modelo")
    job_id = UUID(accepted.json["id"])
    worker = start_worker()
    until(lambda: (job(job_id).step or "").startswith(("avaliando", "treinando")))
    worker.kill()
    assert job(job_id).state == "running"
    until(lambda: expire_lease(job_id))
    start_worker()
    until(lambda: has_ended(job_id))
    found = job(job_id)
    assert (found.state, found.attempt) == ("succeeded", 2), found.error
    assert found.result is not None
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        versions = session.execute(text("SELECT version FROM model_versions")).scalars().all()
        champion = session.execute(text("SELECT version FROM model_aliases")).scalar_one()
    assert versions == [found.result["versao"]] == [champion]


def test_a_job_whose_publication_was_lost_is_found_all_the_same(
    start_worker: StartWorker,
    operador: Client,
    make_aluno: MakeAluno,  # noqa: F811
) -> None:
    data = f"aluno_id,entrada\n{make_aluno()},2026-03-02T07:00Z\n".encode()
    first = operador.post("/aluno/checkin/lote", data, content_type="text/csv")
    worker = start_worker()
    until(lambda: has_ended(UUID(first.json["id"])))
    # Committed, but the process died before it could ring.
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        job_id = session.execute(
            text(
                "INSERT INTO jobs (tenant, owner, queue, message, request_id, attempt_limit)"
                " SELECT tenant, owner, queue, message, request_id, attempt_limit FROM jobs"
                " RETURNING id"
            )
        ).scalar_one()
    until(lambda: has_ended(job_id))
    assert job(job_id).state == "succeeded"
    assert worker.is_running


def test_a_ring_delivered_to_two_workers_again_and_again_runs_its_job_once(
    start_worker: StartWorker,
    operador: Client,
    make_aluno: MakeAluno,  # noqa: F811
) -> None:
    workers = [start_worker(), start_worker()]
    job_id = ask_for_import(operador, make_aluno)
    while not has_ended(job_id):
        ring([Ring(CHECKIN_QUEUE.name, str(job_id))])
    ring([Ring(CHECKIN_QUEUE.name, str(job_id))])
    assert job(job_id).attempt == 1
    assert_imported_once(job_id)
    assert all(worker.is_running for worker in workers)


def test_sigterm_ends_a_worker_cleanly_and_gives_its_job_back(
    start_worker: StartWorker,
    operador: Client,
    make_aluno: MakeAluno,  # noqa: F811
) -> None:
    job_id = ask_for_import(operador, make_aluno)
    worker = start_worker()
    until(lambda: is_halfway(job_id))
    limit = job(job_id).attempt_limit
    assert worker.terminate() == 0
    given_back = job(job_id)
    assert (given_back.state, given_back.lease_until) == ("queued", None)
    assert given_back.error is None
    assert given_back.attempt_limit == limit + 1
    start_worker()
    until(lambda: has_ended(job_id))
    assert_imported_once(job_id)


def test_sigterm_ends_an_idle_worker(start_worker: StartWorker, operador: Client) -> None:
    worker = start_worker()
    until(_somebody_listens)
    assert worker.terminate() == 0


def _somebody_listens() -> bool:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = session.execute(
            text(
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'previsto-bell'"
                " AND datname = current_database()"
            )
        )
        return found.scalar() is not None


def test_a_cancelled_import_stops_between_two_chunks(
    start_worker: StartWorker,
    operador: Client,
    make_aluno: MakeAluno,  # noqa: F811
) -> None:
    job_id = ask_for_import(operador, make_aluno)
    start_worker()
    until(lambda: is_halfway(job_id))
    assert operador.post(f"/jobs/{job_id}/cancelar").status == 200
    until(lambda: has_ended(job_id))
    cancelled = job(job_id)
    assert cancelled.state == "cancelled"
    assert cancelled.checkpoint is not None
    tally = cancelled.checkpoint["tally"]
    assert count("checkins") == tally["aceitas"]
    refused = operador.get(f"/jobs/{job_id}/rejeicoes").json["total"]
    assert (refused, tally["linhas"] % 400) == (tally["rejeitadas"], 0)
    # Sent again, it goes on from there.
    assert operador.post(f"/jobs/{job_id}/reenviar").status == 202
    until(lambda: has_ended(job_id))
    assert_imported_once(job_id)


def test_the_event_is_the_one_of_sqs() -> None:
    record = sqs_record("checkin_queue", json.dumps({"job": "7"}))
    assert record["body"] == '{"job": "7"}'
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith(":checkin_queue")


@pytest.fixture
def own_postgres(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[EmbeddedPostgres]:
    """A server that this test alone uses, and may stop."""
    with temporary_postgres() as server:
        url = server.url_of("previsto")
        init_db(url)
        monkeypatch.setenv("DATABASE_URL", url)
        forget_process_state()
        yield server
        forget_process_state()


def _reaches_database() -> bool:
    try:
        with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
            session.execute(text("SELECT 1"))
    except Exception:  # noqa: BLE001 - whatever says that it is away
        return False
    return True


def test_work_goes_on_when_the_database_comes_back(
    own_postgres: EmbeddedPostgres,
    start_worker: StartWorker,
    client_of: MakeUser,
    make_aluno: MakeAluno,  # noqa: F811
) -> None:
    operador = client_of(Role.OPERADOR)
    job_id = ask_for_import(operador, make_aluno)
    worker = start_worker()
    until(lambda: is_halfway(job_id))
    own_postgres.stop()
    own_postgres.start()
    until(_reaches_database)
    until(lambda: _is_over_with_help(job_id))
    assert_imported_once(job_id)
    # An idle worker outlives it as well, and hears of new work afterwards.
    own_postgres.stop()
    until(lambda: worker.has_logged("database away"))
    own_postgres.start()
    until(_reaches_database)
    data = f"aluno_id,entrada\n{make_aluno()},2026-03-02T07:00Z\n".encode()
    accepted = operador.post("/aluno/checkin/lote", data, content_type="text/csv")
    until(lambda: has_ended(UUID(accepted.json["id"])))
    assert job(UUID(accepted.json["id"])).state == "succeeded"
    assert worker.is_running


def _is_over_with_help(job_id: UUID) -> bool:
    """Whether the job has ended; what it waits for, a lease or its next attempt, is now over."""
    found = job(job_id)
    if found.state == "running" and found.attempt == 1:
        expire_lease(job_id)
    if found.state == "queued":
        with unit_of_work(role=DatabaseRole.SYSTEM) as session:
            session.execute(text("UPDATE jobs SET next_attempt_at = now() WHERE state = 'queued'"))
    return has_ended(job_id)


@pytest.fixture
def supervisor(environment: dict[str, str]) -> Iterator[Any]:
    """A supervisor with two workers."""
    child = Child(["-m", "infra.local.worker"])
    child.start()
    assert child._process is not None
    process = psutil.Process(child._process.pid)
    until(lambda: len(process.children()) == 2)
    yield process
    child.stop(60)


def test_a_supervisor_replaces_a_worker_that_dies(supervisor: psutil.Process) -> None:
    victim = supervisor.children()[0]
    victim.kill()
    until(lambda: victim.pid not in {c.pid for c in supervisor.children()})
    until(lambda: len(supervisor.children()) == 2)


def test_workers_end_with_their_supervisor(supervisor: psutil.Process) -> None:
    workers = supervisor.children()
    supervisor.kill()
    gone, alive = psutil.wait_procs(workers, timeout=60)
    assert (len(gone), alive) == (2, [])


class OneDelivery:
    """A transport with one message, which remembers how it was settled."""

    def __init__(self, queue: str) -> None:
        self.waiting = [Delivery(queue, [sqs_record(queue, "{}", message_id="m1")])]
        self.settled: list[set[str]] = []

    def next(self, seconds: float) -> Delivery | None:  # noqa: ARG002
        return self.waiting.pop() if self.waiting else None

    def settle(self, delivery: Delivery, failed: Collection[str]) -> None:  # noqa: ARG002
        self.settled.append(set(failed))

    def close(self) -> None:
        """Nothing is held."""


def break_down(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """A handler that fails outside of any job."""
    raise OSError(28, "No space left on device")


def test_a_delivery_is_settled_even_if_its_handler_breaks_down() -> None:
    transport = OneDelivery("q")
    worker = Worker({"q": EventSource(f"{__name__}.break_down")}, transport)
    with pytest.raises(OSError, match="No space"):
        worker.drain()
    assert transport.settled == [{"m1"}]


def test_workers_on_aws_leave_the_short_queues_to_lambda() -> None:
    long = {name for name, source in EVENT_SOURCES.items() if source.is_long}
    assert sources_asked_for(["worker", "--long", "--all"]).keys() == long < EVENT_SOURCES.keys()
    prompt = {name for name in long if not EVENT_SOURCES[name].can_wait}
    assert sources_asked_for(["worker", "--long", "--prompt"]).keys() == prompt
    assert sources_asked_for(["worker", "--all"]).keys() == EVENT_SOURCES.keys()
