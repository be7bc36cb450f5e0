"""A tenant with ten thousand jobs keeps no other one waiting, and claiming stays cheap."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from chalicelib.core.claims import CLAIM, SUCCEED_AND_CLAIM, claim
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.pg import PLANNED_ALONG_INDEXES
from chalicelib.core.runs import JobRun
from chalicelib.core.statements import HotStatement
from infra.local.deliveries.jobs_table import READY, JobsTableDeliveries
from tests.contract.work import ERRANDS, WORK, ask, ask_silently

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("environment")]

MANY = 10_000
TENANTS = 200
_CLAIM = CLAIM._sql.removeprefix(PLANNED_ALONG_INDEXES)
ANALYSED = f"{PLANNED_ALONG_INDEXES}EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {_CLAIM}"


def _claim() -> JobRun:
    run = claim(WORK)
    assert run is not None
    return run


def _pages_of_a_claim() -> int:
    """How many pages the claim of one job looks at."""
    parameters = {"queue": WORK.name, "lease": 60.0}
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found: Any = session.execute(text(ANALYSED), parameters).scalar_one()
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def test_the_first_job_of_another_tenant_starts_right_after_the_running_one() -> None:
    ask_silently(MANY, tenant="grande")
    running = _claim()
    job_id = ask_silently(1, tenant="pequena")[0]
    running.succeed(None)
    assert _claim().job_id == job_id


def test_tenants_take_turns() -> None:
    for tenant, count in (("a", 50), ("b", 2), ("c", 4)):
        ask_silently(count, tenant=tenant)
    started = []
    for _ in range(10):
        run = _claim()
        started.append(run.tenant)
        run.succeed(None)
    assert started[:6] == ["a", "b", "c", "a", "b", "c"]
    assert started[6:] == ["a", "c", "a", "c"]


def test_turns_hold_for_several_workers_at_once() -> None:
    ask_silently(MANY, tenant="grande")
    for _ in range(3):
        _claim()
    ask_silently(2, tenant="pequena")
    assert [_claim().tenant for _ in range(4)] == ["pequena", "grande", "pequena", "grande"]


def test_queues_of_the_jobs_table_take_turns() -> None:
    ask_silently(MANY, tenant="grande")
    errand = ask(queue=ERRANDS, tenant="pequena")
    deliveries = JobsTableDeliveries({WORK.name: 10, ERRANDS.name: 1})
    first, second = deliveries.next(0), deliveries.next(0)
    deliveries.close()
    assert first is not None
    assert second is not None
    assert {first.queue, second.queue} == {WORK.name, ERRANDS.name}
    (of_errands,) = (d for d in (first, second) if d.queue == ERRANDS.name)
    assert json.loads(of_errands.records[0]["body"]) == {"job": str(errand)}


# What a claim looks at must not grow with what waits. Pages are counted, for times differ.


def test_a_claim_looks_at_few_pages_however_many_wait() -> None:
    ask_silently(100, tenant="grande")
    _pages_of_a_claim()
    few = _pages_of_a_claim()
    ask_silently(MANY, tenant="grande")
    assert _pages_of_a_claim() <= few + 20


def test_a_claim_looks_at_few_pages_however_many_tenants_wait() -> None:
    for n in range(TENANTS):
        ask_silently(5, tenant=f"tenant-{n:03}")
    served = {_claim().tenant for _ in range(TENANTS)}
    assert len(served) == TENANTS
    assert _pages_of_a_claim() <= 60


@pytest.mark.parametrize(
    ("statement", "indexes"),
    [
        (CLAIM, {"jobs_turns_idx", "jobs_ready_idx", "jobs_pkey"}),
        (SUCCEED_AND_CLAIM, {"jobs_turns_idx", "jobs_ready_idx", "jobs_pkey"}),
        (READY, {"jobs_ready_idx"}),
    ],
)
def test_a_plan_made_for_three_jobs_will_do_for_many(
    statement: HotStatement, indexes: set[str], used_database: tuple[str, Engine]
) -> None:
    ask_silently(3)
    _, owner = used_database
    with owner.begin() as connection:
        connection.execute(text("ANALYZE jobs"))
    nodes = list(_nodes(_plan(statement)))
    touched = [node for node in nodes if node.get("Relation Name") == "jobs"]
    found = {node["Index Name"] for node in touched if node["Node Type"] != "ModifyTable"}
    assert found == indexes
    assert not [node for node in nodes if node["Node Type"] in ("Sort", "Incremental Sort")]


def _plan(statement: HotStatement) -> dict[str, Any]:
    planned = PLANNED_ALONG_INDEXES
    assert statement._sql.startswith(planned)
    explain = f"{planned}EXPLAIN (FORMAT JSON) {statement._sql.removeprefix(planned)}"
    values = {
        "queue": WORK.name,
        "queues": [WORK.name],
        "lease": 60.0,
        "id": UUID(int=0),
        "attempt": 1,
        "started_at": utc_now(),
        "result": None,
    }
    asked = {name: values[name] for name in statement._compiled[1]}
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found: Any = session.execute(text(explain), asked).scalar_one()
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


@pytest.fixture
def old_snapshot(used_database: tuple[str, Engine]) -> Iterator[None]:
    """Somebody reads in one long transaction, such as a dump: nothing dead may be cleared away."""
    _, owner = used_database
    with owner.connect() as connection:
        connection.execute(text("BEGIN ISOLATION LEVEL REPEATABLE READ"))
        connection.execute(text("SELECT 1 FROM jobs LIMIT 1"))
        yield
        connection.execute(text("ROLLBACK"))


def _many_are_over() -> None:
    ask_silently(MANY, tenant="grande")
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(
            text("UPDATE jobs SET state = 'succeeded', started_at = now(), finished_at = now()")
        )
    ask_silently(10, tenant="grande")


def test_a_claim_forgets_the_index_entries_of_jobs_that_are_over() -> None:
    _many_are_over()
    _pages_of_a_claim()
    assert _pages_of_a_claim() <= 100


def test_entries_that_cannot_be_cleared_away_cost_a_claim_a_page_for_many(
    old_snapshot: None,
) -> None:
    _many_are_over()
    _pages_of_a_claim()
    assert _pages_of_a_claim() <= MANY // 10
