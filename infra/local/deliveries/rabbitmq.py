"""Deliveries from RabbitMQ. One thread owns the connection: its heartbeats outlive long jobs."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import pika
from pika.adapters.blocking_connection import BlockingChannel

from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.doorbells.rabbitmq import BROKER_ERRORS, connected, declare_queue
from infra.local.deliveries.contract import Delivery, sqs_record

log = logging.getLogger("previsto.deliveries")

BUSY_SECONDS = 0.5  # After which a process leaves other queues' messages to other processes.
LOOK_UP_SECONDS = 0.2
RETRY_SECONDS = 1.0
CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class _Receipt:
    """A delivery's tag, which means something on its own channel only."""

    channel: BlockingChannel
    tag: int


class RabbitDeliveries:
    """Consumes some queues with one unacknowledged message of each at a time.

    A message whose channel is gone by the time its job has ended is delivered once more; its
    ring finds nothing left to do.
    """

    def __init__(self, address: BrokerAddress, queues: Sequence[str]) -> None:
        """Take address and queues' names, and begin to consume in a thread."""
        self._address = address
        self._queues = {address.name_of(name): name for name in queues}
        self._inbox: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._connection: pika.BlockingConnection | None = None
        self._consumers: list[str] = []
        self._busy_since: float | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="deliveries")
        self._thread.start()

    def next(self, seconds: float) -> Delivery | None:
        """Wait for a message."""
        try:
            delivery = self._inbox.get(timeout=seconds)
        except queue.Empty:
            return None
        self._busy_since = time.monotonic()
        return delivery

    def settle(self, delivery: Delivery, failed: Collection[str]) -> None:
        """Acknowledge the message, or let it come again after a moment."""
        self._busy_since = None
        receipt: _Receipt = delivery.receipt
        if failed:
            self._soon(lambda: self._later(partial(self._give_back, receipt)))
        else:
            self._soon(partial(self._acknowledge, receipt))

    def close(self) -> None:
        """Disconnect; the broker delivers what was not acknowledged to others."""
        self._closing.set()
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with connected(self._address) as (connection, channel):
                    self._serve(connection, channel)
            except BROKER_ERRORS as error:
                log.warning("RabbitMQ is away", extra={"error": type(error).__name__})
                self._closing.wait(RETRY_SECONDS)
            finally:
                self._connection = None
                self._drop_held()

    def _serve(self, connection: pika.BlockingConnection, channel: BlockingChannel) -> None:
        for name in self._queues:
            declare_queue(channel, name)
        channel.basic_qos(prefetch_count=1)  # Of each consumer: quorum queues know no other.
        self._connection, self._consumers = connection, []
        while not self._closing.is_set():
            if self._is_busy() and self._consumers:
                self._pause(channel)
            elif not self._is_busy() and not self._consumers:
                self._consumers = [
                    channel.basic_consume(name, self._receive) for name in self._queues
                ]
            connection.process_data_events(LOOK_UP_SECONDS)
            if channel.is_closed:  # Such as by the broker's limit on the time to acknowledge.
                return

    def _is_busy(self) -> bool:
        since = self._busy_since
        return since is not None and time.monotonic() - since > BUSY_SECONDS

    def _pause(self, channel: BlockingChannel) -> None:
        """Consume nothing more for now, and give back what waits in this process."""
        for consumer in self._consumers:
            channel.basic_cancel(consumer)
        self._consumers = []
        for delivery in self._drop_held():
            self._give_back(delivery.receipt)

    def _drop_held(self) -> list[Delivery]:
        held = []
        with suppress(queue.Empty):
            while True:
                held.append(self._inbox.get_nowait())
        return held

    def _receive(
        self,
        channel: BlockingChannel,
        method: pika.spec.Basic.Deliver,
        properties: pika.BasicProperties,
        body: bytes,
    ) -> None:
        name = self._queues[method.routing_key]
        count = int((properties.headers or {}).get("x-delivery-count", 0)) + 1
        text = body.decode(errors="replace")
        record = sqs_record(name, text, receipt=str(method.delivery_tag), received=count)
        self._inbox.put(Delivery(name, [record], _Receipt(channel, method.delivery_tag)))

    def _acknowledge(self, receipt: _Receipt) -> None:
        if receipt.channel.is_open:
            receipt.channel.basic_ack(receipt.tag)

    def _give_back(self, receipt: _Receipt) -> None:
        if receipt.channel.is_open:
            receipt.channel.basic_nack(receipt.tag, requeue=True)

    def _soon(self, action: Callable[[], None]) -> None:
        """Have the connection's own thread act; no other may touch the connection."""
        connection = self._connection
        if connection is not None:
            with suppress(*BROKER_ERRORS):  # A lost connection gives everything back by itself.
                connection.add_callback_threadsafe(action)

    def _later(self, action: Callable[[], None]) -> None:
        if self._connection is not None:
            self._connection.call_later(RETRY_SECONDS, action)
