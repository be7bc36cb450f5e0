"""The three transports, each behind one small interface of the tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
from sqlalchemy import text

from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.doorbells.jobs_table import NOTIFY, NOTIFY_CHANNEL
from chalicelib.core.doorbells.rabbitmq import connected, persistent
from chalicelib.core.pg import connect_url
from chalicelib.core.settings import settings
from functions import EVENT_SOURCES
from infra.create_queues import create_queues
from tests.contract.line import Line
from tests.contract.work import SOURCES

RABBITMQ_URL = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
NAMES = ("jobs", "rabbitmq", "sqs")
QUEUES = [*SOURCES, *EVENT_SOURCES]


class Transport(Protocol):
    """A transport under test.

    Attributes:
        queue_url: What `QUEUE_URL` says.
        loses_rings: Whether rings are lost while the line is cut.
        gives_back_at_once: Whether a message that was under way to a worker when the line was
            cut comes again soon; SQS waits for its visibility timeout.
    """

    queue_url: str
    loses_rings: bool
    gives_back_at_once: bool

    def publish(self, queue: str, body: bytes) -> None:
        """Put a message into a queue past the program."""

    def dead_letters(self, queue: str) -> list[bytes]:
        """Take what was dead-lettered."""

    def cut(self) -> None:
        """Reset the program's connections to the broker, and refuse new ones."""

    def restore(self) -> None:
        """Let the program reach the broker again."""


class JobsTable:
    """There is no broker: what can be cut are the connections that listen."""

    queue_url = "jobs://"
    loses_rings = False
    gives_back_at_once = True

    def publish(self, queue: str, body: bytes) -> None:
        payloads = [f"{queue} {body.decode(errors='replace')}".replace("\0", "")[:7000]]
        with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
            session.execute(text(NOTIFY), {"channel": NOTIFY_CHANNEL, "payloads": payloads})

    def dead_letters(self, queue: str) -> list[bytes]:  # noqa: ARG002
        return []

    def cut(self) -> None:
        owner = connect_url(settings().database_url, application_name="tests-cut")
        owner.execute_simple(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'previsto-bell' AND datname = current_database()"
        )
        owner.close()

    def restore(self) -> None:
        pass


class RabbitMQ:
    """A real server, over a line, with queues of this test's own."""

    loses_rings = True
    gives_back_at_once = True

    def __init__(self, url: str = RABBITMQ_URL) -> None:
        self._server = url
        parts = urlsplit(url)
        self.line = Line(parts.hostname or "127.0.0.1", parts.port or 5672)
        prefix = f"test-{uuid4().hex[:12]}-"
        near = parts.netloc.rpartition("@")[0] + f"@127.0.0.1:{self.line.port}"
        self.queue_url = f"{parts._replace(netloc=near).geturl()}?prefix={prefix}"
        self.address = BrokerAddress.of(self.queue_url)
        self.direct = BrokerAddress.of(f"{url}?prefix={prefix}")

    def publish(self, queue: str, body: bytes) -> None:
        with connected(self.direct) as (_, channel):
            name = self.direct.name_of(queue)
            channel.basic_publish("", name, body, properties=persistent(), mandatory=True)

    def dead_letters(self, queue: str) -> list[bytes]:
        found: list[bytes] = []
        with connected(self.direct) as (_, channel):
            while True:
                got, _, body = channel.basic_get(f"{self.direct.name_of(queue)}.dead", True)
                if got is None:
                    return found
                found.append(body)

    def cut(self) -> None:
        self.line.cut()

    def restore(self) -> None:
        self.line.restore()

    def remove(self) -> None:
        """Delete the queues."""
        self.line.cut()
        with connected(self.direct) as (_, channel):
            for queue in QUEUES:
                name = self.direct.name_of(queue)
                channel.queue_delete(name)
                channel.queue_delete(f"{name}.dead")


class Sqs:
    """moto, over a line."""

    loses_rings = True
    gives_back_at_once = False

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self.line = Line(parts.hostname or "", parts.port or 0)
        self._prefix = f"test-{uuid4().hex[:12]}-"
        self.queue_url = self._url(f"http://127.0.0.1:{self.line.port}")
        self.address = BrokerAddress.of(self.queue_url)
        self.direct = BrokerAddress.of(self._url(endpoint))
        self.client = boto3.Session().client("sqs", region_name="us-east-1", endpoint_url=endpoint)

    def _url(self, endpoint: str) -> str:
        return f"sqs://?region=us-east-1&endpoint={endpoint}&prefix={self._prefix}"

    def url_of(self, queue: str) -> str:
        """A queue's address past the line."""
        found = self.client.get_queue_url(QueueName=self.direct.name_of(queue))
        return str(found["QueueUrl"])

    def publish(self, queue: str, body: bytes) -> None:
        self.client.send_message(
            QueueUrl=self.url_of(queue), MessageBody=body.decode(errors="replace")
        )

    def dead_letters(self, queue: str) -> list[bytes]:
        found = self.client.receive_message(
            QueueUrl=self.url_of(f"{queue}-dead"), MaxNumberOfMessages=10
        )
        return [message["Body"].encode() for message in found.get("Messages", [])]

    def cut(self) -> None:
        self.line.cut()

    def restore(self) -> None:
        self.line.restore()


@contextmanager
def jobs_table() -> Iterator[JobsTable]:
    """The jobs table."""
    yield JobsTable()


@contextmanager
def rabbitmq(url: str = RABBITMQ_URL) -> Iterator[RabbitMQ]:
    """Queues of our own on a server."""
    transport = RabbitMQ(url)
    create_queues(transport.direct, QUEUES)
    try:
        yield transport
    finally:
        transport.remove()


@contextmanager
def sqs(endpoint: str) -> Iterator[Sqs]:
    """Queues of our own on a server that speaks SQS."""
    transport = Sqs(endpoint)
    create_queues(transport.direct, QUEUES)
    yield transport
    transport.cut()
