"""A broker that is away: requests are accepted all the same, and nothing waits for ever."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.doorbells import doorbell
from chalicelib.core.sweep import sweep
from infra.local.deliveries import open_deliveries
from infra.local.worker import Worker
from tests.client import Client
from tests.contract.conftest import StartWorker
from tests.contract.transports import Transport
from tests.contract.work import ONCE, SOURCES, Work, ask, effects, wait_for
from tests.gym.conftest import MakeAluno, count, make_aluno, plano_id  # noqa: F401
from tests.infra.working import has_ended, job, until

pytestmark = pytest.mark.slow

REQUESTS = 5


def _unheard() -> int:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = session.execute(
            text("SELECT count(*) FROM jobs WHERE state = 'queued' AND rung_at IS NULL")
        )
        return int(found.scalar_one())


def _reset_pause() -> None:
    """Forget that the broker was away: the sweep runs in a process of its own."""
    doorbell().close()
    doorbell.cache_clear()


def _upload(operador: Client, aluno_id: int, day: int) -> UUID:
    data = f"aluno_id,entrada\n{aluno_id},2026-03-{day:02}T10:00Z\n".encode()
    accepted = operador.post("/aluno/checkin/lote", data, content_type="text/csv")
    assert accepted.status == 202
    return UUID(accepted.json["id"])


def test_requests_are_accepted_while_the_broker_is_down_and_rung_for_later(
    transport: Transport,
    start_worker: StartWorker,
    operador: Client,
    make_aluno: MakeAluno,  # noqa: F811
) -> None:
    aluno_id = make_aluno()
    transport.cut()
    ids = [_upload(operador, aluno_id, day) for day in range(1, REQUESTS + 1)]
    if transport.loses_rings:
        until(lambda: _unheard() == REQUESTS)
        # A sweep that finds it still down changes nothing.
        sweep()
        until(lambda: _unheard() == REQUESTS)
    transport.restore()
    _reset_pause()
    start_worker(transport.queue_url, "work on ours")
    sweep()
    wait_for(ids)
    assert {(job(i).state, job(i).attempt) for i in ids} == {("succeeded", 1)}
    assert count("checkins") == REQUESTS
    assert _unheard() == 0


def _is_over_with_help(job_id: UUID) -> bool:
    """Whether a job has ended, or else will soon: what rang for it is taken for lost."""
    sweep(ring_again=timedelta(seconds=1))
    return has_ended(job_id)


def test_the_broker_goes_away_and_comes_back_while_workers_work(
    transport: Transport, start_worker: StartWorker
) -> None:
    ids = [ask(Work(seconds=0.15)) for _ in range(6)]
    worker = start_worker(transport.queue_url)
    until(lambda: any(effects(ids)))
    transport.cut()
    # The job in hand goes on: its transactions need no broker.
    until(lambda: ONCE in effects(ids))
    transport.restore()
    _reset_pause()
    ids.append(ask())
    if not transport.gives_back_at_once:
        until(lambda: all(map(_is_over_with_help, ids)))
    wait_for(ids)
    assert effects(ids) == [ONCE] * 7
    assert {job(i).attempt for i in ids} == {1}
    assert worker.is_alive()


def test_an_idle_worker_hears_again_after_its_line_was_cut(
    transport: Transport, start_worker: StartWorker
) -> None:
    start_worker(transport.queue_url)
    first = ask()
    wait_for([first])
    transport.cut()
    transport.restore()
    _reset_pause()
    second = ask()
    if not transport.gives_back_at_once:
        until(lambda: _is_over_with_help(second))
    wait_for([second])
    assert effects([first, second]) == [ONCE] * 2


def test_a_worker_that_hears_nothing_looks_into_the_table(transport: Transport) -> None:
    transport.cut()
    job_id = ask()
    worker = Worker(SOURCES, open_deliveries(transport.queue_url, SOURCES))
    assert worker.drain() == 1
    assert job(job_id).state == "succeeded"
    transport.restore()
