"""Deliveries from SQS: what Lambda's event source mapping does, for workers on Fargate."""

import logging
import queue
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.doorbells.sqs import SqsQueues
from infra.local.deliveries.contract import Delivery, sqs_record

log = logging.getLogger("previsto.deliveries")

LONG_POLL_SECONDS = (
    5  # Also how long it takes to stop: a call that ended alone would lose a message.
)
ANSWER_SECONDS = 10.0
HAND_OVER_SECONDS = 0.5
RETRY_SECONDS = 1
SQS_ERRORS = (BotoCoreError, ClientError)


class SqsDeliveries:
    """A thread for each queue receives while the worker is free, one batch at a time.

    A batch that arrives while the worker is busy with another one is left to others at once.
    Nothing extends a message's visibility: should it come again while its job still runs, its
    ring finds nothing left to do and is acknowledged.
    """

    def __init__(
        self,
        address: BrokerAddress,
        batch_sizes: Mapping[str, int],
        retry_seconds: int = RETRY_SECONDS,
    ) -> None:
        """Begin to receive.

        Args:
            address: SQS.
            batch_sizes: How many messages of each queue make a delivery.
            retry_seconds: Between two deliveries of a message that failed.
        """
        self._retry_seconds = retry_seconds
        self._queues = SqsQueues(address, LONG_POLL_SECONDS + ANSWER_SECONDS)
        self._queues.client()
        self._batch_sizes = batch_sizes
        self._inbox: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._free = threading.Semaphore(1)
        self._idle = threading.Event()
        self._idle.set()
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._poll, args=(name,), daemon=True, name=f"poll-{name}")
            for name in batch_sizes
        ]
        for thread in self._threads:
            thread.start()

    def next(self, seconds: float) -> Delivery | None:
        """Wait for a message."""
        with suppress(queue.Empty):
            return self._inbox.get(timeout=seconds)
        return None

    def settle(self, delivery: Delivery, failed: Collection[str]) -> None:
        """Delete the messages, but let those that failed come again after a moment."""
        again = [record for record in delivery.records if record["messageId"] in failed]
        done = [record for record in delivery.records if record["messageId"] not in failed]
        try:
            self._show_again(delivery.queue, again, self._retry_seconds)
            self._delete(delivery.queue, done)
        except SQS_ERRORS as error:  # They come again by themselves, and find their jobs done.
            log.warning("messages not settled", extra={"error": type(error).__name__})
        finally:
            self._idle.set()
            self._free.release()

    def close(self) -> None:
        """Receive no more, and give back what a call that is under way still brings."""
        self._closing.set()
        self._idle.set()
        for thread in self._threads:
            thread.join(LONG_POLL_SECONDS + ANSWER_SECONDS)
        with suppress(queue.Empty):
            held = self._inbox.get_nowait()
            self._give_back(held.queue, held.records)

    def _poll(self, name: str) -> None:
        while True:
            self._idle.wait()
            if self._closing.is_set():
                return
            try:
                if records := self._receive(name):
                    self._hand_over(name, records)
            except SQS_ERRORS as error:
                log.warning("SQS is away", extra={"queue": name, "error": type(error).__name__})
                self._closing.wait(RETRY_SECONDS)

    def _receive(self, name: str) -> list[dict[str, Any]]:
        answer = self._queues.client().receive_message(
            QueueUrl=self._queues.url_of(name),
            MaxNumberOfMessages=self._batch_sizes[name],
            WaitTimeSeconds=LONG_POLL_SECONDS,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return [
            sqs_record(
                name,
                message["Body"],
                message_id=message["MessageId"],
                receipt=message["ReceiptHandle"],
                received=int(message["Attributes"]["ApproximateReceiveCount"]),
            )
            for message in answer.get("Messages", [])
        ]

    def _hand_over(self, name: str, records: list[dict[str, Any]]) -> None:
        if self._closing.is_set() or not self._free.acquire(timeout=HAND_OVER_SECONDS):
            self._give_back(name, records)
            return
        self._idle.clear()
        self._inbox.put(Delivery(name, records))

    def _give_back(self, name: str, records: list[dict[str, Any]]) -> None:
        """Leave messages to others: sent anew, for SQS would count what is shown again as failed,
        and dead-letter a good ring that was given back ten times."""
        entries = [
            {"Id": str(place), "MessageBody": record["body"]}
            for place, record in enumerate(records)
        ]
        with suppress(*SQS_ERRORS):  # They come again by themselves, only later.
            answer = self._queues.client().send_message_batch(
                QueueUrl=self._queues.url_of(name), Entries=entries
            )
            failed = {int(failure["Id"]) for failure in answer.get("Failed", ())}
            self._delete(name, [r for place, r in enumerate(records) if place not in failed])

    def _show_again(self, name: str, records: list[dict[str, Any]], seconds: int) -> None:
        if records:
            self._queues.client().change_message_visibility_batch(
                QueueUrl=self._queues.url_of(name),
                Entries=[{**entry, "VisibilityTimeout": seconds} for entry in _entries(records)],
            )

    def _delete(self, name: str, records: list[dict[str, Any]]) -> None:
        if records:
            self._queues.client().delete_message_batch(
                QueueUrl=self._queues.url_of(name), Entries=_entries(records)
            )


def _entries(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"Id": str(place), "ReceiptHandle": record["receiptHandle"]}
        for place, record in enumerate(records)
    ]
