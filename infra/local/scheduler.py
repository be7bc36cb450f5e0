"""EventBridge emulated: runs the schedules that a Chalice app declares, at their times in UTC.

python -m infra.local.scheduler
"""

import logging
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import FrameType
from typing import Any

from chalice.app import Chalice, Cron, Rate, ScheduledEventConfig
from cronsim import CronSim

from chalicelib.core import runs, telemetry
from chalicelib.core.clock import utc_now
from chalicelib.core.settings import settings
from infra.local.processes import end_with_parent

log = logging.getLogger("previsto.scheduler")

TICK_SECONDS = 0.5
UNITS = {
    Rate.MINUTES: timedelta(minutes=1),
    Rate.HOURS: timedelta(hours=1),
    Rate.DAYS: timedelta(days=1),
}


@dataclass
class Schedule:
    """One schedule of the app, and when it is due next."""

    name: str
    expression: Any
    handler: Any
    due: datetime

    def advance(self, now: datetime) -> None:
        """Find the next time after this one; times missed while asleep are not made up for."""
        self.due = next_time(self.expression, now)


def next_time(expression: Any, after: datetime) -> datetime:
    """When a `Rate` or `Cron` of Chalice fires next.

    Args:
        expression: The schedule's expression.
        after: Aware, in UTC.

    Raises:
        ValueError: It is an expression this emulation does not know.
    """
    if isinstance(expression, Rate):
        return after + expression.value * UNITS[expression.unit]
    if isinstance(expression, Cron):
        return next(CronSim(_plain_cron(expression), after))
    raise ValueError(f"unknown schedule: {expression!r}")


def _plain_cron(expression: Cron) -> str:
    """EventBridge's cron as the common five fields: it counts days of the week from Sunday = 1,
    says `?` for "whatever", and adds a year.
    """
    if expression.year != "*":
        raise ValueError("a schedule bound to a year is not emulated")
    # The numbers behind # and / are no days: the how-manieth of the month, and the step.
    day_of_week = re.sub(
        r"(?<![#/\d])\d+", lambda day: str(int(day.group()) - 1), str(expression.day_of_week)
    )
    fields = (expression.minutes, expression.hours, expression.day_of_month, expression.month)
    return " ".join(str(field) for field in (*fields, day_of_week)).replace("?", "*")


def schedules_of(app: Chalice, now: datetime) -> Iterator[Schedule]:
    """The schedules an app declares, each due at its next time."""
    for config in app.event_sources:
        if isinstance(config, ScheduledEventConfig):
            handler = app.handler_map[config.name]
            yield Schedule(
                config.name,
                config.schedule_expression,
                handler,
                next_time(config.schedule_expression, now),
            )


def scheduled_event(name: str, at: datetime) -> dict[str, Any]:
    """The event with which EventBridge would invoke a schedule's handler."""
    return {
        "version": "0",
        "id": name,
        "account": "000000000000",
        "region": "local",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "time": at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "resources": [f"arn:aws:events:local:000000000000:rule/{name}"],
        "detail": {},
    }


def run_due(schedules: list[Schedule], now: datetime) -> None:
    """Invoke what is due; one that fails is logged and due again at its next time."""
    for schedule in schedules:
        if schedule.due > now:
            continue
        due = schedule.due
        schedule.advance(now)
        try:
            schedule.handler(scheduled_event(schedule.name, due), None)
        except Exception:
            log.exception("schedule failed", extra={"schedule": schedule.name})


def main() -> None:
    """Run the schedules until SIGTERM."""
    telemetry.configure_logging(settings().log_level)
    telemetry.report_errors()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        runs.request_stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    schedules = list(schedules_of(import_module("app").app, utc_now()))
    while not runs.stop_requested():
        run_due(schedules, utc_now())
        time.sleep(TICK_SECONDS)


if __name__ == "__main__":
    main()
