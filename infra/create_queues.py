"""Make the queues of `QUEUE_URL`, each with one for its dead letters; may be run again any time.

    python -m infra.create_queues

Workers and publishers make RabbitMQ's themselves. SQS' are made by the deployment, or by this
where there is none. The jobs table needs no queues.
"""

import json
from collections.abc import Iterable

from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.settings import settings
from functions import EVENT_SOURCES

# Law 2: a message only rings. One that comes back this often has no job that can be read.
SQS_MOST_RECEIVES = 10
SQS_VISIBILITY_SECONDS = 300
SQS_RETENTION_SECONDS = 14 * 24 * 3600


def create_queues(address: BrokerAddress, queues: Iterable[str]) -> None:
    """Make what is missing at a broker.

    Args:
        address: The broker.
        queues: Names without the address's prefix.

    Raises:
        pika.exceptions.AMQPError, botocore.exceptions.ClientError, OSError: The broker is away,
            or has queues of these names with other properties.
    """
    if address.scheme == "sqs":
        _create_sqs_queues(address, queues)
    elif address.scheme in ("amqp", "amqps"):
        from chalicelib.core.doorbells.rabbitmq import connected, declare_queue

        with connected(address) as (_, channel):
            for queue in queues:
                declare_queue(channel, address.name_of(queue))


def _create_sqs_queues(address: BrokerAddress, queues: Iterable[str]) -> None:
    from chalicelib.core.doorbells.sqs import SqsQueues

    client = SqsQueues(address).client()
    for queue in queues:
        name = address.name_of(queue)
        retention = {"MessageRetentionPeriod": str(SQS_RETENTION_SECONDS)}
        dead = client.create_queue(QueueName=f"{name}-dead", Attributes=retention)["QueueUrl"]
        arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
        redrive = {
            "deadLetterTargetArn": arn["Attributes"]["QueueArn"],
            "maxReceiveCount": str(SQS_MOST_RECEIVES),
        }
        client.create_queue(
            QueueName=name,
            Attributes={
                **retention,
                "VisibilityTimeout": str(SQS_VISIBILITY_SECONDS),
                "RedrivePolicy": json.dumps(redrive),
            },
        )


def main() -> None:
    """Make the queues of this installation."""
    create_queues(BrokerAddress.of(settings().queue_url), EVENT_SOURCES)
    print("The queues are ready.")


if __name__ == "__main__":
    main()
