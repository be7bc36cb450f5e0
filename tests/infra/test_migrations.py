"""Migrations: up, down and up again, without drift, on the embedded PostgreSQL and a real one."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, Engine, make_url, text
from sqlalchemy.exc import DBAPIError

from chalicelib.core.db import Base
from chalicelib.core.pg import make_engine
from infra.init_db import OWNER, init_db, migrate
from infra.local.postgres import EmbeddedPostgres
from tests.conftest import require_service

ROOT = Path(__file__).parents[2]
REAL_SERVER = make_url("postgresql://postgres@127.0.0.1:5432/postgres")


def table_modules() -> tuple[str, ...]:
    """The modules that Alembic's environment imports; it runs when imported, so it is read."""
    source = (ROOT / "infra" / "migrations" / "env.py").read_text()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TABLE_MODULES":
            return tuple(ast.literal_eval(node.value))
    raise AssertionError("env.py names no TABLE_MODULES")


def _server(address: URL) -> Engine:
    return make_engine(address, pool_size=0).execution_options(isolation_level="AUTOCOMMIT")


def _require(address: URL) -> None:
    try:
        with _server(address).connect():
            reason = ""
    except DBAPIError as error:
        reason = f"{address} does not answer: {error.orig}"
    require_service("PostgreSQL", not reason, reason)


