"""How RabbitMQ delivers: heartbeats, who holds which message, queues that somebody has changed."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from time import sleep

import pytest
from pika.adapters.blocking_connection import BlockingChannel

from chalicelib.core.doorbells.rabbitmq import connected
from infra.local.deliveries import Delivery
from infra.local.deliveries.rabbitmq import Pace, RabbitDeliveries
from tests.conftest import forget_process_state
from tests.contract.conftest import StartWorker
from tests.contract.rabbit import ERRAND, WORKS, exists, make_classic, waiting
from tests.contract.transports import RabbitMQ
from tests.contract.work import ERRANDS, ONCE, SOURCES, ask, effects, wait_for
from tests.infra.working import until

pytestmark = pytest.mark.slow

QUICK = Pace(busy=0.05, retry=0.05)


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
        assert waiting(rabbitmq, WORKS) == 0


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
    until(lambda: exists(rabbitmq, WORKS))
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
    make_classic(channel, rabbitmq.address.name_of(WORKS))
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
