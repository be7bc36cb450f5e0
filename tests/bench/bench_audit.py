"""What the chain of the trail costs a writing request, and how long a million entries verify.

With and without the chain take turns in one run on one server; without it, the trigger is off
and an entry brings its own number and an empty hash.
"""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from chalicelib.core import audit, db, settings
from chalicelib.core.audit_chain import VerificarQuery, verify_chain
from chalicelib.core.db import unit_of_work
from chalicelib.core.pg import make_engine
from infra.init_db import init_db
from infra.local.postgres import temporary_postgres
from infra.local.postgres.settings import LAPTOP
from tests.bench.table import print_table

ROUNDS = 7
WRITES = 200
CONNECTIONS = 8
ENTRIES = 1_000_000

# As it was before: no lock, no hash; the columns that may not be null are filled.
UNCHAINED = """
CREATE SEQUENCE sem_cadeia START 1000000000;
GRANT USAGE ON sem_cadeia TO previsto_app;
ALTER TABLE auditoria ALTER seq SET DEFAULT nextval('sem_cadeia'),
    ALTER anterior SET DEFAULT '', ALTER hash SET DEFAULT ''
"""
# The chain as the trigger makes it, faster than a million transactions.
MANY = """
DO $$
DECLARE
    link bytea := decode(repeat('00', 32), 'hex');
    now timestamptz := now();
BEGIN
    FOR n IN 1..{entries} LOOP
        INSERT INTO auditoria (tenant, em, ator, acao, objeto, detalhes, request_id, seq, anterior,
            hash)
        SELECT 'casa', now, 'usuario:7', 'pedido.decidido', 'pedido:' || n, d, 'r' || n, n, link,
            sha256(convert_to(auditoria_texto(link, 'casa', n, now, 'usuario:7', 'pedido.decidido',
                'pedido:' || n, d, 'r' || n), 'UTF8'))
        FROM (SELECT jsonb_build_object('versao', 3, 'situacao', 'aprovado') AS d) x
        RETURNING hash INTO link;
    END LOOP;
    INSERT INTO auditoria_cabecas VALUES ('casa', {entries}, link, link);
END $$
"""


def run(folder: Path) -> None:
    """Measure on a server of its own and print."""
    with temporary_postgres(LAPTOP) as server, pytest.MonkeyPatch.context() as environment:
        init_db(server.url)
        values = {
            "ENVIRONMENT": "test",
            "DATABASE_URL": server.url,
            "DATA_DIR": str(folder),
            "DATABASE_POOL_SIZE": str(CONNECTIONS),
            "JWT_SECRET": "only-for-bench-" + "j" * 32,
            "SIGNING_KEY": "only-for-bench-" + "s" * 32,
        }
        for name, value in values.items():
            environment.setenv(name, value)
        settings.settings.cache_clear()
        owner = make_engine(server.url).execution_options(isolation_level="AUTOCOMMIT")
        _run_on(owner, UNCHAINED)
        _report_writes(owner)
        _report_verification(owner)
        owner.dispose()
        db.dispose_engines()
        settings.settings.cache_clear()


def _run_on(owner: Engine, script: str) -> None:
    with owner.connect() as connection:
        connection.execute(text(script))


def _report_writes(owner: Engine) -> None:
    cases: list[tuple[str, int, Callable[[int], str]]] = [
        ("one connection", 1, lambda _: "casa"),
        (f"{CONNECTIONS} connections, one tenant", CONNECTIONS, lambda _: "casa"),
        (f"{CONNECTIONS} connections, a tenant each", CONNECTIONS, lambda n: f"empresa-{n}"),
    ]
    rows = []
    for name, connections, tenant in cases:
        without, chained = _compare(owner, connections, tenant)
        rows.append((name, f"{without:,.0f}", f"{chained:,.0f}", f"{chained / without:.2f}"))
    print_table(("microseconds a write with one entry", "unchained", "chained", "ratio"), rows)


def _compare(owner: Engine, connections: int, tenant: Callable[[int], str]) -> tuple[float, float]:
    """Medians of rounds that take turns, with the trigger off and on."""
    measured: dict[str, list[float]] = {"DISABLE": [], "ENABLE": []}
    for round_number in range(ROUNDS + 1):
        for switch, found in measured.items():
            _run_on(owner, f"ALTER TABLE auditoria {switch} TRIGGER auditoria_encadear")
            taken = _round(connections, tenant)
            if round_number:  # The first one warms up.
                found.append(taken)
    without, chained = (statistics.median(found) for found in measured.values())
    return without, chained


_numbers = count()


def _round(connections: int, tenant: Callable[[int], str]) -> float:
    """Microseconds of wall clock per write."""

    def work(worker: int) -> None:
        for _ in range(WRITES):
            _write(tenant(worker))

    started = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(work, range(connections)))
    return (time.perf_counter() - started) / (connections * WRITES) * 1e6


def _write(tenant: str) -> None:
    """What a small writing request does in its transaction."""
    with unit_of_work(tenant=tenant) as session:
        session.execute(
            text("INSERT INTO planos (nome, mensalidade) VALUES (:nome, 99.90)"),
            {"nome": f"Plano {next(_numbers)}"},
        )
        audit.record(
            session, tenant=tenant, ator="usuario:7", acao="plano.criado", objeto="plano:1"
        )


def _report_verification(owner: Engine) -> None:
    _run_on(owner, "TRUNCATE auditoria, auditoria_cabecas")
    _run_on(owner, "ALTER TABLE auditoria DISABLE TRIGGER auditoria_encadear")
    _run_on(owner, MANY.format(entries=ENTRIES))
    _run_on(owner, "ANALYZE auditoria")
    started = time.perf_counter()
    found = verify_chain("casa", VerificarQuery())
    seconds = time.perf_counter() - started
    print(
        f"verified {found.verificadas:,} entries in {seconds:.1f} s: {'ok' if found.ok else found}"
    )
