"""`/metrics`: who may read it, what it counts, and what it never says."""

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from chalicelib.core import jobs, metrics, scraping
from chalicelib.core.auth import Role
from chalicelib.core.db import DatabaseRole, dispose_engines, unit_of_work
from chalicelib.core.queues import Ring
from chalicelib.core.settings import settings
from chalicelib.core.sweep import sweep
from tests.client import Answer, Client, assert_problem
from tests.conftest import MakeUser, forget_process_state
from tests.core.conftest import MakeJob, change_job
from tests.scrape import Series, series

TOKEN = "only-for-scrapes-" + "t" * 32
REQUESTS = "previsto_http_requests_total"


@pytest.fixture
def scraper(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Client:
    """A Prometheus that was given the token."""
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    settings.cache_clear()
    return Client(TOKEN)


def scrape(client: Client) -> Series:
    answer = client.get("/metrics")
    assert answer.status == 200, answer.body
    return series(answer.body.decode())


def test_the_scrape_token_and_admins_of_the_house_are_let_in(
    scraper: Client, admin: Client, client_of: MakeUser
) -> None:
    assert scraper.get("/metrics").status == admin.get("/metrics").status == 200
    assert_problem(client_of(Role.ADMIN, "outra").get("/metrics"), 403, "Forbidden")
    assert_problem(Client().get("/metrics"), 401, "Unauthorized")
    assert_problem(Client(TOKEN[:-1]).get("/metrics"), 401, "TokenInvalid")
    assert_problem(Client("não-é-ascii").get("/metrics"), 401, "TokenInvalid")


def test_the_scrape_token_opens_nothing_else(scraper: Client) -> None:
    assert_problem(scraper.get("/jobs"), 401, "TokenInvalid")
    assert_problem(scraper.get("/auth/usuarios"), 401, "TokenInvalid")


def test_without_a_configured_token_no_token_fits(anonymous: Client) -> None:
    assert not scraping.is_scraper("")
    assert_problem(Client("x").get("/metrics"), 401, "TokenInvalid")


def test_format_is_what_a_prometheus_asks_for(scraper: Client) -> None:
    answer = scraper.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    asked = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    answer = scraper.request("GET", "/metrics", headers=asked)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.body.endswith(b"# EOF\n")


def test_requests_are_counted_by_method_route_and_status_class(
    scraper: Client, operador: Client
) -> None:
    for aluno_id in (7, 8, 9):
        operador.get(f"/aluno/{aluno_id}/frequencia")
    operador.get("/planos")
    operador.post("/planos", {})
    found = scrape(scraper)
    counted = {labels: n for (name, labels), n in found.items() if name == REQUESTS}
    assert counted == {
        ("GET", "/aluno/{aluno_id}/frequencia", "4xx"): 3,
        ("GET", "/planos", "2xx"): 1,
        ("POST", "/planos", "4xx"): 1,
    }
    seconds = "previsto_http_request_duration_seconds"
    assert found[f"{seconds}_count", ("GET", "/aluno/{aluno_id}/frequencia")] == 3
    assert 0 < found[f"{seconds}_sum", ("GET", "/planos")] < 10


def test_paths_that_do_not_exist_add_no_series(scraper: Client) -> None:
    scraper.get("/metrics")
    before = scrape(scraper).keys()
    for n in range(50):
        scraper.get(f"/nada/{n}")
        scraper.request("BREW", f"/planos/{n}")
        scraper.request("PATCH", "/planos")
    assert scrape(scraper).keys() == before


def test_unfinished_jobs_are_counted_by_queue_and_state(scraper: Client, make_job: MakeJob) -> None:
    ids = [make_job(tenant=tenant) for tenant in ("casa", "casa", "outra", "outra", "outra")]
    due = "next_attempt_at = now() - interval '90 seconds'"
    change_job(ids[0], due)
    change_job(ids[3], "state = 'running', lease_until = now()")
    change_job(ids[4], "state = 'succeeded', finished_at = now()")
    found = scrape(scraper)
    states = {labels: n for (name, labels), n in found.items() if name == "previsto_jobs"}
    assert states == {("sample_queue", "queued"): 3, ("sample_queue", "running"): 1}
    oldest = found["previsto_oldest_due_job_age_seconds", ("sample_queue",)]
    assert 90 <= oldest < 120


def test_a_job_that_is_due_later_has_not_waited(scraper: Client, make_job: MakeJob) -> None:
    change_job(make_job(), "next_attempt_at = now() + interval '1 hour'")
    assert scrape(scraper)["previsto_oldest_due_job_age_seconds", ("sample_queue",)] == 0


def test_counting_jobs_never_reads_the_finished_ones(make_job: MakeJob) -> None:
    change_job(make_job(), "state = 'succeeded', finished_at = now()")
    copies = """
    INSERT INTO jobs (tenant, owner, queue, message, request_id, attempt_limit, state)
    SELECT tenant, owner, queue, message, request_id, attempt_limit, state
    FROM jobs, generate_series(1, 20000)
    """
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text(copies))
    make_job()
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        plan = "\n".join(session.scalars(text("EXPLAIN " + scraping.JOBS)))
    # Each of these indexes holds unfinished jobs only; which is taken depends on statistics.
    scanned = set(re.findall(r"(?:Scan using|Scan on) (\w+)", plan)) - {"jobs", "jobs_1"}
    assert "Seq Scan" not in plan, plan
    assert scanned
    assert scanned <= {"jobs_ready_idx", "jobs_leased_idx", "jobs_dedupe_idx"}, plan


