"""Real parts for tests: one embedded server, and one database that each test finds empty."""

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis, RedisError
from sqlalchemy import Engine, text

from chalicelib.books import edition
from chalicelib.core import (
    cache,
    db,
    doorbells,
    metrics,
    ratelimit,
    redis_link,
    route_minutes,
    runs,
    settings,
    telemetry,
    uploads,
    web,
)
from chalicelib.core.auth import Role
from chalicelib.core.doorbells.jobs_table import NOTIFY_CHANNEL, JobsTableDoorbell
from chalicelib.core.pg import FastConnection, connect_url, make_engine
from chalicelib.core.queues import Ring
from chalicelib.core.settings import HOUSE
from chalicelib.identity import service
from chalicelib.identity.passwords import hash_password
from chalicelib.identity.schemas import UsuarioIn
from chalicelib.ml import versions
from infra.init_db import init_db
from infra.local.postgres import EmbeddedPostgres, temporary_postgres
from tests.client import Client

DATABASE = "previsto_tests"

# Whoever an earlier test left connected could hold locks, or still be writing.
END_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# Truncating makes new files for a table, its indexes and all tables that refer to it, which takes
# ten times as long as deleting the few rows that most tests leave. As a replica the session checks
# no references meanwhile. What has grown past some pages is truncated, dead rows included.
EMPTY_USED_TABLES = """
DO $$
DECLARE
    name text;
    pages bigint;
    is_used boolean;
    grown text[] := '{}';
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name, pages IN
        SELECT quote_ident(relname), pg_relation_size(oid) / 8192 FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
            AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0
    LOOP
        IF pages > 16 THEN
            grown := grown || name;
        ELSE
            EXECUTE 'DELETE FROM ONLY ' || name;
        END IF;
    END LOOP;
    IF grown <> '{}' THEN
        EXECUTE 'TRUNCATE ' || array_to_string(grown, ', ') || ' CASCADE';
    END IF;
    PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence
        WHERE pg_sequence_last_value(seqrelid) IS NOT NULL;
END $$
"""
PASSWORD = "uma-senha-de-teste"

# Tests must not be steered by whatever the machine's owner has set for their own installation.
for name in settings.Settings.model_fields:
    os.environ.pop(name.upper(), None)


