"""RabbitMQ as doorbell: quorum queues, persistent messages, publisher confirms."""

import atexit
import json
import logging
import os
import queue
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker, NackError, UnroutableError

from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.queues import Ring, Unheard

log = logging.getLogger("previsto.doorbell")

DEAD_LETTER_EXCHANGE = "previsto.dead"
DELIVERY_LIMIT = 10
CONNECT_SECONDS = 3.0
HEARTBEAT_SECONDS = 30
BLOCKED_SECONDS = 5.0  # How long a broker short of memory or disk may hold a publication up.
IDLE_SECONDS = 5.0
RETRY_SECONDS = 1.0
CLOSE_SECONDS = 5.0
MOST_WAITING = 10_000
BROKER_ERRORS = (AMQPError, OSError)
REFUSALS = (ChannelClosedByBroker, NackError, UnroutableError)

_Waiting = tuple[Ring, Unheard]


class RabbitDoorbell:
    """A thread of its own publishes, and keeps the connection's heartbeats alive.

    A request only hands its ring over: it waits neither for the broker's confirm nor for a
    broker that is away. What could not be published is told, and rung again by the sweep.
    """

    def __init__(
        self,
        address: BrokerAddress,
        *,
        most_waiting: int = MOST_WAITING,
        close_seconds: float = CLOSE_SECONDS,
    ) -> None:
        """Contact nothing before the first ring.

        Args:
            address: The broker.
            most_waiting: How many rings wait in this process before others are told as unheard.
            close_seconds: How long closing waits for the broker to take them.
        """
        self._address = address
        self._most_waiting = most_waiting
        self._close_seconds = close_seconds
        self._begin()
        atexit.register(self.close)
        # A forked process has neither the thread nor the right to its connection; what waited
        # is published by the process that it was forked from.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(self._most_waiting)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closing = threading.Event()
        self._in_hand: _Waiting | None = None
        self._worked = False  # Whether the present connection has published anything.

    def ring(self, rings: Sequence[Ring], unheard: Unheard) -> None:
        """Hand the rings over to the publishing thread."""
        for place, ring in enumerate(rings):
            try:
                self._waiting.put_nowait((ring, unheard))
            except queue.Full:
                unheard(rings[place:])
                break
        self._start()

    def check(self) -> str:
        """Connect anew; raises what pika raises."""
        with connected(self._address) as (connection, _):
            found: Any = connection._impl.server_properties
            return f"RabbitMQ {found.get('version', '')}".strip()

    def close(self) -> None:
        """Publish what waits, for a moment at most, and disconnect."""
        self._closing.set()
        with suppress(queue.Full):  # A full queue needs no waking.
            self._waiting.put_nowait(None)
        if self._thread is not None:
            self._thread.join(self._close_seconds)
        self._give_up()  # Nothing is left, unless the broker hangs.

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, daemon=True, name="doorbell")
                self._thread.start()

    def _run(self) -> None:
        while not self._is_done():
            self._in_hand = self._in_hand or self._next(IDLE_SECONDS)
            if self._in_hand is None:
                continue
            self._worked = False
            try:
                with connected(self._address) as (connection, _):
                    self._publish(_Publisher(self._address, connection))
            except BROKER_ERRORS as error:
                # A connection that has worked may have died unnoticed: a new one is tried first.
                if not self._worked:
                    log.warning("RabbitMQ does not answer", extra={"error": type(error).__name__})
                    self._give_up()
                    self._closing.wait(RETRY_SECONDS)

    def _publish(self, publisher: "_Publisher") -> None:
        """Publish until there is nothing left to, or the broker goes away."""
        while self._in_hand is not None or not self._is_done():
            if self._in_hand is None:
                publisher.idle()
            else:
                self._offer(publisher, *self._in_hand)
                self._worked = True
            self._in_hand = self._next(IDLE_SECONDS)

    def _offer(self, publisher: "_Publisher", ring: Ring, unheard: Unheard) -> None:
        try:
            publisher.send(ring)
        except REFUSALS as error:  # Of this queue only; the others' rings go on.
            log.error("queue refuses rings", extra={"queue": ring.queue, "error": str(error)})
            unheard([ring])

    def _next(self, seconds: float) -> _Waiting | None:
        """The next ring within so many seconds; at once None when closing and nothing waits."""
        try:
            wait = seconds > 0 and not self._closing.is_set()
            return self._waiting.get(wait, seconds)
        except queue.Empty:
            return None

    def _is_done(self) -> bool:
        return self._closing.is_set() and self._waiting.empty() and self._in_hand is None

    def _give_up(self) -> None:
        """Tell of everything that waits, so that the rows say it and the sweep rings."""
        untold = [self._in_hand, *self._waiting_now()]
        self._in_hand = None
        for unheard, rings in _by_listener(filter(None, untold)):
            unheard(rings)

    def _waiting_now(self) -> Iterator[_Waiting | None]:
        with suppress(queue.Empty):
            while True:
                yield self._waiting.get_nowait()


