"""The tests' two queues as the broker has them."""

from collections.abc import Callable

import pika
from pika.adapters.blocking_connection import BlockingChannel

from chalicelib.core.doorbells.rabbitmq import connected
from tests.contract.transports import RabbitMQ
from tests.contract.work import ERRANDS, WORK

WORKS, ERRAND = WORK.name, ERRANDS.name


def waiting(rabbitmq: RabbitMQ, queue: str) -> int:
    with connected(rabbitmq.direct) as (_, channel):
        declared = channel.queue_declare(rabbitmq.direct.name_of(queue), passive=True)
        return int(declared.method.message_count)


def is_in(rabbitmq: RabbitMQ, queue: str, count: int) -> Callable[[], bool]:
    return lambda: waiting(rabbitmq, queue) == count


def make_classic(channel: BlockingChannel, name: str) -> None:
    """Put a queue with other properties in a queue's place."""
    channel.queue_delete(name)
    channel.queue_declare(name, durable=True)


def exists(rabbitmq: RabbitMQ, queue: str) -> bool:
    try:
        waiting(rabbitmq, queue)
    except pika.exceptions.ChannelClosedByBroker:
        return False
    return True
