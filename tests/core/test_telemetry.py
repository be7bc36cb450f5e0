"""Logs: one JSON object a line, tied together by one request id."""

import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from chalicelib.core.telemetry import (
    JsonFormatter,
    configure_logging,
    correlated,
    new_request_id,
    request_id,
)


def _line(message: str, *args: Any, **options: Any) -> dict[str, Any]:
    record = logging.getLogger("previsto.test").makeRecord(
        "previsto.test", logging.INFO, "file.py", 1, message, args, None, extra=options
    )
    text = JsonFormatter().format(record)
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def test_line_is_json_with_what_was_passed_as_extra() -> None:
    with correlated("the-request"):
        line = _line("job %s ended", 7, queue="sample_queue", job=UUID(int=1))
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "previsto.test",
        "message": "job 7 ended",
        "request_id": "the-request",
        "queue": "sample_queue",
        "job": "00000000-0000-0000-0000-000000000001",
    }


def test_line_breaks_cannot_forge_a_second_line() -> None:
    assert _line("a\nb", nome='x"}\n{"level": "INFO"')["message"] == "a\nb"


def test_exception_is_in_the_line() -> None:
    try:
        raise ValueError("swordfish")
    except ValueError as error:
        raised = (type(error), error, error.__traceback__)
    record = logging.LogRecord("previsto", logging.ERROR, "f", 1, "failed", (), raised)
    assert "ValueError: swordfish" in json.loads(JsonFormatter().format(record))["exception"]


def test_request_ids_nest_and_end() -> None:
    assert request_id() == ""
    with correlated("outer"):
        with correlated("inner"):
            assert request_id() == "inner"
        assert request_id() == "outer"
    assert request_id() == ""


def test_threads_do_not_share_a_request_id() -> None:
    def work(number: int) -> bool:
        with correlated(f"request-{number}"):
            return all(request_id() == f"request-{number}" for _ in range(1000))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(work, range(16)))


def test_new_ids_are_hexadecimal_and_differ() -> None:
    found = {new_request_id() for _ in range(100)}
    assert len(found) == 100
    assert all(len(identifier) == 32 and int(identifier, 16) >= 0 for identifier in found)


def test_log_goes_to_stderr_at_its_level(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    try:
        configure_logging("warning")
        configure_logging("warning")  # Once more does not say everything twice.
        logging.getLogger("previsto.test").info("not said")
        logging.getLogger("previsto.test").warning("said")
    finally:
        root.handlers[:] = before[1]
        root.setLevel(before[0])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [json.loads(line)["message"] for line in captured.err.splitlines()] == ["said"]


def test_whoever_starts_the_app_gets_json_lines(environment: dict[str, str]) -> None:
    code = (
        "from tests.client import Client; Client().get('/health/live');"
        "import logging; logging.getLogger('x').warning('hello')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stderr.splitlines()[-1])["message"] == "hello"