def _by_listener(waiting: Iterable[_Waiting]) -> Iterable[tuple[Unheard, list[Ring]]]:
    found: dict[Unheard, list[Ring]] = defaultdict(list)
    for ring, unheard in waiting:
        found[unheard].append(ring)
    return found.items()


class _Publisher:
    """A connection that has rings confirmed."""

    def __init__(self, address: BrokerAddress, connection: pika.BlockingConnection) -> None:
        self._address = address
        self._connection = connection
        self._channel: BlockingChannel | None = None
        self._declared: set[str] = set()

    def idle(self) -> None:
        """Answer the broker's heartbeats."""
        self._connection.process_data_events(0)

    def send(self, ring: Ring) -> None:
        """Publish a ring, and wait until a majority of its queue's replicas has it.

        Raises:
            ChannelClosedByBroker, NackError, UnroutableError: The queue does not take it.
            pika.exceptions.AMQPError, OSError: The broker goes away.
        """
        name = self._address.name_of(ring.queue)
        try:
            self._send(name, ring)
        except UnroutableError:  # The queue was deleted after it had been declared.
            self._declared.discard(name)
            self._send(name, ring)

    def _send(self, name: str, ring: Ring) -> None:
        channel = self._open_channel()
        if name not in self._declared:
            declare_queue(channel, name)
            self._declared.add(name)
        channel.basic_publish(
            "", name, json.dumps(ring.body).encode(), properties=persistent(), mandatory=True
        )

    def _open_channel(self) -> BlockingChannel:
        """The channel; another one once the broker has closed it over some queue's refusal."""
        if self._channel is None or not self._channel.is_open:
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        return self._channel


def persistent() -> pika.BasicProperties:
    """The properties of a ring, which outlives a restart of the broker."""
    return pika.BasicProperties(
        content_type="application/json", delivery_mode=pika.DeliveryMode.Persistent
    )


@contextmanager
def connected(
    address: BrokerAddress, heartbeat_seconds: int = HEARTBEAT_SECONDS
) -> Iterator[tuple[pika.BlockingConnection, BlockingChannel]]:
    """A connection and one channel on it.

    Raises:
        pika.exceptions.AMQPError, OSError: The broker is away, or goes away.
    """
    parameters = pika.URLParameters(address.url)
    parameters.heartbeat = heartbeat_seconds
    parameters.blocked_connection_timeout = BLOCKED_SECONDS
    parameters.socket_timeout = parameters.stack_timeout = CONNECT_SECONDS
    parameters.client_properties = {"connection_name": "previsto"}
    connection = pika.BlockingConnection(parameters)
    try:
        yield connection, connection.channel()
    finally:
        with suppress(*BROKER_ERRORS):  # It may be gone already.
            connection.close()


def declare_queue(channel: BlockingChannel, name: str) -> None:
    """Make a queue and the one for its dead letters, where they do not exist yet.

    Raises:
        pika.exceptions.ChannelClosedByBroker: A queue of this name has other properties.
    """
    dead = f"{name}.dead"
    channel.exchange_declare(DEAD_LETTER_EXCHANGE, "direct", durable=True)
    channel.queue_declare(dead, durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(dead, DEAD_LETTER_EXCHANGE, routing_key=name)
    channel.queue_declare(
        name,
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD_LETTER_EXCHANGE,
            "x-dead-letter-routing-key": name,
        },
    )
