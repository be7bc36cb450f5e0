"""The doorbell of this installation, by `QUEUE_URL`.

    jobs://                                     NOTIFY on the database of the jobs table
    amqp://user:password@host:5672/vhost        RabbitMQ; amqps:// with TLS
    sqs://?region=sa-east-1                     SQS; endpoint= for a server that is not AWS

`prefix=` in the query goes before every queue's name on a broker that others use, too.
"""

from functools import cache

from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.doorbells.jobs_table import JobsTableDoorbell
from chalicelib.core.queues import Doorbell
from chalicelib.core.settings import settings


@cache
def doorbell() -> Doorbell:
    """The doorbell that `QUEUE_URL` names; nothing is contacted before it rings."""
    return open_doorbell(BrokerAddress.of(settings().queue_url))


def open_doorbell(address: BrokerAddress) -> Doorbell:
    """The doorbell at an address. Libraries of brokers that are not used are not imported."""
    if address.scheme == "sqs":
        from chalicelib.core.doorbells.sqs import SqsDoorbell

        return SqsDoorbell(address)
    if address.scheme in ("amqp", "amqps"):
        from chalicelib.core.doorbells.rabbitmq import RabbitDoorbell

        return RabbitDoorbell(address)
    return JobsTableDoorbell()
