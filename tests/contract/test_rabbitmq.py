"""RabbitMQ's own ways: confirms, queues that refuse, heartbeats, and who holds which message."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from time import sleep
from uuid import uuid4

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from chalicelib.core.doorbells.rabbitmq import RabbitDoorbell, connected
from chalicelib.core.queues import Ring
from infra.local.deliveries import Delivery
from infra.local.deliveries.rabbitmq import Pace, RabbitDeliveries
from tests.conftest import forget_process_state
from tests.contract.conftest import StartWorker
from tests.contract.transports import RabbitMQ
from tests.contract.work import ERRANDS, ONCE, SOURCES, WORK, ask, effects, wait_for
from tests.infra.working import until

pytestmark = pytest.mark.slow

WORKS, ERRAND = WORK.name, ERRANDS.name
QUICK = Pace(busy=0.05, retry=0.05)


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


@pytest.fixture
def channel(rabbitmq: RabbitMQ) -> Iterator[BlockingChannel]:
    """A channel past the line."""
    with connected(rabbitmq.direct) as (_, found):
        yield found


def _some(queue: str, count: int) -> list[Ring]:
    return [Ring(queue, str(uuid4())) for _ in range(count)]


def _taken(channel: BlockingChannel, name: str) -> list[str]:
    """The jobs that a queue's messages name, taken out of it."""
    found: list[str] = []
    while (got := channel.basic_get(name, auto_ack=True))[0] is not None:
        found.append(json.loads(got[2])["job"])
    return found


def _waiting(rabbitmq: RabbitMQ, queue: str) -> int:
    with connected(rabbitmq.direct) as (_, channel):
        declared = channel.queue_declare(rabbitmq.direct.name_of(queue), passive=True)
        return int(declared.method.message_count)


def _is_in(rabbitmq: RabbitMQ, queue: str, count: int) -> Callable[[], bool]:
    return lambda: _waiting(rabbitmq, queue) == count


def _make_classic(channel: BlockingChannel, name: str) -> None:
    """Put a queue with other properties in a queue's place."""
    channel.queue_delete(name)
    channel.queue_declare(name, durable=True)


# The doorbell.


def test_closing_publishes_what_waits(
    rabbitmq: RabbitMQ, bell: RabbitDoorbell, channel: BlockingChannel, ear: Ear
) -> None:
    rings = _some(WORKS, 15)
    bell.ring(rings, ear)
    bell.close()
    name = rabbitmq.address.name_of(WORKS)
    until(_is_in(rabbitmq, WORKS, 15))
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
    until(_is_in(rabbitmq, WORKS, 2))
    assert ear.unheard == []


def test_a_queue_that_refuses_keeps_no_other_from_hearing(
    rabbitmq: RabbitMQ, bell: RabbitDoorbell, channel: BlockingChannel, ear: Ear
) -> None:
    name = rabbitmq.address.name_of(WORKS)
    _make_classic(channel, name)
    refused, heard = _some(WORKS, 3), _some(ERRAND, 3)
    mixed = [ring for pair in zip(refused, heard, strict=True) for ring in pair]
    bell.ring(mixed, ear)
    until(_is_in(rabbitmq, ERRAND, 3))
    assert sorted(r.job_id for r in heard) == sorted(
        _taken(channel, rabbitmq.address.name_of(ERRAND))
    )
    until(lambda: len(ear.unheard) == 3)
    assert ear.unheard == refused
    # Once somebody has put it right, it hears again.
    channel.queue_delete(name)
    bell.ring(_some(WORKS, 1), ear)
    until(lambda: _exists(rabbitmq, WORKS))
    until(_is_in(rabbitmq, WORKS, 1))
    assert len(ear.unheard) == 3


def _exists(rabbitmq: RabbitMQ, queue: str) -> bool:
    try:
        _waiting(rabbitmq, queue)
    except pika.exceptions.ChannelClosedByBroker:
        return False
    return True


def test_a_queue_that_was_deleted_is_made_again(
    rabbitmq: RabbitMQ, bell: RabbitDoorbell, channel: BlockingChannel, ear: Ear
) -> None:
    bell.ring(_some(WORKS, 1), ear)
    until(_is_in(rabbitmq, WORKS, 1))
    channel.queue_delete(rabbitmq.address.name_of(WORKS))
    bell.ring(_some(WORKS, 1), ear)
    until(lambda: _exists(rabbitmq, WORKS))
    until(_is_in(rabbitmq, WORKS, 1))
    assert ear.unheard == []


def test_the_first_ring_after_the_line_died_unnoticed_is_not_lost(
    rabbitmq: RabbitMQ, bell: RabbitDoorbell, ear: Ear
) -> None:
    bell.ring(_some(WORKS, 1), ear)
    until(_is_in(rabbitmq, WORKS, 1))
    until(lambda: bell._worked)  # It is in the queue before the confirmation is read.
    rabbitmq.line.reset()
    bell.ring(_some(WORKS, 1), ear)
    until(_is_in(rabbitmq, WORKS, 2))
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
    until(_is_in(rabbitmq, WORKS, 1))
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
    until(_is_in(rabbitmq, WORKS, 2))


# The worker's side.


@pytest.fixture
def consume(rabbitmq: RabbitMQ) -> Iterator[Callable[..., RabbitDeliveries]]:
    """Opens consumers of the tests' two queues."""
    opened: list[RabbitDeliveries] = []

    def open_one(pace: Pace = QUICK) -> RabbitDeliveries:
        opened.append(RabbitDeliveries(rabbitmq.address, sorted(SOURCES), pace))
        return opened[-1]

    yield open_one
    for deliveries in opened:
        deliveries.close()


