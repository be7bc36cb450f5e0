"""How soon each function of Lambda answers when it is cold, under Lambda's client.

API and schedules run on Lambda's version of Python, with their model in S3; handlers, whose
deployment is a container image with all libraries, on this project's own interpreter. Nothing here
is cold but the process: Lambda adds the fetching and unpacking of the code.
"""

import json
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE, settings
from chalicelib.identity import service
from chalicelib.identity.passwords import hash_password
from chalicelib.identity.schemas import UsuarioIn
from infra.aws.api import schedules
from infra.aws.pythons import ROOT
from infra.aws.work import SHORT
from infra.local.lambda_service import Function, LambdaInstance
from infra.local.scheduler import scheduled_event
from tests.aws import CREDENTIALS, aws_emulator
from tests.bench import world
from tests.bench.table import print_table
from tests.gym.publishing import publish_model
from tests.infra.aws.deployed import (
    DeployedClient,
    deploy,
    storage_url,
)

STARTS = 9
TOP = 12
MOST_INIT_MS = 450
MOST_SCORED_MS = 900
STARTS_OF_OTHERS = 3  # Nobody waits for them.
SETTINGS = ("DATABASE_URL", "DATA_DIR", "STORAGE_URL", "JWT_SECRET", "SIGNING_KEY")

Ask = Callable[[LambdaInstance], None]
_IMPORT = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)", re.MULTILINE)


def run(folder: Path) -> None:
    """Measure and print."""
    with world.world(folder) as made, aws_emulator() as endpoint:
        os.environ["STORAGE_URL"] = storage_url(endpoint)
        settings.cache_clear()  # Making the world has read them.
        world.load_simulated(alunos=200, meses=6)
        publish_model()
        token, aluno_id = _token(), _scored_aluno()
        environment = {**CREDENTIALS, **{name: os.environ[name] for name in SETTINGS}}
        quiet = {**environment, "LOG_LEVEL": "WARNING"}
        package = deploy()
        api = package.function(quiet)
        clocks = {
            f"schedule {name}": package.function(quiet, f"app.{name}") for name in schedules()
        }
        handlers = {
            f"handler of {name}": Function(Path(sys.executable), ROOT, source.handler, quiet)
            for name, source in SHORT.items()
        }

        def live(instance: LambdaInstance) -> None:
            assert DeployedClient().at(instance).get("/health/live").status == 200

        def score(instance: LambdaInstance) -> None:
            with unit_of_work(tenant=HOUSE) as session:
                session.execute(text("DELETE FROM riscos_churn"))
            path = f"/aluno/{aluno_id}/risco-churn"
            assert DeployedClient(token).at(instance).get(path).json["motivos"]

        log = made.folder / "function.log"
        _print_times(api, (live, score), log)
        _print_others({**clocks, **handlers}, log)
        for title, ask in (("API, at its start", None), ("API, up to the first score", score)):
            _print_imports(title, api, ask, log)


def _token() -> str:
    new = UsuarioIn(login="bench", nome="Bench", senha="uma-senha-de-bench", papel=Role.OPERADOR)
    with unit_of_work(tenant=HOUSE) as session:
        usuario = service.create_usuario(
            session, HOUSE, "bench", new, hash_password("uma-senha-de-bench")
        )
        usuario_id = usuario.id
    token = DeployedClient.signed_in(usuario_id, "bench").token
    assert token is not None
    return token


def _scored_aluno() -> int:
    """A member who came lately and has been here for long: one whom the model answers for."""
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        found = session.execute(
            text(
                "SELECT a.id FROM alunos a JOIN checkins c ON c.aluno_id = a.id WHERE a.ativo"
                " AND a.matriculado_em < now() - interval '90 days' GROUP BY a.id"
                " HAVING max(c.entrada) > now() - interval '20 days' ORDER BY a.id LIMIT 1"
            )
        )
        return int(found.scalar_one())


@dataclass(frozen=True)
class _Cost:
    """Milliseconds from the start of a process, and of processor time in them."""

    wall: float
    cpu: float


def _print_others(functions: Mapping[str, Function], log: Path) -> None:
    """Each of the other functions, up to the end of its first event."""
    rows = []
    for title, function in functions.items():
        ask = _strike if title.startswith("schedule") else _ring_for_nothing
        costs = [_cold_start(function, ask, log) for _ in range(STARTS_OF_OTHERS)]
        rows.append(
            [*_row(title, [init for init, _ in costs])[:5], *_row("", [c for _, c in costs])[1:3]]
        )
    print_table(
        ["", "init: best", "median", "worst", "processor", "first event: best", "median"], rows
    )


def _print_times(api: Function, asks: Sequence[Ask], log: Path) -> None:
    live, score = asks
    first = [_cold_start(api, live, log) for _ in range(STARTS)]
    scored = [_cold_start(api, score, log) for _ in range(STARTS)]
    inits = [init for init, _ in first + scored]
    rows = [
        _row("API package, init", inits, MOST_INIT_MS),
        _row("API package, first answer", [whole for _, whole in first]),
        _row("API package, first scored answer", [whole for _, whole in scored], MOST_SCORED_MS),
    ]
    head = ["from the start of the process", "best", "median", "worst", "processor", "budget", ""]
    print_table(head, rows)


def _cold_start(function: Function, ask: Ask, log: Path) -> tuple[_Cost, _Cost]:
    """One cold start: until it asked for an event, and until it had answered the first."""
    started = time.perf_counter()
    with LambdaInstance(function, log) as instance:
        ask(instance)
        whole = _Cost((time.perf_counter() - started) * 1000, instance.cpu_seconds * 1000)
        init = _Cost(instance.init_seconds * 1000, instance.init_cpu_seconds * 1000)
    return init, whole


def _ring_for_nothing(instance: LambdaInstance) -> None:
    body = json.dumps({"job": str(UUID(int=7))})
    instance.invoke({"Records": [{"messageId": "1", "body": body}]})


def _strike(instance: LambdaInstance) -> None:
    instance.invoke(scheduled_event("bench", utc_now()))


def _row(title: str, costs: list[_Cost], budget: int | None = None) -> list[str]:
    """A line of the table; the processor's time is the least, as it had the fewest neighbours."""
    times = [cost.wall for cost in costs]
    middle = statistics.median(times)
    verdict = "" if budget is None else "met" if middle <= budget else "MISSED"
    spent = min(cost.cpu for cost in costs)
    figures = [f"{value:.0f} ms" for value in (min(times), middle, max(times), spent)]
    return [title, *figures, "" if budget is None else f"<= {budget} ms", verdict]


def _print_imports(title: str, function: Function, ask: Ask | None, log: Path) -> None:
    """Which libraries the imports' time goes to; telling of it makes them some 10% slower."""
    watched = Function(
        function.python,
        function.folder,
        function.handler,
        function.environment,
        ("-X", "importtime"),
    )
    with LambdaInstance(watched, log) as instance:
        if ask is not None:
            ask(instance)
        spent: dict[str, int] = {}
        for microseconds, name in _IMPORT.findall(instance.output):
            library = name.partition(".")[0]
            spent[library] = spent.get(library, 0) + int(microseconds)
    total = sum(spent.values())
    print(f"\nImports of the {title}: {total / 1000:.0f} ms")
    ranked = sorted(spent.items(), key=lambda item: -item[1])[:TOP]
    rows = [[name, f"{used / 1000:.0f} ms", f"{used / total:.0%}"] for name, used in ranked]
    print_table(["library", "its own modules", ""], rows)
