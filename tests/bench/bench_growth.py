"""What `infra/ARCHITECTURE.md` says of growth: curves, each over the one thing that grows.

    python -m tests.bench.run connections       requests a second and p99 over connections
    python -m tests.bench.run depth             jobs a second over workers, and over what waits
    python -m tests.bench.run size              check-ins and scores over the table of visits

About a minute each. Server, database and load share the machine, so a curve's bend tells more
than its height.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.gym.service_members import ensure_planos
from tests.bench import bench_jobs, load, servers, world
from tests.bench.client import sign_in
from tests.bench.load import Load, Measured, request
from tests.bench.table import print_table
from tests.bench.world import World
from tests.gym.publishing import publish_model

CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128)
PROCESSES = (1, 2)
SECONDS = 2.0
MOST_REQUESTS = 30_000
MEMBERS_ASKED = 1_000

WORKERS = (1, 2, 4)
DEPTHS = (500, 4_000, 16_000)
JOBS = 2_000

MEMBERS = (1_000, 10_000, 40_000)
VISITS_EACH = 100
ROUNDS = 5

MAKE_MEMBERS = """
INSERT INTO alunos (nome, email, plano_id, matriculado_em)
SELECT 'Aluno ' || n, n || '@bench.example', cast(:plano AS bigint), now() - interval '300 days'
FROM generate_series(cast(:first AS bigint), cast(:last AS bigint)) n
"""
# Every third day, the last one yesterday, at an hour of the member's own.
MAKE_VISITS = f"""
INSERT INTO checkins (aluno_id, entrada, saida)
SELECT a.id, came.entrada, came.entrada + interval '1 hour'
FROM generate_series({VISITS_EACH}, 1, -1) n, alunos a,
    LATERAL (SELECT now() - interval '1 day' - make_interval(days => 3 * (n - 1))
        - make_interval(secs => mod(a.id, 36000)) AS entrada) came
WHERE a.id > cast(:after AS bigint)
"""
COUNT_VISITS = "SELECT count(*), pg_total_relation_size('checkins') / 1000000 FROM checkins"
FORGET = "DELETE FROM riscos_churn"
LEAVE = "UPDATE checkins SET saida = entrada + interval '1 second' WHERE saida IS NULL"


def run_connections(folder: Path) -> None:
    """Stored scores over connections, from one and from two processes of the gateway."""
    rows = []
    with world.world(folder) as found:
        _fill(0, MEMBERS_ASKED)
        publish_model()
        for processes in PROCESSES:
            settings = {"GATEWAY_PROCESSES": str(processes)}
            with servers.ours(found.folder / "ours.log", **settings) as port:
                asked = _scores(sign_in(port, found.password), range(1, MEMBERS_ASKED + 1))
                load.measure(Load(port, asked, seconds=30.0))
                for connections in CONNECTIONS:
                    many = asked * (MOST_REQUESTS // len(asked))
                    told = load.measure(Load(port, many, 200, SECONDS, connections))
                    rows.append([f"{processes} of the gateway", str(connections), *_figures(told)])
    print(f"GET /aluno/{{id}}/risco-churn, stored, {SECONDS:g} s each")
    print_table(["processes", "connections", "/s", "p50 ms", "p99 ms"], rows)


def run_depth(folder: Path) -> None:
    """Jobs of the table, claimed and finished one by one."""
    with world.world(folder), bench_jobs.serving("jobs://"):
        for count, jobs in (*((count, JOBS) for count in WORKERS), *((2, n) for n in DEPTHS)):
            rate = bench_jobs.drained_per_second(count, jobs)
            print(f"{count} workers, {jobs:,} jobs that wait: {rate:,.0f}/s", flush=True)


def run_size(folder: Path) -> None:
    """What a larger gym costs: one check-in, one score computed anew."""
    rows, made = [], 0
    with world.world(folder) as found:
        publish_model()
        for members in MEMBERS:
            _fill(made, members)
            made = members
            with servers.ours(found.folder / "ours.log") as port:
                token = sign_in(port, found.password)
                some = range(1, members + 1, members // MEMBERS_ASKED)
                rounds = [_round(found, port, token, some) for _ in range(ROUNDS)]
            visits, megabytes = _count()
            sizes = [f"{members:,}", f"{visits:,}", f"{megabytes:,}"]
            rows.append(
                [*sizes, *(each for kind in zip(*rounds, strict=True) for each in _best(kind))]
            )
    both = ("p99 ms", "cpu ms")
    head = ["members", "visits", "MB", "scores anew", *both, "check-ins", *both]
    print("Of server and database together; the best of each over", ROUNDS, "rounds")
    print_table(head, rows)


def _fill(made: int, members: int) -> None:
    """Members until there are so many, a hundred visits each."""
    with unit_of_work(tenant=HOUSE) as session:
        plano = ensure_planos(session, {"Padrão": "119.90"})["Padrão"]
        values = {"plano": plano, "first": made + 1, "last": members}
        session.execute(text(MAKE_MEMBERS), values)
        session.execute(text(MAKE_VISITS), {"after": made})
    world.settle()


def _scores(token: str, members: Sequence[int]) -> list[bytes]:
    return [request("GET", f"/aluno/{n}/risco-churn", token) for n in members]


def _entries(token: str, members: Sequence[int]) -> list[bytes]:
    bodies = (json.dumps({"aluno_id": n}).encode() for n in members)
    return [request("POST", "/aluno/checkin", token, body) for body in bodies]


def _figures(told: Measured) -> list[str]:
    if told.refused:
        raise AssertionError(told.first_refusal)
    quantiles = (told.quantile_ms(0.5), told.quantile_ms(0.99))
    return [f"{told.per_second:,.0f}", *(f"{each:.2f}" for each in quantiles)]


@dataclass(frozen=True)
class _Asked:
    """Requests, and what server and database computed for them."""

    told: Measured
    cpu_seconds: float

    @property
    def cpu_ms(self) -> float:
        """For each of them."""
        return self.cpu_seconds / len(self.told.latencies) * 1000


def _best(rounds: Sequence[_Asked]) -> tuple[str, str, str]:
    """The rate, p99 and processor time that the fewest neighbours have lengthened."""
    fastest = max((each.told for each in rounds), key=lambda told: told.per_second)
    rate, _, p99 = _figures(fastest)
    return f"{rate}/s", p99, f"{min(each.cpu_ms for each in rounds):.2f}"


def _round(found: World, port: int, token: str, members: Sequence[int]) -> tuple[_Asked, _Asked]:
    """A score of each member, none of them stored, then an entry of each."""
    _execute(FORGET)
    anew = _ask(found, Load(port, _scores(token, members), seconds=SECONDS))
    came = _ask(found, Load(port, _entries(token, members), 201, SECONDS))
    _execute(LEAVE)
    return anew, came


def _ask(found: World, asked: Load) -> _Asked:
    def used() -> float:
        return found.database_cpu_seconds + servers.cpu_seconds(asked.port)

    before = used()
    told = load.measure(asked)
    return _Asked(told, used() - before)


def _count() -> tuple[int, int]:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        visits, megabytes = session.execute(text(COUNT_VISITS)).one()
    return visits, megabytes


def _execute(statement: str) -> None:
    with unit_of_work(tenant=HOUSE) as session:
        session.execute(text(statement))
