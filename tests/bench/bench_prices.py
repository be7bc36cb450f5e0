"""Predictions over HTTP: one row of 80 mixed columns with interval and contributions.

One process of the gateway; the models are trained by the real job on made-up houses. Over eight
connections requests queue at the one process.
"""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from infra.local.worker import open_worker
from tests.bench import load, servers, world
from tests.bench.client import CallRefused, call, sign_in
from tests.bench.load import Load, Measured, request
from tests.bench.table import print_table

ROWS, NUMBERS, CATEGORIES, DATES, TRUTHS = 3_000, 52, 20, 3, 5
SECONDS = 4.0
REQUESTS = 6_000
MOST_P99_MS = 15.0
ALGORITHMS = ("regressao_ridge", "histograma_gradiente")
SEED = 11


def run(folder: Path) -> None:
    """Measure and print."""
    rows = []
    with world.world(folder) as found:
        log = found.folder / "gateway.log"
        houses = made_up_houses()
        with servers.ours(log) as port:
            token = sign_in(port, found.password)
            projects = {name: train(port, token, houses, name) for name in ALGORITHMS}
        world.settle()
        for algorithm, project in projects.items():
            with servers.ours(log) as port:
                token = sign_in(port, found.password)
                rows += _of_one(port, algorithm, asked(token, project, houses))
            world.settle()
    print(f"one row of {NUMBERS + CATEGORIES + DATES + TRUTHS} mixed columns, kept when answered")
    heads = ["", "reasons", "connections", "per second", "p50 ms", "p99 ms", "budget", ""]
    print_table(heads, rows)


def _of_one(port: int, algorithm: str, requests: dict[str, Iterator[bytes]]) -> list[list[str]]:
    _measure(port, requests["no"], seconds=1.0)
    return [
        _row(algorithm, reasons, connections, _measure(port, each, connections))
        for reasons, each in requests.items()
        for connections in (1, load.CONNECTIONS)
    ]


def made_up_houses() -> list[dict[str, Any]]:
    """Houses that never were: numbers with gaps, categories, dates, truth values, and a price."""
    rng = np.random.default_rng(SEED)
    numbers = rng.normal(100, 20, (ROWS, NUMBERS))
    labels = rng.integers(0, 6, (ROWS, CATEGORIES))
    days = rng.integers(0, 4_000, (ROWS, DATES))
    truths = rng.random((ROWS, TRUTHS)) < 0.4
    price = 1_000 * numbers[:, :6].sum(axis=1) + 9_000 * labels[:, 0] + 8_000 * truths[:, 0]
    price += rng.normal(0, 8_000, ROWS)
    gaps = rng.random((ROWS, NUMBERS)) < 0.03
    start = np.datetime64("2010-01-01")
    return [
        {
            **{
                f"n{i:02}": None if gaps[r, i] else round(float(numbers[r, i]), 2)
                for i in range(NUMBERS)
            },
            **{f"c{i:02}": f"tipo {labels[r, i]}" for i in range(CATEGORIES)},
            **{f"d{i}": str(start + int(days[r, i])) for i in range(DATES)},
            **{f"b{i}": bool(truths[r, i]) for i in range(TRUTHS)},
            "preco": round(float(price[r]), 2),
        }
        for r in range(ROWS)
    ]


def train(port: int, token: str, houses: list[dict[str, Any]], algorithm: str) -> str:
    """A project with a model of one algorithm, by the real jobs; gives its id."""
    project = call(port, "POST", "/precos/projetos", token, {"nome": algorithm})["id"]
    at = f"/precos/projetos/{project}"
    dataset = send_rows(port, token, at, houses)
    open_worker().drain()
    body = {"dataset": dataset, "alvo": "preco", "algoritmos": [{"nome": algorithm}]}
    job = call(port, "POST", f"{at}/treinamentos", token, body)
    open_worker().drain()
    ended = call(port, "GET", f"/jobs/{job['id']}", token)
    if ended["state"] != "succeeded":
        raise CallRefused(str(ended["error"]))
    return str(project)


def send_rows(port: int, token: str, at: str, houses: list[dict[str, Any]]) -> int:
    """Send the houses inline as NDJSON; gives the dataset's id."""
    text = "\n".join(json.dumps(each) for each in houses).encode()
    found = call_file(port, f"{at}/datasets", token, text)
    identifier: int = found["dataset"]["id"]
    return identifier


def call_file(port: int, path: str, token: str, data: bytes) -> Any:
    """POST NDJSON."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {token}"}
    try:
        connection.request("POST", path, data, headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
    finally:
        connection.close()
    if answer.status >= 300:
        raise CallRefused(f"POST {path}: {found}")
    return found


def asked(token: str, project: str, houses: list[dict[str, Any]]) -> dict[str, Iterator[bytes]]:
    """Whether with reasons -> requests about one house after the other."""
    return {said: _asked(token, project, houses, said == "yes") for said in ("no", "yes")}


def _asked(
    token: str, project: str, houses: list[dict[str, Any]], explain: bool
) -> Iterator[bytes]:
    path = f"/precos/projetos/{project}/previsoes"
    for n in count():
        house = {k: v for k, v in houses[n % ROWS].items() if k != "preco"}
        body = json.dumps({"instancia": house, "explicar": explain}).encode()
        yield request("POST", path, token, body)


def _measure(
    port: int, asked: Iterator[bytes], connections: int = 8, seconds: float = SECONDS
) -> Measured:
    requests = [next(asked) for _ in range(REQUESTS)]
    found = load.measure(Load(port, requests, 201, seconds, connections))
    if found.refused:
        raise load.NoAnswer(found.first_refusal.decode(errors="replace"))
    return found


def _row(algorithm: str, reasons: str, connections: int, found: Measured) -> list[str]:
    p99 = found.quantile_ms(0.99)
    figures = [f"{found.per_second:,.0f}", f"{found.quantile_ms(0.5):.1f}", f"{p99:.1f}"]
    met = "met" if p99 <= MOST_P99_MS else "MISSED"
    return [algorithm, reasons, str(connections), *figures, f"<= {MOST_P99_MS:.0f}", met]
