"""What is counted as it happens: requests, runs of jobs, loads of models, failed doorbells.

Where processes share a directory (`PROMETHEUS_MULTIPROC_DIR`, set by `infra/local`), each keeps its
counts in files there and a scrape of any of them gives the sum. On AWS, where instances share
nothing and cannot be scraped one by one, the log line of what happened is a CloudWatch metric
instead (embedded metric format). See `infra/decisions/0009-where-metrics-are-kept.md`.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from chalicelib.core.route_counts import BOUNDS, RouteCounts

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SHARED_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"  # The library's own name for it.
NAMESPACE = "Previsto"

RUN_BUCKETS = (0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600)
LOAD_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)

_making = threading.Lock()


@dataclass(frozen=True)
class Instruments:
    """The metrics of this process."""

    registry: CollectorRegistry
    requests: Counter
    request_seconds: Histogram
    runs: Counter
    run_seconds: Histogram
    workers_lost: Counter
    doorbell_failures: Counter
    model_load_seconds: Histogram
    model_evictions: Counter
    model_bytes: Gauge


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count an answered request.

    Args:
        method: Of the route.
        route: The template, such as `/aluno/{aluno_id}/frequencia`, never the path.
        status: Of the answer.
        seconds: From arrival to answer.
    """
    route_counts().observe(time.time(), method, route, status, seconds)
    if leaves_by_log():
        return
    answered, duration = _of_route(method, route, status_class(status))
    answered.inc()
    duration.observe(seconds)


@cache
def route_counts() -> RouteCounts:
    """What this process has answered, by minute and route; see `route_minutes.py`."""
    return RouteCounts()


def count_run(queue: str, outcome: str, seconds: float) -> None:
    """Count a run of a job, and how it ended."""
    if not leaves_by_log():
        found = instruments()
        found.runs.labels(queue, outcome).inc()
        found.run_seconds.labels(queue).observe(seconds)


def count_worker_lost(queue: str) -> None:
    """Count a run whose worker stopped answering, so that nobody counted its end."""
    if not leaves_by_log():
        instruments().workers_lost.labels(queue).inc()


def count_doorbell_failure(queue: str) -> None:
    """Count a job that was committed and could not be rung for."""
    if not leaves_by_log():
        instruments().doorbell_failures.labels(queue).inc()


def count_model_load(seconds: float) -> None:
    """Count a model that was read from the store."""
    if not leaves_by_log():
        instruments().model_load_seconds.observe(seconds)


def count_models_held(byte_change: int, evicted: int = 0) -> None:
    """Follow the memory of loaded models up and down."""
    if not leaves_by_log():
        instruments().model_bytes.inc(byte_change)
        instruments().model_evictions.inc(evicted)


def status_class(status: int) -> str:
    """`2xx` for 204 and the like."""
    return f"{status // 100}xx"


@cache
def leaves_by_log() -> bool:
    """Whether this process runs on Lambda or Fargate, where CloudWatch reads its log."""
    if os.environ.get(SHARED_DIRECTORY):
        return False
    is_fargate = os.environ.get("AWS_EXECUTION_ENV", "").startswith("AWS_ECS")
    return is_fargate or "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def embedded(*dimensions: str, **units: str) -> dict[str, Any]:
    """What makes a log line a CloudWatch metric as well; nothing outside of AWS.

    Args:
        dimensions: Names of the line's fields that tell series apart.
        units: Name of a number among the line's fields -> CloudWatch's word for its unit.

    Returns:
        To be merged into the line's `extra`.
    """
    if not leaves_by_log():
        return {}
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    directive = {"Namespace": NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": metrics}
    return {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}}


def process_name() -> str:
    """This process among all that share a directory, those of other containers included."""
    return f"{_host()}-{os.getpid()}"


@cache
def _host() -> str:
    # The library splits names of files at underscores.
    return socket.gethostname().replace("_", "-")


@cache
def _of_route(method: str, route: str, status: str) -> tuple[Counter, Histogram]:
    """A route's own series. Looked up once: finding them by labels costs as much as counting."""
    found = instruments()
    return (
        found.requests.labels(method, route, status),
        found.request_seconds.labels(method, route),
    )


def instruments() -> Instruments:
    """The metrics of this process, made at first use."""
    with _making:  # Two threads at their first request must not make two of each.
        return _made()


@cache
def _made() -> Instruments:
    # Loading the library takes 50 ms, which a cold start on Lambda can do without.
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

    if directory := os.environ.get(SHARED_DIRECTORY):
        os.makedirs(directory, exist_ok=True)
        values.ValueClass = values.MultiProcessValue(process_name)  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()

    def counter(name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"previsto_{name}", help_text, labels, registry=registry)

    def histogram(name: str, help_text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        name = f"previsto_{name}_seconds"
        return Histogram(name, help_text, labels, buckets=buckets, registry=registry)

    return Instruments(
        registry=registry,
        requests=counter("http_requests", "Requests answered.", "method", "route", "status"),
        request_seconds=histogram(
            "http_request_duration", "Time to answer.", BOUNDS, "method", "route"
        ),
        runs=counter("runs", "Runs of jobs that ended.", "queue", "outcome"),
        run_seconds=histogram("run_duration", "Time a run took.", RUN_BUCKETS, "queue"),
        workers_lost=counter("workers_lost", "Runs whose worker stopped answering.", "queue"),
        doorbell_failures=counter("doorbell_failures", "Rings that failed.", "queue"),
        model_load_seconds=histogram("model_load_duration", "Time to load.", LOAD_BUCKETS),
        model_evictions=counter("model_evictions", "Models dropped to keep within the bound."),
        model_bytes=Gauge(
            "previsto_model_bytes",
            "Estimated memory of loaded models.",
            multiprocess_mode="livesum",
            registry=registry,
        ),
    )


def forget_metrics() -> None:
    """Start counting anew."""
    for kept in (_made, _of_route, leaves_by_log, route_counts):
        kept.cache_clear()
