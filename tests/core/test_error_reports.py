"""Error reports: what they say, and that nobody is in them. Logs: the same of values."""

import json
import logging
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from typing import Any

import pytest
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from chalicelib.core import error_reports, telemetry
from chalicelib.core.settings import settings
from chalicelib.core.telemetry import JsonFormatter
from tests.client import Client
from tests.core.sample import EMAIL, SECRET, app
from tests.functions.conftest import ASKS, Ask, ask, rings

NAME, QUERY, ADDRESS = "Ana de Souza Lima", "cpf-111.444.777-35", "203.0.113.77"
PERSONAL = (EMAIL, SECRET, "swordfish", NAME, QUERY, ADDRESS)

FAILURES = {
    "broken": "RuntimeError",
    "sql": "ProgrammingError",
    "no number": "DataError",
    "twice": "IntegrityError",
    "no note": "ValidationError",
}


class Mailbox(Transport):
    """Keeps reports instead of sending them."""

    sent: list[bytes]

    def capture_envelope(self, envelope: Envelope) -> None:
        self.sent.append(envelope.serialize())


@pytest.fixture
def sent(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """The reports that would have been sent."""
    monkeypatch.setenv("SENTRY_DSN", "https://key@sentry.example.com/1")
    monkeypatch.setenv("RELEASE", "abc123")
    settings.cache_clear()
    Mailbox.sent = []
    error_reports.start(Mailbox)
    yield Mailbox.sent
    error_reports.stop()


def _event(report: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(report.splitlines()[-1])
    return found


def _fail(operador: Client, how: str) -> None:
    answer = operador.on(app).request(
        "POST",
        f"/notes?cpf={QUERY}",
        {"texto": how},
        headers={"x-nome": NAME, "x-forwarded-for": ADDRESS, "x-request-id": "the-request"},
    )
    assert answer.status == 500


@pytest.mark.parametrize("how", FAILURES)
def test_a_report_says_what_failed_where_and_nothing_of_anybody(
    operador: Client, sent: list[bytes], how: str
) -> None:
    _fail(operador, how)
    (report,) = sent
    for personal in (*PERSONAL, operador.token or "", operador.subject):
        assert personal.encode() not in report, personal
    event = _event(report)
    assert (event["environment"], event["release"]) == ("test", "abc123")
    assert event["logentry"] == {"message": "unhandled error"}
    assert (
        event["tags"].items()
        >= {
            "request_id": "the-request",
            "method": "POST",
            "route": "/notes",
        }.items()
    )
    raised = event["exception"]["values"][-1]
    assert raised["type"] == FAILURES[how]
    assert "value" not in raised
    assert any(f["function"] == "post_note" for f in raised["stacktrace"]["frames"])
    assert not {"request", "user", "extra", "breadcrumbs", "server_name"} & event.keys()


def test_what_the_database_refused_is_told_by_codes_and_names(
    operador: Client, sent: list[bytes]
) -> None:
    _fail(operador, "twice")
    tags = _event(sent[0])["tags"]
    refused = {name: tags[name] for name in ("sqlstate", "table", "constraint")}
    assert refused == {"sqlstate": "23505", "table": "models", "constraint": "models_pkey"}


def test_a_failed_job_is_reported_with_queue_and_job(sent: list[bytes]) -> None:
    from functions.runtime import queue_handler

    @queue_handler(ASKS)
    def handler(run: Any, message: Ask) -> None:
        raise ValueError(EMAIL)

    job_id = ask(1)
    handler(rings(job_id), None)
    (report,) = sent
    assert EMAIL.encode() not in report
    event = _event(report)
    tags = {name: event["tags"][name] for name in ("queue", "job", "attempt")}
    assert tags == {"queue": "test_queue", "job": str(job_id), "attempt": "1"}
    assert event["exception"]["values"][0]["type"] == "ValueError"


def test_foreseen_refusals_and_warnings_are_not_reported(
    operador: Client, sent: list[bytes]
) -> None:
    operador.get("/jobs/not-a-uuid")
    operador.on(app).post("/notes", {"texto": "refused"})
    logging.getLogger("previsto.test").warning("only a warning")
    assert sent == []


def test_words_of_other_libraries_are_not_passed_on(sent: list[bytes]) -> None:
    logging.getLogger("somebody.else").error(f"cannot write to {EMAIL}")
    logging.getLogger("previsto.test").error("cannot write to %s", EMAIL, extra={"email": EMAIL})
    assert [_event(report)["logentry"]["message"] for report in sent] == [
        "Logged by somebody.else.",
        "cannot write to %s",
    ]
    assert not any(EMAIL.encode() in report for report in sent)


@pytest.mark.parametrize("how", [how for how in FAILURES if how != "broken"])
def test_the_log_does_not_quote_what_was_stored_or_sent(
    operador: Client, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    _fail(operador, how)
    failure = next(r for r in caplog.records if r.message == "unhandled error")
    line = JsonFormatter().format(failure)
    assert FAILURES[how] in line
    assert "post_note" in line
    assert EMAIL not in line


PROGRAM = """
import sys
from tests.client import Client
Client().get("/health/live")
print("sentry_sdk" in sys.modules)
import logging
logging.getLogger("previsto.test").error("told to whoever listens")
"""


def _run(**more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "Sentry" not in done.stderr
    return done.stdout.strip()


def test_without_a_dsn_the_library_is_not_even_loaded(environment: dict[str, str]) -> None:
    assert _run() == "False"


def test_with_a_dsn_the_first_request_starts_it_and_the_end_sends_what_is_left(
    environment: dict[str, str],
) -> None:
    received: list[bytes] = []

    class Sentry(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            # The client compresses by Brotli where some other library has brought it along.
            if self.headers["Content-Encoding"] == "br":
                received.append(import_module("brotli").decompress(body))
            else:
                received.append(zlib.decompress(body, wbits=47))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Sentry) as server:
        listening = threading.Thread(target=server.serve_forever)
        listening.start()
        try:
            assert _run(SENTRY_DSN=f"http://key@127.0.0.1:{server.server_port}/1") == "True"
        finally:
            server.shutdown()
            listening.join()
    assert any(b"told to whoever listens" in report for report in received)


def test_reports_start_once(sent: list[bytes]) -> None:
    telemetry.report_errors()
    logging.getLogger("previsto.test").error("once")
    assert len(sent) == 1
