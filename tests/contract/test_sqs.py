"""SQS' own ways: batches taken in part, missing queues, silence while it is away."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.doorbells.sqs import SqsDoorbell
from chalicelib.core.queues import Ring
from infra.local.deliveries.sqs import SqsDeliveries
from tests.contract.transports import Sqs
from tests.contract.work import ERRANDS, SOURCES, WORK
from tests.infra.working import until

pytestmark = pytest.mark.slow

WORKS, ERRAND = WORK.name, ERRANDS.name


class Ear:
    """Is told of what was not heard."""

    def __init__(self) -> None:
        self.unheard: list[Ring] = []

    def __call__(self, rings: Sequence[Ring]) -> None:
        self.unheard += rings


@pytest.fixture
def ear() -> Ear:
    return Ear()


def _some(queue: str, count: int) -> list[Ring]:
    return [Ring(queue, str(uuid4())) for _ in range(count)]


def _waiting(sqs: Sqs, queue: str) -> int:
    found = sqs.client.get_queue_attributes(
        QueueUrl=sqs.url_of(queue), AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(found["Attributes"]["ApproximateNumberOfMessages"])


def test_many_rings_go_ten_to_a_call(sqs: Sqs, ear: Ear) -> None:
    SqsDoorbell(sqs.address).ring(_some(WORKS, 25) + _some(ERRAND, 3), ear)
    assert (_waiting(sqs, WORKS), _waiting(sqs, ERRAND), ear.unheard) == (25, 3, [])


def test_a_queue_that_is_missing_keeps_no_other_from_hearing(sqs: Sqs, ear: Ear) -> None:
    bell = SqsDoorbell(sqs.address)
    lost = _some("nobodys_queue", 2)
    for _ in range(2):
        bell.ring([*lost, *_some(WORKS, 2)], ear)
    assert (_waiting(sqs, WORKS), ear.unheard) == (4, lost * 2)


def test_sqs_that_is_away_is_asked_once_and_then_left_alone_for_a_while(sqs: Sqs, ear: Ear) -> None:
    bell = SqsDoorbell(sqs.address)
    sqs.line.cut()
    rings = _some(WORKS, 40) + _some(ERRAND, 40)
    bell.ring(rings, ear)
    sqs.line.restore()
    asked = sqs.line.accepted
    more = _some(WORKS, 1)
    bell.ring(more, ear)
    assert ear.unheard == rings + more
    assert sqs.line.accepted == asked


def test_sqs_that_is_back_is_heard_after_the_pause(sqs: Sqs, ear: Ear) -> None:
    bell = SqsDoorbell(sqs.address, pause_seconds=0.0)
    sqs.line.cut()
    bell.ring(_some(WORKS, 1), ear)
    sqs.line.restore()
    bell.ring(_some(WORKS, 1), ear)
    assert (_waiting(sqs, WORKS), len(ear.unheard)) == (1, 1)


class _TakesEverySecond:
    """A client of SQS as it is when it is short of something: moto never takes a batch in part."""

    def get_queue_url(self, QueueName: str) -> dict[str, str]:  # noqa: N803
        return {"QueueUrl": QueueName}

    def send_message_batch(
        self,
        QueueUrl: str,  # noqa: N803, ARG002
        Entries: list[dict[str, str]],  # noqa: N803
    ) -> dict[str, Any]:
        return {"Failed": [{"Id": entry["Id"]} for entry in Entries[1::2]]}


def test_what_sqs_takes_in_part_is_told_in_part(ear: Ear) -> None:
    bell = SqsDoorbell(BrokerAddress.of("sqs://"), client=_TakesEverySecond())
    rings = _some(WORKS, 12)
    bell.ring(rings, ear)
    assert ear.unheard == rings[1::2]


def test_a_busy_process_leaves_other_queues_to_an_idle_one(sqs: Sqs) -> None:
    batches = {name: source.batch_size for name, source in SOURCES.items()}
    busy = SqsDeliveries(sqs.address, batches)
    sqs.publish(WORKS, b"{}")
    sqs.publish(ERRAND, b"{}")
    held = busy.next(30)
    assert held is not None
    other = ERRAND if held.queue == WORKS else WORKS
    until(lambda: _waiting(sqs, other) == 1)
    idle = SqsDeliveries(sqs.address, batches)
    left = idle.next(30)
    assert left is not None
    assert left.queue == other
    # To be left to another one is no failed delivery: ten of those are dead-lettered.
    assert left.records[0]["attributes"]["ApproximateReceiveCount"] == "1"
    for deliveries, delivery in ((busy, held), (idle, left)):
        deliveries.settle(delivery, [])
        deliveries.close()
