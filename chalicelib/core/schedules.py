"""`@scheduled`: what runs by the clock logs and reports errors as requests do, under an id."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from chalice.app import Chalice

from chalicelib.core import telemetry
from chalicelib.core.settings import settings

log = logging.getLogger("previsto.schedules")


def scheduled(app: Chalice, expression: Any) -> Callable[[Callable[[], object]], Any]:
    """Have the app run a function at the times of an expression.

    Args:
        app: The app that declares the schedule.
        expression: Chalice's `Rate` or `Cron`, in UTC.
    """

    def decorate(function: Callable[[], object]) -> Any:
        @wraps(function)  # Lambda finds it in `app` by its name.
        def run(_event: Any) -> None:
            telemetry.ensure_logging(settings().log_level)
            with telemetry.correlated(telemetry.new_request_id()):
                try:
                    function()
                except Exception:
                    # Reported here, where Sentry and the log are set up; failed all the same.
                    log.exception("schedule failed", extra={"schedule": function.__name__})
                    raise

        return app.schedule(expression)(run)

    return decorate
