"""Notifications, lost connections, threads, reaching a server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pg8000 import legacy
from sqlalchemy import (
    Engine,
    Integer,
    exc,
    literal,
    select,
    text,
)

from chalicelib.core.pg import (
    ConnectionLostError,
    FastConnection,
    connect,
    make_engine,
    set_preamble,
    wait_for_notification,
)
from tests.core.pg.sessions import SET_TENANT, TENANT, one, raw, record_packets


@pytest.fixture
def listener(url: str) -> Iterator[FastConnection]:
    connection = raw(url)
    connection.autocommit = True
    connection.cursor().execute("listen sino")
    yield connection
    connection.close()


def test_a_waiting_listener_is_woken(engine: Engine, listener: FastConnection) -> None:
    def ring() -> None:
        with engine.begin() as connection:
            connection.execute(text("select pg_notify('sino', 'ação %s')"))

    bell = threading.Timer(0.05, ring)
    bell.start()
    found = wait_for_notification(listener, 20)
    bell.join()
    assert [(n.channel, n.payload) for n in found] == [("sino", "ação %s")]


def test_a_listener_gets_what_came_while_it_did_something_else(
    engine: Engine, listener: FastConnection
) -> None:
    with engine.begin() as connection:
        for i in range(300):
            connection.execute(text("select pg_notify('sino', :p)"), {"p": str(i)})
    assert one(listener, "select 1") == 1
    payloads: list[str] = []
    while found := wait_for_notification(listener, 0.2):
        payloads += [n.payload for n in found]
    assert payloads == [str(i) for i in range(300)]


def test_waiting_ends_with_its_time(listener: FastConnection) -> None:
    assert wait_for_notification(listener, 0.01) == []
    assert one(listener, "select 2") == 2


def test_a_listener_learns_that_the_server_went(engine: Engine, listener: FastConnection) -> None:
    pid = one(listener, "select pg_backend_pid()")
    with engine.begin() as connection:
        connection.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
    with pytest.raises(ConnectionLostError, match="network error: terminating connection"):
        wait_for_notification(listener, 20)


def _terminate(engine: Engine, pid: int) -> None:
    """End a session and wait until it is gone."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("select pg_terminate_backend(:pid, 10000)"), {"pid": pid})


def test_a_connection_lost_in_the_pool_is_replaced_unnoticed(engine: Engine, url: str) -> None:
    pooled = make_engine(url, pool_size=1)
    with pooled.connect() as connection:
        pid = connection.scalar(text("select pg_backend_pid()"))
    _terminate(engine, pid)
    with pooled.connect() as connection:
        assert connection.scalar(text("select pg_backend_pid()")) != pid
    pooled.dispose()


def test_a_connection_lost_in_use_is_known_as_such_and_replaced(engine: Engine, url: str) -> None:
    pooled = make_engine(url, pool_size=1)
    with pooled.connect() as connection:
        pid = connection.scalar(text("select pg_backend_pid()"))
        _terminate(engine, pid)
        with pytest.raises(exc.DBAPIError) as caught:
            connection.execute(text("select 1"))
        assert caught.value.connection_invalidated
    with pooled.connect() as connection:
        assert connection.scalar(text("select 1")) == 1
    pooled.dispose()


def test_a_session_ended_during_its_query_says_why(engine: Engine, fast: FastConnection) -> None:
    pid = one(fast, "select pg_backend_pid()")
    killer = threading.Timer(0.1, _terminate, (engine, pid))
    killer.start()
    with pytest.raises(ConnectionLostError, match="network error: terminating connection"):
        fast.cursor().execute("select pg_sleep(20)")
    killer.join()
    with pytest.raises(legacy.InterfaceError, match="connection is closed"):
        fast.cursor().execute("select 1")


def test_an_interrupted_query_never_answers_the_next(fast: FastConnection) -> None:
    class Interrupt(Exception):
        pass

    def interrupt(_: str) -> None:
        raise Interrupt

    fast.register_in_adapter(23, interrupt)
    with pytest.raises(Interrupt):
        fast.cursor().execute("select 1 from generate_series(1, 10)")
    with pytest.raises(legacy.InterfaceError, match="connection is closed"):
        fast.cursor().execute("select 'outra'")


def test_threads_with_their_own_connections_do_not_mix(engine: Engine) -> None:
    wrong: list[Any] = []

    def work(number: int) -> None:
        for i in range(100):
            with engine.begin() as connection:
                set_preamble(connection, SET_TENANT, str(number))
                query = select(literal(i, Integer), literal(number, Integer), text(TENANT))
                row = connection.execute(query).one()
                if tuple(row) != (i, number, str(number)):
                    wrong.append(row)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_unreachable_server_is_named(tmp_path: Path) -> None:
    with pytest.raises(legacy.InterfaceError, match="nada"):
        connect(user="postgres", host=str(tmp_path / "nada"))


def test_a_query_may_take_longer_than_the_time_to_connect(url: str) -> None:
    with raw(url, connect_timeout_seconds=0.2) as connection:
        started = time.monotonic()
        connection.cursor().execute("select pg_sleep(0.5)")
        assert time.monotonic() - started >= 0.5


def test_a_role_that_does_not_exist_is_refused(url: str) -> None:
    with pytest.raises(legacy.DatabaseError) as caught:
        raw(url, role="ninguem")
    assert caught.value.args[0]["C"] == "22023"


def test_autocommit_reads_cost_one_packet(url: str) -> None:
    engine = make_engine(url, pool_size=1)
    reading = engine.execution_options(isolation_level="AUTOCOMMIT")
    query = select(literal(1, Integer))
    with reading.connect() as connection:
        connection.execute(query)
        fast: Any = connection.connection.dbapi_connection
    sent = record_packets(fast)
    with reading.connect() as connection:
        assert connection.scalar(query) == 1
    assert len(sent) == 1
    with engine.connect() as connection:
        connection.execute(query)
        assert fast._in_transaction
    engine.dispose()


def test_a_chosen_isolation_level_holds_and_is_given_back(url: str) -> None:
    engine = make_engine(url, pool_size=1)
    show = text("show transaction_isolation")
    with engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        assert connection.scalar(show) == "serializable"
    with engine.connect() as connection:
        assert connection.scalar(show) == "read committed"
    engine.dispose()