def test_connections_are_counted_by_pool(scraper: Client) -> None:
    found = scrape(scraper)
    assert found["previsto_database_connections", ("previsto-system",)] >= 1
    assert found["previsto_database_up", ()] == 1


def test_a_database_that_is_away_is_a_metric_too(
    scraper: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    scraper.get("/health/live")
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres@127.0.0.1:9/nothing")
    dispose_engines()
    settings.cache_clear()
    found = scrape(scraper)
    assert found["previsto_database_up", ()] == 0
    assert found[REQUESTS, ("GET", "/health/live", "2xx")] == 1


def test_a_doorbell_that_cannot_be_rung_is_counted(
    scraper: Client, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = make_job()
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres@127.0.0.1:9/nothing")
    dispose_engines()
    settings.cache_clear()
    jobs.ring([Ring("sample_queue", str(job_id))])
    assert scrape(scraper)["previsto_doorbell_failures_total", ("sample_queue",)] == 1


def test_a_worker_that_stopped_answering_is_counted(scraper: Client, make_job: MakeJob) -> None:
    for _ in range(2):
        gone = "state = 'running', attempt = 1, lease_until = now() - interval '1 second'"
        change_job(make_job(), gone)
    sweep()
    assert scrape(scraper)["previsto_workers_lost_total", ("sample_queue",)] == 2


COUNT = """
from chalicelib.core import metrics
metrics.count_request("GET", "/planos", 200, 0.002)
metrics.count_models_held(1000)
print("counted", flush=True)
input()
"""


def test_processes_add_up_and_the_dead_hold_no_memory(
    scraper: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metrics.SHARED_DIRECTORY, str(tmp_path / "shared"))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", COUNT],
            env=dict(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "counted\n"
    answered = (REQUESTS, ("GET", "/planos", "2xx"))
    found = series(scraping.exposition("")[0])
    assert (found[answered], found["previsto_model_bytes", ()]) == (3, 3000)
    processes[0].kill()
    processes[0].communicate()
    found = series(scraping.exposition("")[0])
    assert (found[answered], found["previsto_model_bytes", ()]) == (3, 2000)
    for process in processes[1:]:
        process.communicate("\n", timeout=20)


@pytest.fixture
def on_lambda(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process is an instance of a Lambda function, whose log the app itself sets up."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "previsto-dev")
    monkeypatch.setenv("LOG_LEVEL", "INFO")
    forget_process_state()
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    yield
    root.handlers[:] = before[1]
    root.setLevel(before[0])


@pytest.mark.usefixtures("on_lambda")
def test_on_lambda_the_access_log_is_the_metric(
    operador: Client, admin: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    operador.get("/aluno/7/frequencia")
    line = json.loads(capsys.readouterr().err)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "Previsto",
        "Dimensions": [["method", "route", "status_class"]],
        "Metrics": [{"Name": "ms", "Unit": "Milliseconds"}],
    }
    named = [line[name] for name in directive["Dimensions"][0]]
    assert named == ["GET", "/aluno/{aluno_id}/frequencia", "4xx"]
    assert line["ms"] > 0
    answer: Answer = admin.get("/metrics")
    assert {name for name, _ in series(answer.body.decode())} == {
        "previsto_database_up",
        "previsto_database_connections",
        "previsto_model_bytes",
        "previsto_model_evictions_total",
        "previsto_model_load_duration_seconds_count",
        "previsto_model_load_duration_seconds_sum",
    }


def test_elsewhere_the_log_has_no_metrics(
    operador: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "previsto.http"):
        operador.get("/planos")
    (line,) = caplog.records
    assert line.message == "request"
    assert "_aws" not in vars(line)
