"""Deciding on orders: beside a peer, while another company trains, and for 200 companies.

The peer (`tests/bench/peer/credit.py`) is FastAPI, SQLAlchemy's ORM, a scikit-learn forest and
`shap`, one process too. It stores what it decides; it has no authentication, rules, policy,
versions, trail, nearest change or other companies. A ratio is the median over rounds that ask one
after the other. `bench_decision` has the algorithms one by one.
"""

import http.client
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from sqlalchemy import make_url, text

from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import SYSTEM, enqueue
from chalicelib.core.pg import make_engine
from chalicelib.credit.queues import CREDIT_TRAINING_QUEUE, TreinoMessage
from infra.local.seed_credit import load_company
from infra.local.simulation.company import simulate_company
from tests.bench import bench_decision, load, servers, world
from tests.bench.client import sign_in
from tests.bench.load import Load, Measured
from tests.bench.table import print_table
from tests.bench.world import World
from tests.credit.companies import Company, sign_up_company
from tests.credit.decisions.deciding import publish_credit_model

ROUNDS = 3
SECONDS = 3.0
REQUESTS = 3_000
COMPANIES = 200
SMALL_CACHE_MB = 4
TRAINED_ORDERS = 20_000
MOST_TRAINING_SECONDS = 300
MOST_P99_MS = 15.0
MOST_TIMES_IDLE = 2.0
ALGORITHM = "floresta_aleatoria"  # The peer's kind, and the dearest to explain.
PEER = "credit_peer"

Orders = Iterator[bytes]


class TrainingTooSlow(Exception):
    """The other company's training did not end."""


def run(folder: Path) -> None:
    """Measure and print."""
    python = servers.peer_python(folder)
    with world.world(folder) as found:
        company = bench_decision.furnish()
        publish_credit_model(company.tenant, names=None, algorithm=ALGORITHM)
        world.settle()
        orders = bench_decision.orders(str(company.client.token))
        peer_environment = _make_peer(found, python)
        with servers.ours(found.folder / "ours.log") as port:
            with servers.peer(
                python, found.folder / "peer.log", peer_environment, "credit"
            ) as peer_port:
                _print_beside(port, peer_port, orders)
            _print_while_training(port, orders)
        _print_many(found)


def _make_peer(found: World, python: Path) -> dict[str, str]:
    admin = make_engine(found.server.url, pool_size=0)
    with admin.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f"CREATE DATABASE {PEER}"))
    address = make_url(found.server.url_of(PEER)).set(drivername="postgresql+psycopg2")
    url = address.render_as_string(hide_password=False)
    model = str(found.folder / "credit.joblib")
    given = {"PEER_DATABASE_URL": url, "PEER_CREDIT_MODEL": model}
    subprocess.run(
        [python, "-m", "tests.bench.peer.credit"],
        cwd=servers.ROOT,
        env={**os.environ, **given},
        check=True,
    )
    world.settle(found.server.url_of(PEER))
    return given


def _ask(port: int, orders: Orders, seconds: float = SECONDS) -> Measured:
    requests = [next(orders) for _ in range(REQUESTS)]
    found = load.measure(Load(port, requests, 201, seconds))
    if found.refused:
        raise load.NoAnswer(found.first_refusal.decode(errors="replace"))
    return found


def _print_beside(port: int, peer_port: int, orders: Orders) -> None:
    pairs = [(_ask(port, orders), _ask(peer_port, orders)) for _ in range(ROUNDS + 1)][1:]
    ours, peer = ([pair[n] for pair in pairs] for n in (0, 1))
    ratio = statistics.median(a.per_second / b.per_second for a, b in pairs)
    p99 = statistics.median(each.quantile_ms(0.99) for each in ours)
    print(f"decisions with reasons, 21 columns, {ALGORITHM}, 8 connections, one process")
    print_table(
        ["", "per second", "p50 ms", "p99 ms", "", ""],
        [
            ["ours", *_figures(ours), f"p99 <= {MOST_P99_MS:g} ms", _met(p99 <= MOST_P99_MS)],
            ["FastAPI, forest of 200 trees, shap", *_figures(peer), f"{ratio:.1f}x", ""],
        ],
    )


def _print_while_training(port: int, orders: Orders) -> None:
    idle = [_ask(port, orders) for _ in range(ROUNDS)]
    with _training_elsewhere() as is_over:
        busy = [_ask(port, orders, 1.0)]
        while not is_over.is_set():
            busy.append(_ask(port, orders, 1.0))
    times = _p99(busy) / _p99(idle)
    print(f"while another company trains on {TRAINED_ORDERS:,} orders, {len(busy)} rounds of it")
    print_table(
        ["", "per second", "p50 ms", "p99 ms", "", ""],
        [
            ["idle", *_figures(idle), "", ""],
            [
                "training",
                *_figures(busy),
                f"{times:.1f}x, <= {MOST_TIMES_IDLE:g}x",
                _met(times <= MOST_TIMES_IDLE),
            ],
        ],
    )


