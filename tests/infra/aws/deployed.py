"""The deployed API and its queues, as a test reaches them."""

from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import boto3

from app import app
from chalicelib.core.brokers import BrokerAddress
from functions import EVENT_SOURCES
from infra.aws.package import BUILD, Package, alone, package, unpacked
from infra.aws.pythons import make_environment, pinned
from infra.create_queues import create_queues
from infra.local.gateway.events import proxy_event
from infra.local.gateway.request import Request
from infra.local.gateway.routes import RouteTable
from infra.local.lambda_service import REGION, Function, LambdaInstance
from tests.client import Answer, Client

BUCKET = "previsto-objetos"


@dataclass(frozen=True)
class Deployment:
    """The unpacked package and what runs it.

    Attributes:
        package: The zip and its template.
        folder: The zip, unpacked.
        python: An interpreter that has Lambda's runtime client and nothing else.
    """

    package: Package
    folder: Path
    python: Path

    def function(
        self, environment: dict[str, str], handler: str = "app.app", *options: str
    ) -> Function:
        """One of the package's functions."""
        return Function(self.python, self.folder, handler, environment, options)


def deploy() -> Deployment:
    """Build the package and unpack it as Lambda would, unless both have been done.

    Raises:
        NoLambdaPython: Lambda has none of the interpreters that are here.
    """
    built = package()
    with alone():
        runtime = make_environment(BUILD / "runtime", built.python, pinned("awslambdaric"))
    return Deployment(built, unpacked(built), runtime)


class DeployedClient(Client):
    """A client of the API as it runs in Lambda."""

    instance: LambdaInstance

    def at(self, instance: LambdaInstance) -> Self:
        """The same caller at this instance of the function."""
        found = copy(self)
        found.instance = instance
        return found

    def send(self, method: str, path: str, headers: dict[str, str], data: bytes) -> Answer:
        """Hand a request over, as the event that API Gateway would make of it."""
        answer = self.instance.invoke(_event(method, path, headers, data))
        found = {**answer["headers"], **{n: v[-1] for n, v in answer["multiValueHeaders"].items()}}
        return Answer(answer["statusCode"], found, (answer["body"] or "").encode())

    def sign_in(self, login: str, password: str) -> Self:
        """Get a token by password."""
        answer = self.post("/auth/token", {"username": login, "password": password})
        assert answer.status == 200, answer.body
        found = copy(self)
        found.token = answer.json["access_token"]
        return found


def _event(method: str, path: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    path, _, query = path.partition("?")
    request = Request(
        method=method,
        path=path,
        query=query,
        headers=headers,
        multi_headers={name: [value] for name, value in headers.items()},
        source_ip="192.0.2.7",
        request_id=str(uuid4()),
    )
    match = RouteTable(app.routes).match(path)
    return proxy_event(
        request, match, body, method=method, binary_types=set(app.api.default_binary_types)
    )


def queue_url(endpoint: str) -> str:
    """SQS as `QUEUE_URL` names it, with the queues that a deployment makes."""
    url = f"sqs://?region={REGION}&endpoint={endpoint}"
    create_queues(BrokerAddress.of(url), EVENT_SOURCES)
    return url


def storage_url(endpoint: str) -> str:
    """The bucket of the deployment, made if need be, as `STORAGE_URL` names it."""
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name=REGION)
    s3.create_bucket(Bucket=BUCKET)
    return f"s3://{BUCKET}/previsto?endpoint={endpoint}&region={REGION}"


class EventSourceMapping:
    """Takes messages from an SQS queue to a function, and deletes those it has not handed back."""

    def __init__(self, endpoint: str, queue: str) -> None:
        """Take where SQS is, and the queue's name."""
        self._sqs = boto3.client("sqs", endpoint_url=endpoint, region_name=REGION)
        self._url = self._sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        self._arn = f"arn:aws:sqs:{REGION}:123456789012:{queue}"
        self._batch_size = EVENT_SOURCES[queue].batch_size

    def send(self, body: str) -> None:
        """Put a message on the queue."""
        self._sqs.send_message(QueueUrl=self._url, MessageBody=body)

    def deliver(self, instance: LambdaInstance, *, timeout_seconds: float = 240.0) -> int:
        """Invoke the function with what is on the queue; returns how many messages it took."""
        received = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=self._batch_size,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        event = {"Records": [self._record(message) for message in received]}
        answer = instance.invoke(event, timeout_seconds=timeout_seconds)
        refused = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        taken = [message for message in received if message["MessageId"] not in refused]
        for message in taken:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return len(taken)

    def left(self) -> int:
        """How many messages are on the queue, those in flight included."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=list(names))
        return sum(int(found["Attributes"][name]) for name in names)

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._arn,
            "awsRegion": REGION,
        }


def assert_reasons_add_up(score: dict[str, Any]) -> None:
    """Law 8: there are reasons, and they sum to the score minus the base value."""
    contributions = [reason["contribuicao"] for reason in score["motivos"]]
    assert contributions
    told = score["probabilidade_base"] + sum(contributions)
    # Each is rounded for people.
    assert abs(told - score["probabilidade_churn"]) < 1e-3
