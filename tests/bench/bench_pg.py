"""pg8000 as it comes beside `chalicelib.core.pg`, in one run: python -m tests.bench.bench_pg"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pg8000 import legacy
from sqlalchemy import Engine, Integer, String, bindparam, create_engine, literal, select, text
from sqlalchemy import make_url as parse_url

from chalicelib.core.pg import connect, make_engine, set_preamble
from infra.local.postgres import temporary_postgres
from infra.local.postgres.settings import LAPTOP

ROUNDS = 7
QUERY = select(literal(5, Integer).label("a"), bindparam("nome", type_=String).label("b"))
ROWS = text(
    "select i, i / 7.0::float8, 'nome ' || i, now() - i * interval '1 minute', i % 2 = 0 "
    "from generate_series(1, 10000) i"
)
COPY_LINES = "".join(f"{i}\t2024-05-01 12:00:00+00\t{i % 7}\n" for i in range(200_000)).encode()


@dataclass(frozen=True)
class Driver:
    """One of the two, as raw connection, as engine, and as engine in autocommit mode."""

    raw: Any
    engine: Engine
    reading: Engine


def _driver(raw: Any, engine: Engine) -> Driver:
    return Driver(raw, engine, engine.execution_options(isolation_level="AUTOCOMMIT"))


def main() -> None:
    # Durable settings: what a commit costs in real use is part of a transaction's cost.
    with temporary_postgres(LAPTOP) as server:
        host = str(parse_url(server.url).query["host"])

        def open_stock() -> Any:
            path = f"{host}/.s.PGSQL.5432"
            return legacy.connect("postgres", unix_sock=path, database="postgres")

        def open_fast() -> Any:
            return connect(user="postgres", host=host, database="postgres")

        stock = _driver(open_stock(), create_engine("postgresql+pg8000://", creator=open_stock))
        fast = _driver(open_fast(), make_engine(server.url))
        print(f"{'microseconds, median of rounds':44}{'pg8000':>12}{'ours':>12}{'ratio':>8}")
        for name, work, repeat in CASES:
            _compare(name, stock, fast, work, repeat)
        _report_tenant(fast)
        for driver in (stock, fast):
            driver.raw.close()
            driver.engine.dispose()


def raw_query(driver: Driver) -> None:
    driver.raw.autocommit = True
    cursor = driver.raw.cursor()
    cursor.execute("select %s::int, %s::text", (5, "abc"))
    cursor.fetchall()


def core_autocommit(driver: Driver) -> None:
    with driver.reading.connect() as connection:
        connection.execute(QUERY, {"nome": "abc"}).all()


def core_transaction(driver: Driver) -> None:
    with driver.engine.begin() as connection:
        connection.execute(QUERY, {"nome": "abc"}).all()


def ten_thousand_rows(driver: Driver) -> None:
    with driver.engine.connect() as connection:
        connection.execute(ROWS).all()


def thousand_inserts(driver: Driver) -> None:
    with driver.engine.connect() as connection:
        connection.execute(text("create temp table t (a int, b text) on commit drop"))
        rows = [{"a": i, "b": "abc"} for i in range(1000)]
        connection.execute(text("insert into t values (:a, :b)"), rows)
        connection.rollback()


def copy_in(driver: Driver) -> None:
    driver.raw.autocommit = False
    cursor = driver.raw.cursor()
    cursor.execute("create temp table c (a bigint, t timestamptz, b int) on commit drop")
    cursor.execute("copy c from stdin", stream=io.BytesIO(COPY_LINES))
    driver.raw.rollback()


def tenant_transaction(driver: Driver) -> None:
    with driver.engine.begin() as connection:
        set_preamble(connection, "select set_config('previsto.tenant', $1, true)", "7")
        connection.execute(QUERY, {"nome": "abc"}).all()


def tenant_autocommit(driver: Driver) -> None:
    with driver.reading.connect() as connection:
        set_preamble(connection, "select set_config('previsto.tenant', $1, true)", "7")
        connection.execute(QUERY, {"nome": "abc"}).all()


Work = Callable[[Driver], None]
CASES: list[tuple[str, Work, int]] = [
    ("raw query, autocommit", raw_query, 500),
    ("Core select, autocommit", core_autocommit, 300),
    ("Core transaction of one select", core_transaction, 300),
    ("10,000 rows of five columns", ten_thousand_rows, 1),
    ("1,000 inserts by executemany", thousand_inserts, 1),
    ("COPY of 200,000 rows", copy_in, 1),
]


def _compare(name: str, stock: Driver, fast: Driver, work: Work, repeat: int) -> None:
    """Rounds take turns, so that a busy machine is as unkind to one as to the other."""
    rounds = [(_round(stock, work, repeat), _round(fast, work, repeat)) for _ in range(ROUNDS)]
    theirs, ours = (statistics.median(side) for side in zip(*rounds, strict=True))
    print(f"{name:44}{theirs:12,.0f}{ours:12,.0f}{theirs / ours:8.1f}")


def _report_tenant(fast: Driver) -> None:
    for name, work in (
        ("Core transaction with tenant", tenant_transaction),
        ("Core select, autocommit, with tenant", tenant_autocommit),
    ):
        ours = statistics.median(_round(fast, work, 300) for _ in range(ROUNDS))
        print(f"{name:44}{'':12}{ours:12,.0f}")


def _round(driver: Driver, work: Work, repeat: int) -> float:
    """Microseconds per repetition, after one that warms up."""
    work(driver)
    start = time.perf_counter()
    for _ in range(repeat):
        work(driver)
    return (time.perf_counter() - start) / repeat * 1e6


if __name__ == "__main__":
    main()
