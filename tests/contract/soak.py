"""Ten thousand jobs and a thousand killed workers, on each transport.

    python -m tests.contract.soak [--jobs 10000] [--kills 1000] [--sqs-share 0.1] [transport ...]

RabbitMQ is the server at `RABBITMQ_URL`, this machine's by default. SQS is moto, which is slow:
it gets a share of the work.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

from sqlalchemy import text

from chalicelib.core import doorbells, settings, telemetry
from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.doorbells.rabbitmq import BROKER_ERRORS, connected
from chalicelib.core.pg import make_engine
from tests.aws import aws_emulator
from tests.bench.servers import ROOT
from tests.bench.table import print_table
from tests.bench.world import world
from tests.contract import transports
from tests.contract.kills import Outcome, Plan, disturb
from tests.contract.transports import RABBITMQ_URL, Transport
from tests.contract.work import EFFECTS

HEADINGS = [
    "transport",
    "jobs",
    "kills",
    "stalls",
    "attempts",
    "exactly once",
    "duplicates",
    "lost",
    "s",
]


def main() -> None:
    """Run the soak, print its table, and fail if an effect is missing or there twice."""
    wanted = _arguments()
    telemetry.configure_logging("ERROR")  # A warning for each worker that is lost is no news.
    rows, is_well = [], True
    with world(ROOT / ".data" / "soak"):
        for name in wanted.transports or transports.NAMES:
            share = wanted.sqs_share if name == "sqs" else 1.0
            plan = Plan(
                jobs=round(wanted.jobs * share),
                kills=round(wanted.kills * share),
                workers=wanted.workers,
                seconds=wanted.seconds,
                seed=wanted.seed,
            )
            for outcome in _outcomes(name, plan):
                rows.append(_row(name, outcome))
                print(rows[-1], flush=True)
                is_well &= outcome.once == plan.jobs and not outcome.duplicates
    print("Jobs whose workers were killed at random, and their effects")
    print_table(HEADINGS, rows)
    sys.exit(not is_well)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("transports", nargs="*", help=", ".join(transports.NAMES))
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1_800.0, help="for each transport")
    parser.add_argument("--sqs-share", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _outcomes(name: str, plan: Plan) -> Iterator[Outcome]:
    """What comes of it on a transport; nothing when it is not there."""
    with ExitStack() as stack:
        try:
            transport = stack.enter_context(_opened(name, stack))
        except BROKER_ERRORS as error:
            print(f"{name} is left out: {type(error).__name__}")
            return
        os.environ.update(QUEUE_URL=transport.queue_url, LOG_LEVEL="ERROR")
        settings.settings.cache_clear()
        doorbells.doorbell.cache_clear()
        _empty()
        yield disturb(transport.queue_url, plan)
        doorbells.doorbell().close()


def _opened(name: str, stack: ExitStack) -> AbstractContextManager[Transport]:
    if name == "jobs":
        return transports.jobs_table()
    if name == "sqs":
        return transports.sqs(stack.enter_context(aws_emulator()))
    with connected(BrokerAddress.of(RABBITMQ_URL)):
        return transports.rabbitmq()


def _empty() -> None:
    engine = make_engine(settings.settings().database_url, pool_size=0)
    with engine.begin() as connection:
        for statement in filter(str.strip, EFFECTS.split(";")):
            connection.execute(text(statement))
        connection.execute(text("TRUNCATE jobs, effects CASCADE"))
    engine.dispose()


def _row(name: str, found: Outcome) -> list[str]:
    counts = (
        *(found.jobs, found.kills, found.stalls, found.attempts),
        *(found.once, found.duplicates, found.lost),
    )
    return [name, *(f"{count:,}" for count in counts), f"{found.seconds:,.0f}"]


if __name__ == "__main__":
    main()
