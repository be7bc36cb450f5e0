"""A broker's deliveries, with the jobs table behind them."""

from collections.abc import Collection

from infra.local.deliveries.contract import Deliveries, Delivery
from infra.local.deliveries.jobs_table import JobsTableDeliveries


class BackedByTable:
    """What the broker delivers; when it has been silent, what is due in the jobs table."""

    def __init__(self, broker: Deliveries, table: JobsTableDeliveries) -> None:
        """Take both."""
        self._broker = broker
        self._table = table
        self._settles: Deliveries = broker

    def next(self, seconds: float) -> Delivery | None:
        """Wait for the broker, then look into the table once."""
        delivery = self._broker.next(seconds)
        self._settles = self._broker
        if delivery is None:
            delivery, self._settles = self._table.look(), self._table
        return delivery

    def settle(self, delivery: Delivery, failed: Collection[str]) -> None:
        """Settle where it came from."""
        self._settles.settle(delivery, failed)

    def close(self) -> None:
        """Let go of the broker."""
        self._broker.close()
