"""Errors, sent to Sentry where `SENTRY_DSN` is set; its library is loaded only there.

What is logged as an error is sent: both edges log what nobody foresaw. A report is put together
anew from what cannot hold personal data: kinds of errors, where in the code, and a few tags. What
an exception says is left out, because the database, pydantic and Python quote values in it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from chalicelib.core import telemetry
from chalicelib.core.openapi import VERSION
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from sentry_sdk.transport import Transport
    from sentry_sdk.types import Event, Hint

OUR_LOGGERS = ("previsto.", "infra.")
TAGS = ("method", "route", "queue", "job", "attempt", "schedule", "version")
KEPT_OF_EVENT = ("event_id", "timestamp", "level", "logger", "platform", "release", "environment")
KEPT_OF_FRAME = (
    "filename",
    "function",
    "module",
    "lineno",
    "in_app",
    "pre_context",
    "context_line",
    "post_context",
)
KEPT_OF_MECHANISM = ("type", "handled", "exception_id", "parent_id", "is_exception_group")
FLUSH_SECONDS = 2.0


class Reporter(logging.Handler):
    """Sends log records of level ERROR or above."""

    def __init__(self) -> None:
        """Take the library's own way from a record to a report."""
        from sentry_sdk.integrations.logging import EventHandler

        super().__init__(logging.ERROR)
        self._events = EventHandler()

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        import sentry_sdk

        self._events.emit(record)
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            # The instance may be frozen as soon as it has answered, the sending thread with it.
            sentry_sdk.flush(timeout=FLUSH_SECONDS)


def start(transport: type[Transport] | None = None) -> None:
    """Send errors from now on.

    Args:
        transport: Takes the place of HTTP.
    """
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration

    root = logging.getLogger()
    if any(isinstance(handler, Reporter) for handler in root.handlers):
        return
    found = settings()
    sentry_sdk.init(
        dsn=found.sentry_dsn.get_secret_value(),
        environment=found.environment.value,
        release=found.release or VERSION,
        transport=transport,
        before_send=_without_personal_data,
        # Left out, `send_default_pii` is false; to say so is deprecated.
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        # The others read requests, arguments of the command line, SQL and installed packages.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[AtexitIntegration(callback=_end_quietly), ExcepthookIntegration()],
    )
    root.addHandler(Reporter())


def stop() -> None:
    """Send what is left, and nothing from now on."""
    import sentry_sdk

    root = logging.getLogger()
    root.handlers[:] = [each for each in root.handlers if not isinstance(each, Reporter)]
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def _end_quietly(_pending: int, _timeout: float) -> None:
    """Say nothing on the console while the last reports are sent."""


def _without_personal_data(event: Event, hint: Hint) -> Event:
    record: logging.LogRecord | None = hint.get("log_record")
    error = hint["exc_info"][1] if hint.get("exc_info") else None
    clean: dict[str, Any] = _only(event, KEPT_OF_EVENT)
    clean["tags"] = {**_tags(record), **_database_tags(error)}
    if record is not None:
        is_ours = record.name.startswith(OUR_LOGGERS)
        # The words as they stand in the source; what would be filled in is left out.
        clean["logentry"] = {"message": record.msg if is_ours else f"Logged by {record.name}."}
    if error is not None:
        values = event["exception"]["values"]
        clean["exception"] = {"values": [_clean_exception(value) for value in values]}
    return clean  # type: ignore[return-value]


def _tags(record: logging.LogRecord | None) -> dict[str, str]:
    found = {name: str(vars(record)[name]) for name in TAGS if record and name in vars(record)}
    return {"request_id": telemetry.request_id(), **found}


def _database_tags(error: BaseException | None) -> dict[str, str]:
    """What the database refused, by its codes and names: its sentences quote rows."""
    for each in telemetry.causes(error):
        cause = each.orig if isinstance(each, DBAPIError) else each
        report = cause.args[0] if cause is not None and cause.args else None
        if isinstance(report, dict) and "C" in report:
            named = {"sqlstate": "C", "table": "t", "constraint": "n"}
            return {name: str(report[key]) for name, key in named.items() if key in report}
    return {}


def _clean_exception(value: Mapping[str, Any]) -> dict[str, Any]:
    frames: Iterator[Mapping[str, Any]] = iter((value.get("stacktrace") or {}).get("frames", ()))
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "mechanism": _only(value.get("mechanism") or {}, KEPT_OF_MECHANISM),
        "stacktrace": {"frames": [_only(frame, KEPT_OF_FRAME) for frame in frames]},
    }


def _only(found: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: found[name] for name in names if name in found}