def pytest_configure() -> None:
    """One thread for numerical libraries, which read this when they are loaded.

    Tests run in more processes than there are cores, and OpenMP's threads wait for each other
    without sleeping: a small boosting then answers 15 to 40 times as slowly.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(optionalhook=True)  # The API's own tests run without development's libraries, too.
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Say which tests one process has to run, where several run them."""
    from tests.distribution import Together

    return Together(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest, where several processes run the tests."""
    if hasattr(config, "workerinput"):
        from tests.distribution import slowest_first

        by_id = {item.nodeid: item for item in items}
        items[:] = [by_id[nodeid] for nodeid in slowest_first(list(by_id))]


def pytest_collection() -> None:
    """Modules and tests are made to stay: looking for garbage among them finds none."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Garbage is looked for again, but not among them, and a tenth as often.

    It took a seventh of the time of tests that ask the API.
    """
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One server for all tests."""
    with temporary_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def admin_engine(postgres: EmbeddedPostgres) -> Iterator[Engine]:
    """The superuser, each statement on its own: makes, drops and disturbs databases."""
    engine = make_engine(postgres.url, pool_size=1).execution_options(isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def used_database(postgres: EmbeddedPostgres) -> Iterator[tuple[str, Engine]]:
    """A database with the newest schema, which one test after the other uses, and its owner."""
    url = postgres.url_of(DATABASE)
    init_db(url)
    engine = make_engine(url, pool_size=1).execution_options(isolation_level="AUTOCOMMIT")
    yield url, engine
    engine.dispose()


@pytest.fixture
def database_url(used_database: tuple[str, Engine]) -> str:
    """An empty database. Emptying one takes 20 ms, copying a template a third of a second."""
    url, engine = used_database
    with engine.connect() as connection:
        connection.execute(text(END_OTHERS))
        connection.execute(text(EMPTY_USED_TABLES))
    return url


@pytest.fixture
def environment(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """The program's settings for this test, in the environment for child processes too."""
    values = {
        "ENVIRONMENT": "test",
        "DATABASE_URL": database_url,
        "DATA_DIR": str(tmp_path / "data"),
        "JWT_SECRET": "only-for-tests-" + "j" * 32,
        "SIGNING_KEY": "only-for-tests-" + "s" * 32,
        "LOG_LEVEL": "WARNING",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    forget_process_state()
    for role in db.DatabaseRole:
        db.engine(role)  # Threads that make it at the same moment would make one each.
    yield values
    forget_process_state()


def require_service(name: str, reachable: bool, reason: str) -> None:
    """Skip a test whose service is not there, and say why; fail where all must be there.

    Args:
        name: The service, such as `PostgreSQL`.
        reachable: Whether it answers.
        reason: What was tried, and with what it failed.
    """
    if reachable:
        return
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"{name} is required here, but: {reason}")
    pytest.skip(f"{name}: {reason}")


@pytest.fixture
def redis_url() -> str:
    """An empty database of a real Redis."""
    # Two processes that test on one machine must not empty each other's; of those of one run,
    # the ids may be 15 apart.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    run = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    database = (run + int(worker)) % 15 + 1
    url = os.environ.get("TEST_REDIS", f"redis://127.0.0.1:6379/{database}")
    try:
        with Redis.from_url(url, socket_connect_timeout=1) as redis:
            redis.flushdb()
    except RedisError as error:
        require_service("Redis", False, f"{url}: {error}")
    return url


class Bell:
    """Hears every ring of the doorbell, as a worker would."""

    def __init__(self, connection: FastConnection) -> None:
        connection.autocommit = True
        connection.execute_simple(f"LISTEN {NOTIFY_CHANNEL}")
        self._connection = connection

    def rings(self) -> list[str]:
        """Names of the queues that were rung for since the last look, in order."""
        # Notifications keep the order of their commits: when this one has come, all have.
        JobsTableDoorbell().ring([Ring("the-end", "-")], _nobody_listens)
        heard: list[str] = []
        while "the-end" not in heard:
            heard += [n.payload.split()[0] for n in self._connection.wait(10)]
        return heard[:-1]


def _nobody_listens(_: Sequence[Ring]) -> None:
    pytest.fail("the doorbell was not rung")


@pytest.fixture
def bell(environment: dict[str, str]) -> Iterator[Bell]:
    """Listens to what is published."""
    connection = connect_url(environment["DATABASE_URL"], application_name="tests-bell")
    yield Bell(connection)
    connection.close()


def forget_process_state() -> None:
    """Empty what a process keeps: settings, pools, models, callers."""
    if doorbells.doorbell.cache_info().currsize:
        doorbells.doorbell().close()
    doorbells.doorbell.cache_clear()
    db.dispose_engines()
    settings.settings.cache_clear()
    uploads.object_store.cache_clear()
    versions.model_cache.cache_clear()
    redis_link.redis_link.cache_clear()
    cache.answer_cache.cache_clear()
    ratelimit.request_counter.cache_clear()
    route_minutes.flusher.cache_clear()
    metrics.forget_metrics()
    edition.kept_answers.cache_clear()
    edition.written_answers.cache_clear()
    edition.newest_edition.cache_clear()
    telemetry.ensure_logging.cache_clear()
    telemetry.report_errors.cache_clear()
    runs._stopping.clear()
    web.forget_principals()


@pytest.fixture
def small_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let forests have a tenth of their trees, where a test trains and how well does not matter."""
    from chalicelib.ml.training import estimators

    whole = estimators.ALGORITHMS["floresta_aleatoria"]

    def small(folds: Any, seed: int, params: Any) -> Any:
        return whole(folds, seed, {"n_estimators": 10, **params})

    monkeypatch.setitem(estimators.ALGORITHMS, "floresta_aleatoria", small)


MakeUser = Callable[..., "Client"]


@pytest.fixture
def anonymous(environment: dict[str, str]) -> Client:
    """A client without a token."""
    return Client()


@pytest.fixture
def password_hash(environment: dict[str, str]) -> str:
    """That of the password of all test users."""
    return hash_password(PASSWORD)


@pytest.fixture
def client_of(environment: dict[str, str], password_hash: str) -> MakeUser:
    """Makes a user of a role (and tenant) and gives their signed-in client."""

    def make(role: Role, tenant: str = HOUSE) -> Client:
        login = f"{role.value}.{uuid4().hex[:8]}"
        new = UsuarioIn(login=login, nome=login, senha=PASSWORD, papel=role)
        with db.unit_of_work(tenant=tenant) as session:
            usuario = service.create_usuario(session, tenant, "teste", new, password_hash)
            usuario_id = usuario.id
        return Client.signed_in(usuario_id, login)

    return make


@pytest.fixture
def admin(client_of: MakeUser) -> Client:
    """A signed-in admin of the house."""
    return client_of(Role.ADMIN)


@pytest.fixture
def operador(client_of: MakeUser) -> Client:
    """A signed-in operador of the house."""
    return client_of(Role.OPERADOR)
