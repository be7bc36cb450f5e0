"""Deliveries from RabbitMQ. One thread owns the connection: its heartbeats outlive long jobs."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, NackError, UnroutableError

from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.doorbells.rabbitmq import (
    BROKER_ERRORS,
    HEARTBEAT_SECONDS,
    connected,
    declare_queue,
    persistent,
)
from infra.local.deliveries.contract import Delivery, sqs_record

log = logging.getLogger("previsto.deliveries")

LOOK_UP_SECONDS = 0.2
CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class Pace:
    """How a consumer bides its time, in seconds.

    Attributes:
        busy: After which a process leaves other queues' messages to other processes.
        retry: Between two deliveries of a message that failed, and two attempts to connect.
        heartbeat: After twice which a silent connection is taken for dead.
    """

    busy: float = 0.5
    retry: float = 1.0
    heartbeat: int = HEARTBEAT_SECONDS


@dataclass(frozen=True)
class _Receipt:
    """What settles a message.

    Attributes:
        channel: Where it came from; its tag means nothing elsewhere.
        tag: The delivery's number on the channel.
        name: The queue's name at the broker.
        body: The message as it came.
    """

    channel: BlockingChannel
    tag: int
    name: str
    body: bytes


class RabbitDeliveries:
    """Consumes some queues with one unacknowledged message of each at a time.

    A message whose channel is gone by the time its job has ended is delivered once more; its
    ring finds nothing left to do.
    """

    def __init__(
        self, address: BrokerAddress, queues: Sequence[str], pace: Pace | None = None
    ) -> None:
        """Take address and queues' names, and begin to consume in a thread."""
        self._address = address
        self._pace = pace or Pace()
        self._queues = list(queues)
        self._inbox: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._connection: pika.BlockingConnection | None = None
        self._consumers: list[str] = []
        self._refused: set[str] = set()  # Queues left out until the connection is lost.
        self._is_void = False  # Whether the broker has ended a consumer.
        self._busy_since: float | None = None
        self._last_served = ""
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
        self._last_served = delivery.queue
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
                with connected(self._address, self._pace.heartbeat) as (connection, _):
                    self._serve(connection)
            except BROKER_ERRORS as error:
                log.warning("RabbitMQ is away", extra={"error": type(error).__name__})
                self._refused.clear()
                self._closing.wait(self._pace.retry)
            finally:
                self._connection = None
                self._drop_held()

    def _serve(self, connection: pika.BlockingConnection) -> None:
        channel = self._open_channel(connection)
        self._connection, self._consumers, self._is_void = connection, [], False
        # The broker closes the channel over its limit on the time to acknowledge, and ends a
        # consumer whose queue is deleted. Both are answered by starting anew.
        while channel.is_open and not self._is_void and not self._closing.is_set():
            if self._is_busy() and self._consumers:
                self._pause(channel)
            elif not self._is_busy() and not self._consumers:
                self._consume(channel)
            connection.process_data_events(LOOK_UP_SECONDS)
        connection.process_data_events(0)  # What was settled just now is acknowledged, too.

    def _open_channel(self, connection: pika.BlockingConnection) -> BlockingChannel:
        """A channel that consumes one message of each queue at a time."""
        channel = connection.channel()
        for name in map(self._address.name_of, self._queues):
            try:
                declare_queue(channel, name)
            except ChannelClosedByBroker as error:  # It can be consumed from all the same.
                log.error("queue is not as declared", extra={"queue": name, "error": str(error)})
                channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_qos(prefetch_count=1)  # Of each consumer: quorum queues know no other.
        channel.add_on_cancel_callback(self._note_void)
        return channel

    def _note_void(self, _: Any) -> None:
        self._is_void = True

    def _consume(self, channel: BlockingChannel) -> None:
        """Consume every queue, that which was served last after the others.

        Else a queue of long jobs would be first each time, and the others never come.
        """
        names = sorted(set(self._queues) - self._refused)
        for name in sorted(names, key=lambda name: name == self._last_served):
            try:
                self._consumers.append(
                    channel.basic_consume(self._address.name_of(name), partial(self._receive, name))
                )
            except ChannelClosedByBroker as error:  # The others begin anew without it.
                log.error("queue cannot be consumed", extra={"queue": name, "error": str(error)})
                self._refused.add(name)
                return

    def _is_busy(self) -> bool:
        since = self._busy_since
        return since is not None and time.monotonic() - since > self._pace.busy

    def _pause(self, channel: BlockingChannel) -> None:
        """Consume nothing more for now, and leave what waits in this process to others.

        It is sent anew: the broker would count what is given back as failed, and dead-letter a
        good ring that was given back ten times.
        """
        for consumer in self._consumers:
            channel.basic_cancel(consumer)
        self._consumers = []
        for delivery in self._drop_held():
            self._leave_to_others(channel, delivery.receipt)

    def _leave_to_others(self, channel: BlockingChannel, receipt: _Receipt) -> None:
        try:
            channel.basic_publish(
                "", receipt.name, receipt.body, properties=persistent(), mandatory=True
            )
        except (NackError, UnroutableError):  # The broker has not taken the new one.
            self._give_back(receipt)
        else:
            channel.basic_ack(receipt.tag)

    def _drop_held(self) -> list[Delivery]:
        held = []
        with suppress(queue.Empty):
            while True:
                held.append(self._inbox.get_nowait())
        return held

    def _receive(
        self,
        queue_name: str,
        channel: BlockingChannel,
        method: pika.spec.Basic.Deliver,
        properties: pika.BasicProperties,
        body: bytes,
    ) -> None:
        count = int((properties.headers or {}).get("x-delivery-count", 0)) + 1
        text = body.decode(errors="replace")
        record = sqs_record(queue_name, text, receipt=str(method.delivery_tag), received=count)
        name = self._address.name_of(queue_name)
        receipt = _Receipt(channel, method.delivery_tag, name, body)
        self._inbox.put(Delivery(queue_name, [record], receipt))

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
            self._connection.call_later(self._pace.retry, action)
