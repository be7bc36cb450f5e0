"""Structured logs: one JSON object a line, with one `request_id` from HTTP to job to handler."""

import json
import logging
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from types import TracebackType
from typing import Any

from pydantic import ValidationError

from chalicelib.core.settings import settings

ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def request_id() -> str:
    """The id that ties together what happens on behalf of one request; empty outside of one."""
    return _request_id.get()


def new_request_id() -> str:
    """A fresh id, 32 hexadecimal digits."""
    return uuid.uuid4().hex


@contextmanager
def correlated(identifier: str) -> Iterator[None]:
    """Everything logged and enqueued inside carries this request id."""
    token = _request_id.set(identifier)
    try:
        yield
    finally:
        _request_id.reset(token)


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON; what was passed as `extra` becomes fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id(),
        }
        line.update((k, v) for k, v in record.__dict__.items() if k not in _STANDARD)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802
        """A traceback, in which pydantic does not quote what it was given."""
        text = super().formatException(ei)
        for error in causes(ei[1]):
            if isinstance(error, ValidationError):
                text = text.replace(str(error), _faults(error))
        return text


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and all those that it came of."""
    seen = set[int]()
    while error is not None and id(error) not in seen:  # One raised from itself is its own cause.
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__


def _faults(error: ValidationError) -> str:
    """What did not validate, and how, without the values."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in found)


def configure_logging(level: str) -> None:
    """Send every log line to stderr as JSON; calling it again replaces the earlier set-up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("botocore", "boto3", "urllib3", "s3transfer"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # It writes seven errors for each connection that is refused; we say it once.
    logging.getLogger("pika").setLevel(logging.CRITICAL)


@cache
def ensure_logging(level: str) -> None:
    """Configure logging at the first request or message, where no program has done so.

    Lambda hangs a handler of its own on the root logger before any code of ours runs.
    """
    if not logging.getLogger().handlers or "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        configure_logging(level)
    report_errors()


@cache
def report_errors() -> None:
    """Send errors to Sentry as well, where a DSN is set."""
    if settings().sentry_dsn.get_secret_value():
        from chalicelib.core import error_reports  # Which needs this module.

        error_reports.start()
