"""What a worker asks of a transport."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Delivery:
    """Some messages of one queue.

    Attributes:
        queue: The queue's name.
        records: The messages in the shape of SQS records.
        receipt: What the transport settles them by.
    """

    queue: str
    records: list[dict[str, Any]]
    receipt: Any = None

    @property
    def event(self) -> dict[str, Any]:
        """The event with which Lambda would invoke a handler for them."""
        return {"Records": self.records}


class Deliveries(Protocol):
    """The messages of some queues, one delivery at a time."""

    def next(self, seconds: float) -> Delivery | None:
        """Wait at most so many seconds for a delivery."""

    def settle(self, delivery: Delivery, failed: Collection[str]) -> None:
        """Acknowledge a delivery, but for these message ids, which are to come again."""

    def close(self) -> None:
        """Give back what is held and disconnect."""


def sqs_record(
    queue: str, body: str, *, message_id: str = "", receipt: str = "", received: int = 1
) -> dict[str, Any]:
    """One record of the event with which SQS invokes a function.

    Args:
        queue: The queue's name.
        body: The message as it was sent.
        message_id: What names it in `batchItemFailures`; a new one when left out.
        receipt: What the transport knows it by.
        received: How often it has been delivered, this time included.
    """
    return {
        "messageId": message_id or str(uuid.uuid4()),
        "receiptHandle": receipt,
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(received)},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:local:000000000000:{queue}",
        "awsRegion": "local",
    }
