"""What holds on every transport: each job has its effects exactly once, whatever messages do."""

import json
import random
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import ring
from chalicelib.core.queues import Ring
from chalicelib.core.sweep import sweep
from tests.contract.conftest import StartWorker
from tests.contract.transports import Transport
from tests.contract.work import ERRANDS, ONCE, WORK, Work, ask, ask_silently, effects, wait_for
from tests.infra.working import job, until

pytestmark = pytest.mark.slow

NOW = timedelta(0)


def _rings(job_ids: Sequence[UUID]) -> list[Ring]:
    return [Ring(WORK.name, str(job_id)) for job_id in job_ids]


def _queued() -> UUID:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found: UUID = session.execute(
            text("SELECT id FROM jobs WHERE state = 'queued'")
        ).scalar_one()
        return found


def test_all_good(transport: Transport, start_worker: StartWorker) -> None:
    ids = [ask() for _ in range(3)]
    start_worker(transport.queue_url)
    wait_for(ids)
    assert effects(ids) == [ONCE] * 3
    # And one that is asked for while the worker idles, on another queue.
    last = ask(queue=ERRANDS)
    wait_for([last])
    assert [job(i).state for i in [*ids, last]] == ["succeeded"] * 4
    assert [job(i).attempt for i in [*ids, last]] == [1] * 4


def test_one_bad_of_three(transport: Transport, start_worker: StartWorker) -> None:
    ids = [ask(), ask(Work(fails=True)), ask()]
    start_worker(transport.queue_url)
    wait_for(ids)
    assert effects(ids) == [ONCE, [], ONCE]
    assert [job(i).state for i in ids] == ["succeeded", "failed", "succeeded"]
    assert transport.dead_letters(WORK.name) == []


def test_unreadable_messages_are_dead_lettered_and_stop_nobody(
    transport: Transport, start_worker: StartWorker
) -> None:
    nonsense = [b"no json", b"[" * 50_000]  # The second is too deep for a parser that recurses.
    for body in nonsense:
        transport.publish(WORK.name, body)
    ids = [ask() for _ in range(3)]
    worker = start_worker(transport.queue_url)
    wait_for(ids)
    assert effects(ids) == [ONCE] * 3
    unknown = json.dumps({"job": str(uuid4())}).encode()  # It would run any job that waits.
    transport.publish(WORK.name, unknown)
    if transport.loses_rings:  # The jobs table has no messages but the jobs.
        dead: list[bytes] = []

        def all_are_dead() -> bool:
            dead.extend(transport.dead_letters(WORK.name))
            return len(dead) == 3

        until(all_are_dead)
        assert sorted(dead) == sorted([*nonsense, unknown])
    assert worker.is_alive()


def test_delivered_twice(transport: Transport, start_worker: StartWorker) -> None:
    ids = [ask(Work(seconds=0.02)) for _ in range(10)]
    ring(_rings(ids * 2))
    for _ in range(2):
        start_worker(transport.queue_url)
    wait_for(ids)
    ring(_rings(ids))
    last = ask()
    wait_for([last])
    assert effects([*ids, last]) == [ONCE] * 11
    assert {job(i).attempt for i in ids} == {1}


def test_out_of_order(transport: Transport, start_worker: StartWorker) -> None:
    ids = ask_silently(20)
    shuffled = random.Random(7).sample(ids, len(ids))
    start_worker(transport.queue_url)
    ring(_rings(shuffled))
    wait_for(ids)
    assert effects(ids) == [ONCE] * 20


def test_a_worker_killed_midway(transport: Transport, start_worker: StartWorker) -> None:
    job_id = ask(Work(seconds=0.3))
    worker = start_worker(transport.queue_url)
    until(lambda: effects([job_id]) == [[0]])
    worker.kill()
    start_worker(transport.queue_url)
    until(lambda: sweep() == 1)
    wait_for([job_id])
    assert effects([job_id]) == [ONCE]
    assert (job(job_id).state, job(job_id).attempt) == ("succeeded", 2)


def test_a_publisher_killed_between_commit_and_ring(
    transport: Transport, start_worker: StartWorker
) -> None:
    start_worker(transport.queue_url)
    wait_for([ask()])
    publisher = start_worker(transport.queue_url, "ask and die")
    publisher.join(60)
    assert publisher.exitcode == -9
    job_id = _queued()
    sweep(ring_again=NOW)
    wait_for([job_id])
    assert effects([job_id]) == [ONCE]


def test_sigterm_ends_a_worker_with_a_job_in_hand(
    transport: Transport, start_worker: StartWorker
) -> None:
    job_id = ask(Work(seconds=0.3))
    worker = start_worker(transport.queue_url)
    until(lambda: job(job_id).state == "running")
    worker.terminate()
    worker.join(60)
    assert worker.exitcode == 0
    assert effects([job_id]) == [ONCE]
    assert job(job_id).attempt == 1
