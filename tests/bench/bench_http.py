"""The gym's three endpoints beside the peer's, on the same rows of the same server.

Each round asks ours and then the peer, with the same kind of requests; a ratio is the median
over the rounds of ours by theirs, so that a slow minute of the machine hurts both alike.
"""

import json
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, text

from chalicelib.core.pg import make_engine
from tests.bench import load, servers, world
from tests.bench.client import sign_in
from tests.bench.load import Load, Measured, request
from tests.bench.table import print_table
from tests.bench.world import World

ALUNOS = 8_000
MESES = 18
ROUNDS = 5
SECONDS = 2.5
LONGEST_SECONDS = 120.0
MOST_REQUESTS = 40_000
MOST_RISK_P99_MS = 15.0

# Active, known to the turnstile, and not inside.
MEMBERS = """
SELECT a.id FROM alunos a
WHERE a.ativo AND EXISTS (SELECT 1 FROM checkins c WHERE c.aluno_id = a.id)
  AND NOT EXISTS (SELECT 1 FROM checkins c WHERE c.aluno_id = a.id AND c.saida IS NULL
                  AND c.entrada > now() - interval '6 hours')
ORDER BY a.id
"""
# Both let everybody out again, so that each round finds nobody inside.
LEAVE = """
UPDATE checkins SET saida = entrada + interval '1 second'
WHERE saida IS NULL AND entrada > now() - interval '6 hours'
"""


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        ratio: The budget: at least so many times the peer.
        build: Makes the request about a member, given a token.
        check: Whether a body answers it.
        once: A member is asked about once in a round.
        ask_all_first: Everybody is asked about before the rounds.
        undo: Statement that undoes, in our database, what a round leaves behind.
        undo_peer: The same for the peer's.
        most_p99_ms: Budget of ours.
    """

    name: str
    ratio: float
    build: Callable[[int, str], bytes]
    check: Callable[[int, dict[str, object]], bool]
    status: int = 200
    once: bool = False
    ask_all_first: bool = False
    undo: str | None = None
    undo_peer: str | None = None
    most_p99_ms: float | None = None


@dataclass
class Rounds:
    """What the rounds of one case gave, in pairs."""

    ours: list[Measured] = field(default_factory=list)
    peer: list[Measured] = field(default_factory=list)

    def ratio(self) -> float:
        """Median over the pairs."""
        pairs = zip(self.ours, self.peer, strict=True)
        return statistics.median(o.per_second / p.per_second for o, p in pairs)


class WrongAnswer(Exception):
    """A server answered what it was not asked."""


def _risk(aluno_id: int, token: str) -> bytes:
    return request("GET", f"/aluno/{aluno_id}/risco-churn", token)


def _history(aluno_id: int, token: str) -> bytes:
    return request("GET", f"/aluno/{aluno_id}/frequencia", token)


def _entry(aluno_id: int, token: str) -> bytes:
    body = json.dumps({"aluno_id": aluno_id}).encode()
    return request("POST", "/aluno/checkin", token, body)


def _is_score(aluno_id: int, body: dict[str, object]) -> bool:
    return body["aluno_id"] == aluno_id and isinstance(body["probabilidade_churn"], float)


def _is_stored(aluno_id: int, body: dict[str, object]) -> bool:
    return _is_score(aluno_id, body) and body.get("origem", "armazenado") == "armazenado"


def _is_anew(aluno_id: int, body: dict[str, object]) -> bool:
    return _is_score(aluno_id, body) and body.get("origem", "recalculado") == "recalculado"


def _is_history(aluno_id: int, body: dict[str, object]) -> bool:
    weeks = body["serie_semanal"]
    return body["aluno_id"] == aluno_id and isinstance(weeks, list) and len(weeks) == 26


def _is_entry(aluno_id: int, body: dict[str, object]) -> bool:
    return body["aluno_id"] == aluno_id and body["saida"] is None


CASES = (
    Case(
        "risco-churn, stored",
        20,
        _risk,
        _is_stored,
        ask_all_first=True,
        most_p99_ms=MOST_RISK_P99_MS,
    ),
    Case(
        "risco-churn, computed anew",
        5,
        _risk,
        _is_anew,
        once=True,
        undo="UPDATE riscos_churn SET revisao = -1",
        most_p99_ms=MOST_RISK_P99_MS,
    ),
    Case("frequencia", 4, _history, _is_history),
    Case("checkin", 3, _entry, _is_entry, status=201, once=True, undo=LEAVE, undo_peer=LEAVE),
)


def run(folder: Path) -> None:
    """Build the world, measure, print."""
    python = servers.peer_python(folder)
    with world.world(folder) as found:
        visits = world.load_simulated(ALUNOS, MESES)
        seconds, report = world.train_ours()
        peer_seconds = world.make_peer(found, python)
        print(
            f"{ALUNOS} simulated members, {visits} visits; ours: {report['algoritmo']}, trained in"
            f" {seconds:.0f} s; peer: forest of 200 trees, {peer_seconds:.0f} s"
        )
        with stage(found, python) as scene:
            print_ceiling(found.folder)
            print_results({case.name: scene.measure(case) for case in CASES})


@contextmanager
def stage(found: World, python: Path) -> Iterator["Scene"]:
    """Both servers up, and somebody signed in."""
    with (
        servers.ours(found.folder / "ours.log") as our_port,
        servers.peer(python, found.folder / "peer.log", found.peer_environment) as peer_port,
    ):
        token = sign_in(our_port, found.password)
        yield Scene(found, our_port, peer_port, token)


class Scene:
    """Two servers and the members they are asked about."""

    def __init__(self, found: World, our_port: int, peer_port: int, token: str) -> None:
        """Read who can be asked about, in an order that is the same in every run."""
        self._ours = _autocommit(found.server.url)
        self._theirs = _autocommit(found.server.url_of(world.PEER_DATABASE))
        self._ports = {"ours": our_port, "peer": peer_port}
        self._tokens = {"ours": token, "peer": ""}
        for database in (self._ours, self._theirs):
            _execute(database, LEAVE)
        with self._ours.connect() as connection:
            self._members = list(connection.execute(text(MEMBERS)).scalars())
        random.Random(7).shuffle(self._members)

    def measure(self, case: Case, rounds: int = ROUNDS, seconds: float = SECONDS) -> Rounds:
        """Rounds of one case, ours and the peer's by turns, after one that does not count."""
        if case.ask_all_first:
            self._ask(case, "ours", self._members, LONGEST_SECONDS)
        found = Rounds()
        for number in range(rounds + 1):
            ours = self._round(case, "ours", self._ours, case.undo, seconds)
            peer = self._round(case, "peer", self._theirs, case.undo_peer, seconds)
            if number:
                found.ours.append(ours)
                found.peer.append(peer)
        return found

    def _round(
        self, case: Case, who: str, database: Engine, undo: str | None, seconds: float
    ) -> Measured:
        if undo is not None:
            _execute(database, undo, "VACUUM")
        times = 1 if case.once else MOST_REQUESTS // len(self._members) + 1
        asked = self._members * times
        found = self._ask(case, who, asked, seconds)
        for index, body in found.sample:
            if not case.check(asked[index], json.loads(body)):
                raise WrongAnswer(f"{who}, {case.name}: {body.decode()}")
        return found

    def _ask(self, case: Case, who: str, asked: Sequence[int], seconds: float) -> Measured:
        requests = [case.build(aluno_id, self._tokens[who]) for aluno_id in asked]
        found = load.measure(Load(self._ports[who], requests, case.status, seconds))
        if found.refused:
            raise WrongAnswer(f"{who}, {case.name}: {found.first_refusal.decode()}")
        return found


