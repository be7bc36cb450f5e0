"""Where a worker's events come from: the event source mappings of Lambda, on three transports.

A worker takes one delivery at a time. A process that is busy gives back what it holds for other
queues, so that no ring waits behind a long job while another process is idle. One that hears
nothing from a broker for a while looks into the jobs table: rings may be lost, retries become due,
and the broker may be away for hours.
"""

from collections.abc import Mapping

from chalicelib.core.brokers import BrokerAddress
from functions import EventSource
from infra.local.deliveries.backed import BackedByTable
from infra.local.deliveries.contract import Deliveries, Delivery, sqs_record
from infra.local.deliveries.jobs_table import JobsTableDeliveries

__all__ = ["Deliveries", "Delivery", "open_deliveries", "sqs_record"]


def open_deliveries(url: str, sources: Mapping[str, EventSource]) -> Deliveries:
    """Deliveries of some queues from the broker that `QUEUE_URL` names."""
    address = BrokerAddress.of(url)
    batch_sizes = {name: source.batch_size for name, source in sources.items()}
    table = JobsTableDeliveries(batch_sizes)
    if address.scheme == "sqs":
        from infra.local.deliveries.sqs import SqsDeliveries

        return BackedByTable(SqsDeliveries(address, batch_sizes), table)
    if address.scheme in ("amqp", "amqps"):
        from infra.local.deliveries.rabbitmq import RabbitDeliveries

        return BackedByTable(RabbitDeliveries(address, sorted(sources)), table)
    return table
