"""SQS as doorbell: a message for each ring, ten to a call."""

import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.queues import Ring, Unheard

log = logging.getLogger("previsto.doorbell")

MOST_PER_CALL = 10
CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
PAUSE_SECONDS = 20.0


class SqsDoorbell:
    """Sends to the queue of the same name. Credentials come from boto3's usual chain.

    After a call that found SQS away the doorbell is silent for a while: requests go on being
    accepted at their usual speed, and the sweep announces their jobs later. A queue that is
    missing or closed to us keeps no other one silent.
    """

    def __init__(
        self, address: BrokerAddress, *, pause_seconds: float = PAUSE_SECONDS, client: Any = None
    ) -> None:
        """Contact nothing.

        Args:
            address: SQS.
            pause_seconds: How long it is silent after a call that found SQS away.
            client: boto3's, when there is one already.
        """
        self._queues = SqsQueues(address, client=client)
        self._pause_seconds = pause_seconds
        self._trying = threading.Lock()
        self._is_away = False
        self._silent_until = 0.0

    def ring(self, rings: Sequence[Ring], unheard: Unheard) -> None:
        """Send the messages, and wait until SQS has them."""
        lost: list[Ring] = []
        for queue, batch in _batches(rings):
            lost += batch if self._is_silent() else self._offer(queue, batch)
        if lost:
            unheard(lost)

    def _is_silent(self) -> bool:
        """Whether SQS was away a moment ago; asked afterwards, one caller alone tries again."""
        with self._trying:
            now = time.monotonic()
            if now < self._silent_until:
                return True
            if self._is_away:
                self._silent_until = now + self._pause_seconds
            return False

    def _offer(self, queue: str, batch: list[Ring]) -> list[Ring]:
        """Send a batch; gives the rings that SQS has not taken."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            lost = self._send(queue, batch)
            self._is_away = False
        except ClientError as error:
            lost, self._is_away = batch, _is_servers_fault(error)
            log.warning("SQS refuses", extra={"queue": queue, "error": str(error)})
        except BotoCoreError as error:
            lost, self._is_away = batch, True
            log.warning("SQS does not answer", extra={"error": type(error).__name__})
        self._silent_until = time.monotonic() + self._pause_seconds if self._is_away else 0.0
        return lost

    def _send(self, queue: str, batch: list[Ring]) -> list[Ring]:
        entries = [
            {"Id": str(place), "MessageBody": json.dumps(ring.body)}
            for place, ring in enumerate(batch)
        ]
        answer = self._queues.client().send_message_batch(
            QueueUrl=self._queues.url_of(queue), Entries=entries
        )
        return [batch[int(failure["Id"])] for failure in answer.get("Failed", ())]

    def check(self) -> str:
        """Look for any queue of ours."""
        found = self._queues.client().list_queues(
            QueueNamePrefix=self._queues.address.prefix, MaxResults=1
        )
        return f"SQS, {'queues exist' if found.get('QueueUrls') else 'no queue yet'}"

    def close(self) -> None:
        """Nothing waits: every ring is sent before `ring` returns."""


class SqsQueues:
    """The client of SQS, and the addresses of its queues, found at first use."""

    def __init__(
        self, address: BrokerAddress, read_seconds: float = READ_SECONDS, client: Any = None
    ) -> None:
        """Take the address and how long an answer may take; nothing is contacted."""
        self.address = address
        self._read_seconds = read_seconds
        self._client = client
        self._urls: dict[str, str] = {}

    def client(self) -> Any:
        """The boto3 client, which threads may share."""
        if self._client is None:
            import boto3
            from botocore.config import Config

            self._client = boto3.Session().client(
                "sqs",
                region_name=self.address.region,
                endpoint_url=self.address.endpoint,
                config=Config(
                    connect_timeout=CONNECT_SECONDS,
                    read_timeout=self._read_seconds,
                    retries={"total_max_attempts": 1},  # The sweep tries again.
                ),
            )
        return self._client

    def url_of(self, queue: str) -> str:
        """A queue's address."""
        if queue not in self._urls:
            found = self.client().get_queue_url(QueueName=self.address.name_of(queue))
            self._urls[queue] = found["QueueUrl"]
        return self._urls[queue]


def _is_servers_fault(error: Any) -> bool:
    """Whether a refusal says that SQS itself is in trouble, or asks for less haste."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return bool(status >= 500 or "Throttl" in error.response["Error"]["Code"])


def _batches(rings: Sequence[Ring]) -> Iterator[tuple[str, list[Ring]]]:
    """The rings of each queue, as many together as one call takes."""
    by_queue: dict[str, list[Ring]] = defaultdict(list)
    for ring in rings:
        by_queue[ring.queue].append(ring)
    for queue, found in by_queue.items():
        for start in range(0, len(found), MOST_PER_CALL):
            yield queue, found[start : start + MOST_PER_CALL]
