"""The database: one transaction per request or message, tenants kept apart by the server.

Two roles reach it. `previsto_app` sees a tenant's rows only while `previsto.tenant` names that
tenant; `previsto_system` sees every tenant's and serves work that belongs to none, such as
signing in or claiming the next job. Both own nothing. A session says which one it needs.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import cache
from typing import Any, BinaryIO

import pg8000
from sqlalchemy import Constraint, Engine, Index, MetaData, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction

from chalicelib.core.errors import Problem, ServiceUnavailable
from chalicelib.core.pg import make_engine
from chalicelib.core.settings import settings

TENANT_PREAMBLE = "SELECT set_config('previsto.tenant', $1, true)"
_BEFORE_COMMIT, _AFTER_COMMIT = "before_commit", "after_commit"

DATABASE_ERRORS = (DBAPIError, pg8000.Error, PoolTimeout)
"""What the database may raise: through SQLAlchemy, from a `HotStatement`, from a full pool."""

NAMING_CONVENTION = {
    "pk": "%(table_name)s_pkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
}


class Base(DeclarativeBase):
    """What every table is declared on."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class DatabaseRole(StrEnum):
    """The PostgreSQL role a session works under."""

    APP = "previsto_app"
    SYSTEM = "previsto_system"


_engines: dict[DatabaseRole, Engine] = {}
_making = threading.Lock()


def engine(role: DatabaseRole) -> Engine:
    """The connection pool of a role, made at first use in each process."""
    known = _engines.get(role)
    return known if known is not None else _make_engine(role)


def _make_engine(role: DatabaseRole) -> Engine:
    with _making:  # Two threads at their first query must not make two pools.
        if role not in _engines:
            found = settings()
            _engines[role] = make_engine(
                found.database_url,
                role=role.value,
                pool_size=found.database_pool_size,
                application_name=f"previsto-{role.name.lower()}",
            )
        return _engines[role]


def dispose_engines() -> None:
    """Close every pooled connection, so that the next use connects anew."""
    with _making:
        for pool in _engines.values():
            pool.dispose()
        _engines.clear()


@contextmanager
def unit_of_work(
    *,
    tenant: str | None = None,
    role: DatabaseRole = DatabaseRole.APP,
    autocommit: bool = False,
) -> Iterator[Session]:
    """One request or one message is one transaction.

    Commits on a clean exit, rolls back on any exception. What was enqueued is published only
    after the commit; a failed publication is healed by the sweep.

    Args:
        tenant: Whose rows are seen; none sees no tenant's rows under `APP`.
        role: The PostgreSQL role.
        autocommit: For reads: each statement is a transaction of its own, which under READ
            COMMITTED sees the same rows and saves a round trip.

    Raises:
        Problem: A constraint that carries a refusal was violated.
        ServiceUnavailable: The database cannot be reached.
    """
    session = Session(engine(role), expire_on_commit=False)
    session.info.update(
        tenant=tenant, autocommit=autocommit, **{_BEFORE_COMMIT: [], _AFTER_COMMIT: []}
    )
    try:
        yield session
        if session.info[_BEFORE_COMMIT]:
            session.flush()
        for write in session.info[_BEFORE_COMMIT]:
            write(session)
        if session.in_transaction() or session.new:
            session.commit()
    except DATABASE_ERRORS as error:
        raise refusal_for(error) from error
    finally:
        session.close()
    for publish in session.info[_AFTER_COMMIT]:
        publish()


def before_commit(session: Session, write: Callable[[Session], None]) -> None:
    """Write something as the last thing of the session's transaction.

    For what takes a lock that many want: it is had for the length of the commit only, and
    nothing else is waited for meanwhile.
    """
    session.info[_BEFORE_COMMIT].append(write)


def after_commit(session: Session, action: Callable[[], None]) -> None:
    """Run an action once the session's transaction is committed, never if it rolls back."""
    session.info[_AFTER_COMMIT].append(action)


def copy_in(session: Session, statement: str, blocks: Iterable[bytes]) -> None:
    """Feed a `COPY ... FROM STDIN` in the session's transaction.

    Args:
        session: The transaction.
        statement: The COPY statement.
        blocks: The data, in pieces of any size.
    """
    cursor: Any = session.connection().connection.cursor()
    try:
        cursor.execute(statement, stream=blocks)
    finally:
        cursor.close()


def copy_out(session: Session, statement: str, stream: BinaryIO) -> None:
    """Write what a `COPY ... TO STDOUT` gives into a stream."""
    cursor: Any = session.connection().connection.cursor()
    try:
        cursor.execute(statement, stream=stream)
    finally:
        cursor.close()


@event.listens_for(Session, "after_begin")
def _begin(session: Session, _: SessionTransaction, connection: Any) -> None:
    if "tenant" in session.info:
        prepare_connection(session, connection.connection.dbapi_connection)


def prepare_connection(session: Session, raw: Any) -> None:
    """Tell a connection whose rows the session sees, and whether it is in autocommit mode."""
    raw.autocommit = session.info["autocommit"]
    tenant = session.info["tenant"]
    raw.preamble = (TENANT_PREAMBLE, (tenant,)) if tenant is not None else None


# Shutting down, starting up, out of connections; cancelled, a deadlock, a lock not had in time.
PASSING_STATES = {"57P01", "57P02", "57P03", "53300", "57014", "40001", "40P01", "55P03"}


def refusal_for(error: Exception) -> Exception:
    """The refusal that a violated constraint stands for, else the error itself.

    A constraint carries its refusal where it is declared, as `info={"problem": EmailEmUso}`.

    Args:
        error: Of the driver, or SQLAlchemy's around it.
    """
    if isinstance(error, PoolTimeout):
        return ServiceUnavailable()
    cause = error.orig if isinstance(error, DBAPIError) else error
    report = cause.args[0] if cause is not None and cause.args else None
    if not isinstance(report, dict):
        is_lost = isinstance(cause, pg8000.InterfaceError | pg8000.OperationalError)
        return ServiceUnavailable() if is_lost else error
    sqlstate = str(report.get("C"))
    if sqlstate in PASSING_STATES or sqlstate.startswith("08"):
        return ServiceUnavailable()
    problem = _problems_by_constraint().get(report.get("n", ""))
    return problem() if problem else error


@cache
def _problems_by_constraint() -> dict[str, type[Problem]]:
    found: dict[str, type[Problem]] = {}
    for table in Base.metadata.tables.values():
        rules: list[Constraint | Index] = [*table.constraints, *table.indexes]
        for rule in rules:
            if "problem" in rule.info and rule.name is not None:
                found[str(rule.name)] = rule.info["problem"]
    return found
