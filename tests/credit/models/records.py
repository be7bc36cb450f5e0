"""A company's records in tests: simulated, loaded as a closed dataset, trained on."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.runs import JobRun
from chalicelib.credit.models import credit_model_name
from chalicelib.ml.registry import Alias, ModelVersion, aliased_version, version_of
from infra.local.seed_credit import load_company
from infra.local.simulation.company import SimulatedCompany, simulate_company
from tests.client import Client
from tests.gym.work import finished_job

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)


def small_company(**changes: Any) -> SimulatedCompany:
    """Records enough for a model, and few enough for a test."""
    return simulate_company(**{"clientes": 150, "pedidos": 1500, "until": UNTIL, **changes})


def load(tenant: str, records: SimulatedCompany | None = None) -> UUID:
    """Give a company a closed dataset."""
    with unit_of_work(tenant=tenant) as session:
        return load_company(session, tenant, records or small_company(), now=UNTIL)


def change(tenant: str, statement: str, /, **values: Any) -> int:
    """Change anything of a company's; gives how many rows."""
    with unit_of_work(tenant=tenant) as session:
        found: Any = session.execute(text(statement), values)
        return int(found.rowcount)


def train(client: Client, dataset: UUID, **asked: Any) -> dict[str, Any]:
    """Have a model trained; gives the job as it ended."""
    accepted = client.post("/credito/retreinamentos", {"dataset": str(dataset), **asked})
    return finished_job(client, accepted)


def report_of(job: dict[str, Any]) -> dict[str, Any]:
    """What a job that succeeded came to."""
    assert job["state"] == "succeeded", job["error"]
    report: dict[str, Any] = job["result"]
    return report


def version_row(tenant: str, version: int) -> ModelVersion:
    """A version as the registry has it."""
    with unit_of_work(tenant=tenant, autocommit=True) as session:
        return version_of(session, credit_model_name(tenant), version)


def alias(tenant: str, which: Alias) -> int | None:
    """Which version an alias of the company's model points at."""
    with unit_of_work(tenant=tenant, autocommit=True) as session:
        return aliased_version(session, credit_model_name(tenant), which)


class Reader(JobRun):
    """A run that only reads: no job stands behind it."""

    def progress(self, done: float, total: float, step: str) -> None:
        """Nobody looks."""


def reader(tenant: str, kind: type[Reader] = Reader) -> JobRun:
    """A run that only reads a company's rows."""
    return kind(uuid4(), "test_queue", 1, utc_now(), 1, tenant, "teste", {}, None, "teste", 60.0)