Consume = Callable[..., RabbitDeliveries]


def _next(deliveries: RabbitDeliveries) -> Delivery:
    found = deliveries.next(30)
    assert found is not None
    return found


def test_heartbeats_outlive_a_long_job(rabbitmq: RabbitMQ, consume: Consume) -> None:
    deliveries = consume(Pace(heartbeat=1))
    rabbitmq.publish(WORKS, b"{}")
    held = _next(deliveries)
    lines = rabbitmq.line.accepted
    sleep(3.5)  # The broker gives a silent connection up after two heartbeats.
    deliveries.settle(held, [])
    rabbitmq.publish(WORKS, b"[]")
    after = _next(deliveries)
    assert after.records[0]["body"] == "[]"
    assert rabbitmq.line.accepted == lines


def test_a_busy_process_leaves_other_queues_to_an_idle_one(
    rabbitmq: RabbitMQ, consume: Consume
) -> None:
    busy = consume()
    rabbitmq.publish(WORKS, b"{}")
    rabbitmq.publish(ERRAND, b"{}")
    held = _next(busy)
    left = _next(consume())
    assert {held.queue, left.queue} == {WORKS, ERRAND}
    # To be left to another one is no failed delivery: ten of those are dead-lettered.
    assert left.records[0]["attributes"]["ApproximateReceiveCount"] == "1"
    busy.settle(held, [])


def test_queues_of_long_jobs_take_turns(rabbitmq: RabbitMQ, consume: Consume) -> None:
    for queue in (WORKS, ERRAND) * 4:
        rabbitmq.publish(queue, b"{}")
    deliveries = consume()
    served = []
    for _ in range(8):
        held = _next(deliveries)
        served.append(held.queue)
        until(lambda: deliveries._consumers == [])  # It takes so long that it is paused.
        deliveries.settle(held, [])
    assert all(one != other for one, other in pairwise(served))


def test_a_message_that_failed_comes_again_and_says_how_often(
    rabbitmq: RabbitMQ, consume: Consume
) -> None:
    deliveries = consume()
    rabbitmq.publish(WORKS, b"\xff no text")
    counts = []
    for _ in range(3):
        failed = _next(deliveries)
        counts.append(failed.records[0]["attributes"]["ApproximateReceiveCount"])
        deliveries.settle(failed, [failed.records[0]["messageId"]])
    assert counts == ["1", "2", "3"]


def test_what_is_settled_just_before_closing_does_not_come_again(
    rabbitmq: RabbitMQ, consume: Consume
) -> None:
    for _ in range(5):
        deliveries = consume()
        rabbitmq.publish(WORKS, b"{}")
        deliveries.settle(_next(deliveries), [])
        deliveries.close()
        assert _waiting(rabbitmq, WORKS) == 0


@pytest.fixture
def worker(
    rabbitmq: RabbitMQ,
    effects_table: None,
    start_worker: StartWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker that has done its first job."""
    monkeypatch.setenv("QUEUE_URL", rabbitmq.queue_url)
    forget_process_state()
    start_worker(rabbitmq.queue_url)
    wait_for([ask()])


def test_a_worker_hears_of_a_queue_that_was_deleted_and_made_again(
    worker: None, rabbitmq: RabbitMQ, channel: BlockingChannel
) -> None:
    channel.queue_delete(rabbitmq.address.name_of(WORKS))
    until(lambda: _exists(rabbitmq, WORKS))
    job_id = ask()
    wait_for([job_id])
    assert effects([job_id]) == [ONCE]


def test_a_message_by_another_routing_key_ends_no_worker(
    worker: None, rabbitmq: RabbitMQ, channel: BlockingChannel
) -> None:
    channel.queue_bind(rabbitmq.address.name_of(WORKS), "amq.direct", "somewhere-else")
    channel.basic_publish("amq.direct", "somewhere-else", b"no ring of ours")
    job_id = ask()
    wait_for([job_id])
    dead: list[bytes] = []

    def is_dead() -> bool:
        dead.extend(rabbitmq.dead_letters(WORKS))
        return bool(dead)

    until(is_dead)
    assert dead == [b"no ring of ours"]


def test_a_worker_serves_the_others_beside_a_queue_with_other_properties(
    worker: None, rabbitmq: RabbitMQ, channel: BlockingChannel
) -> None:
    _make_classic(channel, rabbitmq.address.name_of(WORKS))
    job_id = ask(queue=ERRANDS)
    wait_for([job_id])
    assert effects([job_id]) == [ONCE]
    # What is in the odd queue is worked on as well.
    unheard = ask()
    rabbitmq.publish(WORKS, json.dumps({"job": str(unheard)}).encode())
    wait_for([unheard])
    assert effects([unheard]) == [ONCE]


def test_a_queue_that_somebody_else_holds_silences_no_other(rabbitmq: RabbitMQ) -> None:
    held = rabbitmq.address.name_of(ERRAND)
    with connected(rabbitmq.direct) as (_, channel):
        channel.basic_consume(held, lambda *_: None, exclusive=True)
        deliveries = RabbitDeliveries(rabbitmq.address, [ERRAND, WORKS], QUICK)
        name = rabbitmq.address.name_of(WORKS)
        channel.basic_publish("", name, b"{}")
        delivery = deliveries.next(20)
        assert delivery is not None
        assert delivery.queue == WORKS
        deliveries.settle(delivery, set())
        deliveries.close()
