"""What runs by the clock leaves a trace as requests do."""

import logging
from datetime import UTC, datetime

import pytest
from chalice.app import Chalice, Rate

from chalicelib.core import telemetry
from chalicelib.core.schedules import scheduled
from infra.local.scheduler import scheduled_event

app = Chalice(app_name="clocked", configure_logs=False)
EVENT = scheduled_event("clock", datetime(2026, 3, 18, 12, tzinfo=UTC))
seen: list[str] = []


@scheduled(app, Rate(1, Rate.HOURS))
def tick() -> None:
    """Note the request id."""
    seen.append(telemetry.request_id())


@scheduled(app, Rate(1, Rate.HOURS))
def fail() -> None:
    """Fail."""
    raise RuntimeError("swordfish")


@pytest.mark.usefixtures("environment")
def test_each_run_has_a_request_id_of_its_own() -> None:
    seen.clear()
    tick(EVENT, None)
    tick(EVENT, None)
    assert len(set(seen)) == 2
    assert all(len(each) == 32 for each in seen)


@pytest.mark.usefixtures("environment")
def test_a_failure_is_reported_and_is_one(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(RuntimeError):
        fail(EVENT, None)
    (record,) = caplog.records
    assert (record.getMessage(), record.__dict__["schedule"]) == ("schedule failed", "fail")


def test_lambda_finds_schedules_by_their_names() -> None:
    assert {source.name for source in app.event_sources} == {"tick", "fail"}
    assert {source.handler_string for source in app.event_sources} == {"app.tick", "app.fail"}