def _autocommit(url: str) -> Engine:
    return make_engine(url, pool_size=0).execution_options(isolation_level="AUTOCOMMIT")


def _execute(database: Engine, *statements: str) -> None:
    with database.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))


def print_ceiling(folder: Path) -> None:
    """What the generator reaches when the server costs next to nothing."""
    with servers.trivial(folder / "trivial.log") as port:
        found = load.measure(Load(port, [request("GET", "/")] * MOST_REQUESTS))
    print(
        f"load generator: {found.per_second:,.0f}/s against a constant answer; it, the server"
        " measured and PostgreSQL share this machine's cores"
    )


def print_results(found: dict[str, Rounds]) -> None:
    """The table, and whether each budget is met."""
    rows = []
    for case in CASES:
        rounds = found[case.name]
        p99 = _middle(rounds.ours, 0.99)
        met = rounds.ratio() >= case.ratio and (not case.most_p99_ms or p99 <= case.most_p99_ms)
        limit = f", p99 <= {case.most_p99_ms:g} ms" if case.most_p99_ms else ""
        rows.append(
            [
                case.name,
                *_figures(rounds.ours),
                *_figures(rounds.peer),
                f"{rounds.ratio():.1f}x",
                f">= {case.ratio:g}x{limit}",
                "met" if met else "MISSED",
            ]
        )
    head = ["", "ours /s", "p50 ms", "p99 ms", "peer /s", "p50 ms", "p99 ms", "ratio", "budget"]
    print_table([*head, ""], rows)


def _figures(rounds: Sequence[Measured]) -> tuple[str, str, str]:
    speed = statistics.median(each.per_second for each in rounds)
    return f"{speed:,.0f}", f"{_middle(rounds, 0.5):.2f}", f"{_middle(rounds, 0.99):.2f}"


def _middle(rounds: Sequence[Measured], share: float) -> float:
    return statistics.median(each.quantile_ms(share) for each in rounds)
