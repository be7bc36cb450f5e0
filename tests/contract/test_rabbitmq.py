"""How RabbitMQ is rung: confirms, queues that refuse, a broker that hangs."""

import json
from collections.abc import Iterator, Sequence
from uuid import uuid4

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from chalicelib.core.doorbells.rabbitmq import RabbitDoorbell
from chalicelib.core.queues import Ring
from tests.contract.conftest import StartWorker
from tests.contract.rabbit import ERRAND, WORKS, exists, is_in, make_classic
from tests.contract.transports import RabbitMQ
from tests.infra.working import until

pytestmark = pytest.mark.slow


class Ear:
    """Is told of what was not heard."""

    def __init__(self) -> None:
        self.unheard: list[Ring] = []

    def __call__(self, rings: Sequence[Ring]) -> None:
        self.unheard += rings


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def bell(rabbitmq: RabbitMQ) -> Iterator[RabbitDoorbell]:
    """A doorbell that takes its time to close."""
    found = RabbitDoorbell(rabbitmq.address, close_seconds=60)
    yield found
    rabbitmq.restore()
    found.close()


def _some(queue: str, count: int) -> list[Ring]:
    return [Ring(queue, str(uuid4())) for _ in range(count)]


def _taken(channel: BlockingChannel, name: str) -> list[str]:
    """The jobs that a queue's messages name, taken out of it."""
    found: list[str] = []
    while (got := channel.basic_get(name, auto_ack=True))[0] is not None:
        found.append(json.loads(got[2])["job"])
    return found


# The doorbell.


def test_closing_publishes_what_waits(
    rabbitmq: RabbitMQ, bell: RabbitDoorbell, channel: BlockingChannel, ear: Ear
) -> None:
    rings = _some(WORKS, 15)
    bell.ring(rings, ear)
    bell.close()
    name = rabbitmq.address.name_of(WORKS)
    until(is_in(rabbitmq, WORKS, 15))
    method, properties, _ = channel.basic_get(name)
    assert properties.delivery_mode == pika.DeliveryMode.Persistent.value
    channel.basic_nack(method.delivery_tag)
    assert sorted(_taken(channel, name)) == sorted(ring.job_id for ring in rings)
    assert ear.unheard == []


def test_a_ring_after_closing_is_published_all_the_same(
    rabbitmq: RabbitMQ, bell: RabbitDoorbell, ear: Ear
) -> None:
    bell.ring(_some(WORKS, 1), ear)
    bell.close()
    bell.ring(_some(WORKS, 1), ear)
    until(is_in(rabbitmq, WORKS, 2))
    assert ear.unheard == []


def test_a_queue_that_refuses_keeps_no_other_from_hearing(
    rabbitmq: RabbitMQ, bell: RabbitDoorbell, channel: BlockingChannel, ear: Ear
) -> None:
    name = rabbitmq.address.name_of(WORKS)
    make_classic(channel, name)
    refused, heard = _some(WORKS, 3), _some(ERRAND, 3)
    mixed = [ring for pair in zip(refused, heard, strict=True) for ring in pair]
    bell.ring(mixed, ear)
    until(is_in(rabbitmq, ERRAND, 3))
    assert sorted(r.job_id for r in heard) == sorted(
        _taken(channel, rabbitmq.address.name_of(ERRAND))
    )
    until(lambda: len(ear.unheard) == 3)
    assert ear.unheard == refused
    # Once somebody has put it right, it hears again.
    channel.queue_delete(name)
    bell.ring(_some(WORKS, 1), ear)
    until(lambda: exists(rabbitmq, WORKS))
    until(is_in(rabbitmq, WORKS, 1))
    assert len(ear.unheard) == 3


def test_a_queue_that_was_deleted_is_made_again(
    rabbitmq: RabbitMQ, bell: RabbitDoorbell, channel: BlockingChannel, ear: Ear
) -> None:
    bell.ring(_some(WORKS, 1), ear)
    until(is_in(rabbitmq, WORKS, 1))
    channel.queue_delete(rabbitmq.address.name_of(WORKS))
    bell.ring(_some(WORKS, 1), ear)
    until(lambda: exists(rabbitmq, WORKS))
    until(is_in(rabbitmq, WORKS, 1))
    assert ear.unheard == []


def test_the_first_ring_after_the_line_died_unnoticed_is_not_lost(
    rabbitmq: RabbitMQ, bell: RabbitDoorbell, ear: Ear
) -> None:
    bell.ring(_some(WORKS, 1), ear)
    until(is_in(rabbitmq, WORKS, 1))
    until(lambda: bell._worked)  # It is in the queue before the confirmation is read.
    rabbitmq.line.reset()
    bell.ring(_some(WORKS, 1), ear)
    until(is_in(rabbitmq, WORKS, 2))
    assert ear.unheard == []


def test_what_nobody_takes_over_is_told(rabbitmq: RabbitMQ, bell: RabbitDoorbell, ear: Ear) -> None:
    rabbitmq.cut()
    rings = _some(WORKS, 10)
    bell.ring(rings, ear)
    until(lambda: ear.unheard == rings)


def test_a_broker_that_hangs_fills_the_memory_only_so_far_and_then_is_told(
    rabbitmq: RabbitMQ, ear: Ear
) -> None:
    bell = RabbitDoorbell(rabbitmq.address, most_waiting=20, close_seconds=0.5)
    bell.ring(_some(WORKS, 1), ear)
    until(is_in(rabbitmq, WORKS, 1))
    rabbitmq.line.freeze()
    rings = _some(WORKS, 50)
    bell.ring(rings, ear)
    assert len(ear.unheard) >= 50 - 20 - 1  # One may be in hand already.
    bell.close()
    assert set(rings) <= set(ear.unheard)


def test_a_forked_process_rings_by_itself(
    rabbitmq: RabbitMQ,
    effects_table: None,
    start_worker: StartWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forking = start_worker(rabbitmq.queue_url, "ask, fork and ask")
    forking.join(60)
    assert forking.exitcode == 0
    until(is_in(rabbitmq, WORKS, 2))