@pytest.fixture(params=["embedded", "real"])
def empty(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database that does not exist yet; dropped afterwards, the roles stay."""
    if request.param == "real":
        _require(REAL_SERVER)
        server = REAL_SERVER
    else:
        embedded: EmbeddedPostgres = request.getfixturevalue("postgres")
        server = make_url(embedded.url_of("postgres"))
    name = f"previsto_migrations_{uuid4().hex[:8]}"
    yield server.set(database=name).render_as_string(hide_password=False)
    with _server(server).connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def tables(url: str) -> set[str]:
    """The tables there are."""
    with make_engine(url, pool_size=0).connect() as connection:
        found = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return set(connection.execute(found).scalars())


def fingerprint(url: str) -> list[str]:
    """All that a migration makes: columns, constraints, indexes, rules and rights."""
    statement = """
    SELECT concat_ws(' ', 'column', table_name, column_name, data_type, is_nullable, column_default)
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname,
        pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT concat_ws(' ', 'rule', tablename, policyname, roles, cmd, qual, with_check)
    FROM pg_policies
    UNION ALL SELECT concat_ws(' ', 'right', relname, pg_get_userbyid(relowner), relacl::text,
        relrowsecurity, relforcerowsecurity)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
    ORDER BY 1
    """
    with make_engine(url, pool_size=0).connect() as connection:
        return list(connection.execute(text(statement)).scalars())


def drift(url: str) -> list[object]:
    """What the tables in code and those in the database differ in."""
    for module in table_modules():
        import_module(module)
    with make_engine(url, pool_size=0).connect() as connection:
        connection.execute(text(f"SET ROLE {OWNER}"))
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def test_nothing_to_head_and_back_and_to_head_again(empty: str) -> None:
    init_db(empty)
    assert {"jobs", "usuarios", "alunos", "checkins"} <= tables(empty)
    assert drift(empty) == []
    at_head = fingerprint(empty)

    migrate(empty, "base")
    assert tables(empty) == {"alembic_version"}
    migrate(empty)
    assert fingerprint(empty) == at_head

    migrate(empty, "-1")
    migrate(empty, "head")
    assert fingerprint(empty) == at_head


def test_new_installation_begins_with_rules_and_plays(empty: str) -> None:
    init_db(empty)
    statement = text(
        "SELECT j.nome, r.tipo, r.limite FROM jogadas j JOIN regras_alerta r ON r.id = j.regra_id"
        " ORDER BY j.prioridade"
    )
    with make_engine(empty, pool_size=0).connect() as connection:
        assert connection.execute(statement).all() == [
            ("Sentimos sua falta", "dias_ausente", 14.0),
            ("Retomar o ritmo", "ritmo_proprio", 0.5),
        ]


def test_init_db_may_be_run_again_and_keeps_the_data(empty: str) -> None:
    init_db(empty)
    with _server(make_url(empty)).connect() as connection:
        connection.execute(text("INSERT INTO planos (nome, mensalidade) VALUES ('Padrão', 99.90)"))
    before = fingerprint(empty)
    init_db(empty)
    assert fingerprint(empty) == before
    with _server(make_url(empty)).connect() as connection:
        assert connection.execute(text("SELECT nome FROM planos")).scalars().all() == ["Padrão"]


CHAMPION = """
INSERT INTO models VALUES ('casa', 'churn', 1);
INSERT INTO model_versions (tenant, model, version, algorithm, parameters, encoder, data, split,
    metrics, artefacts, libraries, created_by)
VALUES ('casa', 'churn', 1, 'x', '{}', '{}', '{}', '{}', '{}', '{}', '{}', 'ana');
INSERT INTO model_aliases VALUES ('casa', 'churn', 'champion', 1, '2026-01-01Z', 'ana', 'Primeira.')
"""


def test_a_champion_from_before_the_history_was_kept_begins_it(empty: str) -> None:
    init_db(empty)
    migrate(empty, import_module("infra.migrations.versions.0007_model_cards").down_revision)
    with _server(make_url(empty)).connect() as connection:
        for statement in CHAMPION.split(";"):
            connection.execute(text(statement))
    migrate(empty)
    with _server(make_url(empty)).connect() as connection:
        moves = connection.execute(
            text("SELECT tenant, move, version, previous, moved_by FROM model_moves")
        ).all()
        forced = connection.execute(
            text("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'model_aliases'")
        ).scalar_one()
    assert [tuple(row) for row in moves] == [("casa", "promocao", 1, None, "ana")]
    assert forced


TRAIL = """
INSERT INTO auditoria (tenant, em, ator, acao, objeto, detalhes, request_id)
SELECT CASE WHEN n % 3 = 0 THEN 'padaria' ELSE 'casa' END, '2026-03-02Z', 'x', 'y.z', 't:' || n,
    jsonb_build_object('n', n), '-'
FROM generate_series(1, 9) n
"""
LINKS = """
SELECT tenant, array_agg(objeto ORDER BY seq), array_agg(seq ORDER BY seq), bool_and(
    hash = sha256(convert_to(auditoria_texto(
        anterior, tenant, seq, em, ator, acao, objeto, detalhes, request_id), 'UTF8'))
    AND anterior = coalesce(before, decode(repeat('00', 32), 'hex'))
)
FROM (SELECT *, lag(hash) OVER (PARTITION BY tenant ORDER BY seq) AS before FROM auditoria) linked
GROUP BY tenant ORDER BY tenant
"""


def test_a_trail_from_before_it_was_a_chain_becomes_one(empty: str) -> None:
    init_db(empty)
    chain = import_module("infra.migrations.versions.0011_credentials_and_the_chain")
    migrate(empty, chain.down_revision)
    with _server(make_url(empty)).connect() as connection:
        connection.execute(text(TRAIL))
    migrate(empty)
    with _server(make_url(empty)).connect() as connection:
        connection.execute(text(TRAIL.replace("(1, 9)", "(10, 12)")))
        assert [tuple(row) for row in connection.execute(text(LINKS))] == [
            ("casa", [f"t:{n}" for n in range(1, 12) if n % 3], list(range(1, 9)), True),
            ("padaria", [f"t:{n}" for n in range(3, 13, 3)], list(range(1, 5)), True),
        ]
        heads = "SELECT tenant, seq FROM auditoria_cabecas ORDER BY tenant"
        assert [tuple(row) for row in connection.execute(text(heads))] == [
            ("casa", 8),
            ("padaria", 4),
        ]
        forced = "SELECT relforcerowsecurity FROM pg_class WHERE relname = 'auditoria'"
        assert connection.execute(text(forced)).scalar_one()


def test_alembic_knows_every_module_that_declares_tables() -> None:
    declaring = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "chalicelib").rglob("*.py")
        if "(Base):" in path.read_text()
    }
    assert declaring == set(table_modules())
