"""A RabbitMQ node that is stopped, loses its power, and runs out of patience."""

import signal
from collections.abc import Iterator
from uuid import uuid4

import pytest

from chalicelib.core.doorbells.rabbitmq import RabbitDoorbell, connected
from chalicelib.core.queues import Ring
from tests.conftest import forget_process_state, require_service
from tests.contract import transports
from tests.contract.conftest import StartWorker
from tests.contract.node import Node, is_installed, running_node
from tests.contract.transports import RabbitMQ
from tests.contract.work import ONCE, WORK, Work, ask, effects, wait_for
from tests.infra.working import job, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A node whose patience with unacknowledged messages ends after a second."""
    require_service("RabbitMQ's programs", is_installed(), "they are not on this machine")
    with running_node(consumer_timeout_seconds=1.0) as found:
        yield found


@pytest.fixture
def private(node: Node, effects_table: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[RabbitMQ]:
    """This installation's queues are on the node."""
    with transports.rabbitmq(node.url) as found:
        monkeypatch.setenv("QUEUE_URL", found.queue_url)
        forget_process_state()
        yield found
        forget_process_state()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_rings_outlive_a_restart_and_everybody_connects_again(
    node: Node, private: RabbitMQ, start_worker: StartWorker, end: signal.Signals
) -> None:
    worker = start_worker(private.queue_url)
    wait_for([ask()])
    worker.terminate()  # A killed one might leave the message of its job behind.
    worker.join(60)
    waiting = ask()
    until(lambda: _messages(private) == 1)
    node.stop(end)
    worker = start_worker(private.queue_url)  # It waits for the broker.
    node.start()
    wait_for([waiting])
    after = ask()  # By the same publisher as before.
    wait_for([after])
    assert effects([waiting, after]) == [ONCE] * 2
    assert worker.is_alive()


def test_a_job_that_outlives_the_brokers_patience_is_done_once(
    node: Node, private: RabbitMQ, start_worker: StartWorker
) -> None:
    workers = [start_worker(private.queue_url) for _ in range(2)]
    long = ask(Work(seconds=1.5))
    wait_for([long])
    assert effects([long]) == [ONCE]
    assert job(long).attempt == 1
    until(lambda: node.has_logged("delivery acknowledgement"))
    # The message came again, and was acknowledged; the worker hears of the next job.
    until(lambda: _messages(private) == 0)
    after = ask()
    wait_for([after])
    assert private.dead_letters(WORK.name) == []
    assert all(worker.is_alive() for worker in workers)


def test_a_ring_that_the_broker_does_not_confirm_is_told(node: Node, private: RabbitMQ) -> None:
    limits = '{"max-length": 1, "overflow": "reject-publish"}'
    name = private.direct.name_of(WORK.name)
    node.control("set_policy", "full", f"^{name}$", limits, "--apply-to", "queues")
    unheard: list[Ring] = []
    bell = RabbitDoorbell(private.address)
    rings = [Ring(WORK.name, str(uuid4())) for _ in range(20)]
    bell.ring(rings, unheard.extend)
    bell.close()
    node.control("clear_policy", "full")
    # A quorum queue takes a few more than its limit before it says so.
    assert 0 < len(unheard) < len(rings)
    assert _messages(private) == len(rings) - len(unheard)


def _messages(rabbitmq: RabbitMQ) -> int:
    with connected(rabbitmq.direct) as (_, channel):
        name = rabbitmq.direct.name_of(WORK.name)
        return int(channel.queue_declare(name, passive=True).method.message_count)
