"""Each test of the contract runs on every transport that is there."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing.context import ForkServerProcess

import pytest
from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import Engine, text

from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.doorbells.rabbitmq import BROKER_ERRORS, connected
from tests.aws import aws_emulator
from tests.conftest import forget_process_state, require_service
from tests.contract import transports
from tests.contract.transports import RABBITMQ_URL, RabbitMQ, Sqs, Transport
from tests.contract.work import EFFECTS, start_process

StartWorker = Callable[..., ForkServerProcess]


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    """One emulator for all tests."""
    with aws_emulator() as endpoint:
        yield endpoint


@pytest.fixture
def effects_table(environment: dict[str, str], used_database: tuple[str, Engine]) -> Iterator[None]:
    """The table that the tests' own jobs write to."""
    _, owner = used_database
    with owner.connect() as connection:
        connection.execute(text(EFFECTS))
    yield
    with owner.connect() as connection:
        connection.execute(text("DROP TABLE effects"))


@pytest.fixture
def rabbitmq() -> Iterator[RabbitMQ]:
    """Queues of this test's own on a real RabbitMQ."""
    try:
        with connected(BrokerAddress.of(RABBITMQ_URL)):
            pass
    except BROKER_ERRORS as error:
        require_service("RabbitMQ", False, f"nobody answers there: {type(error).__name__}")
    with transports.rabbitmq() as found:
        yield found


@pytest.fixture
def sqs(aws_endpoint: str) -> Iterator[Sqs]:
    """Queues of this test's own on moto."""
    with transports.sqs(aws_endpoint) as found:
        yield found


@pytest.fixture(params=transports.NAMES)
def transport(
    request: pytest.FixtureRequest, effects_table: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Transport]:
    """The transport of this installation, one after the other."""
    with ExitStack() as stack:
        found: Transport
        if request.param == "jobs":
            found = stack.enter_context(transports.jobs_table())
        else:
            found = request.getfixturevalue(request.param)
        monkeypatch.setenv("QUEUE_URL", found.queue_url)
        forget_process_state()
        yield found
        found.restore()
        forget_process_state()


@pytest.fixture
def start_worker(environment: dict[str, str]) -> Iterator[StartWorker]:
    """Starts workers of the tests' queues; those still there at the end are killed."""
    started: list[ForkServerProcess] = []

    def start(queue_url: str, target: str = "work") -> ForkServerProcess:
        started.append(start_process(target, queue_url))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.join()
        process.close()


@pytest.fixture
def channel(rabbitmq: RabbitMQ) -> Iterator[BlockingChannel]:
    """A channel past the line."""
    with connected(rabbitmq.direct) as (_, found):
        yield found