@contextmanager
def _training_elsewhere() -> Iterator[threading.Event]:
    """A worker of its own that trains another company's model; yields when that is over."""
    other = sign_up_company()
    records = simulate_company(clientes=3_000, pedidos=TRAINED_ORDERS, until=utc_now())
    with unit_of_work(tenant=other.tenant) as session:
        dataset = load_company(session, other.tenant, records, now=utc_now())
    world.settle()
    with unit_of_work(tenant=other.tenant) as session:
        message = TreinoMessage(dataset=dataset, motivo="bench")
        job = enqueue(session, CREDIT_TRAINING_QUEUE, message, tenant=other.tenant, owner=SYSTEM)
    worker = subprocess.Popen(
        [sys.executable, "-m", "infra.local.worker"],
        cwd=servers.ROOT,
        stdin=subprocess.PIPE,  # Its end would be taken for ours.
        env={**os.environ, "LOG_LEVEL": "WARNING"},
    )
    is_over = threading.Event()
    watch = threading.Thread(target=_watch, args=(other.tenant, job.id, is_over))
    watch.start()
    try:
        yield is_over
    finally:
        watch.join()
        worker.terminate()
        worker.wait(servers.STOP_SECONDS)
    with unit_of_work(tenant=other.tenant, autocommit=True) as session:
        ended = session.execute(
            text("SELECT state, finished_at - started_at AS took, error FROM jobs WHERE id = :id"),
            {"id": job.id},
        ).one()
    if ended.state != "succeeded":
        raise TrainingTooSlow(f"{ended.state}: {ended.error}")
    print(f"the training took {ended.took.total_seconds():.0f} s")


def _watch(tenant: str, job_id: UUID, is_over: threading.Event) -> None:
    query = text("SELECT state FROM jobs WHERE id = :id")
    deadline = time.monotonic() + MOST_TRAINING_SECONDS
    while time.monotonic() < deadline:
        with unit_of_work(tenant=tenant, autocommit=True) as session:
            if session.execute(query, {"id": job_id}).scalar_one() not in ("queued", "running"):
                break
        time.sleep(0.2)
    is_over.set()


def _print_many(found: World) -> None:
    companies = [sign_up_company(f"Empresa {n}") for n in range(COMPANIES)]
    for seed, company in enumerate(companies):
        publish_credit_model(company.tenant, names=None, algorithm=ALGORITHM, seed=seed)
    world.settle()
    rows = []
    for bound in (256, SMALL_CACHE_MB):
        orders = _of_all(companies, f"M{bound}")
        with servers.ours(found.folder / "many.log", MODEL_CACHE_MB=str(bound)) as port:
            before = servers.resident_mb(port)
            requests = [next(orders) for _ in range(5 * COMPANIES)]
            measured = load.measure(Load(port, requests, 201, 120.0))
            if measured.refused:
                raise load.NoAnswer(measured.first_refusal.decode(errors="replace"))
            rows.append(_many_row(found, port, bound, measured, before))
    print(f"{COMPANIES} companies, each its own model, five orders each by turns, one process")
    head = ["MODEL_CACHE_MB", "loads", "hits", "dropped", "models MB", "process MB", "grown by"]
    print_table([*head, "p50 ms", "p99 ms", ""], rows)


def _many_row(found: World, port: int, bound: int, measured: Measured, before: float) -> list[str]:
    resident, asked = servers.resident_mb(port), len(measured.latencies)
    metrics = _metrics(port, sign_in(port, found.password))
    loads, held = metrics["model_load_duration_seconds_count"], metrics["model_bytes"] / 1024**2
    return [
        str(bound),
        f"{loads:.0f}",
        f"{asked - loads:.0f}",
        f"{metrics['model_evictions_total']:.0f}",
        f"{held:.1f}",
        f"{resident:.0f}",
        f"{resident - before:.0f}",
        f"{measured.quantile_ms(0.5):.1f}",
        f"{measured.quantile_ms(0.99):.1f}",
        _met(held <= bound),
    ]


def _of_all(companies: list[Company], prefix: str) -> Orders:
    """Orders of all companies by turns, each with its own token."""
    every = [bench_decision.orders(str(each.client.token), prefix) for each in companies]
    while True:
        for orders in every:
            yield next(orders)


def _metrics(port: int, token: str) -> dict[str, float]:
    """The metrics without labels, by their names after our prefix."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
    said = connection.getresponse().read().decode()
    connection.close()
    found = re.findall(r"^previsto_(\w+)(?:{[^}]*})? ([0-9.e+-]+)$", said, re.MULTILINE)
    return {name: float(value) for name, value in found}


def _figures(rounds: list[Measured]) -> list[str]:
    speed = statistics.median(each.per_second for each in rounds)
    p50 = statistics.median(each.quantile_ms(0.5) for each in rounds)
    return [f"{speed:,.0f}", f"{p50:.1f}", f"{_p99(rounds):.1f}"]


def _p99(rounds: list[Measured]) -> float:
    return statistics.median(each.quantile_ms(0.99) for each in rounds)


def _met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"
