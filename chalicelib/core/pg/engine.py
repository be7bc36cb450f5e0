"""Engines on PostgreSQL: pg8000 in one packet each way, below SQLAlchemy."""

from __future__ import annotations

import json
import socket
import ssl
from typing import Any

from pg8000.exceptions import InterfaceError
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.pg8000 import PGDialect_pg8000

from chalicelib.core.pg.connection import FastConnection
from chalicelib.core.pg.protocol import Notification

SSL_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")
# Three missed answers within a minute end a connection whose peer has vanished.
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


class FastDialect(PGDialect_pg8000):
    """SQLAlchemy's pg8000 dialect on `FastConnection`, with fewer round trips of its own."""

    supports_statement_cache = True

    def connect(self, *_: Any, **options: Any) -> Any:
        return connect(**options)

    def do_ping(self, dbapi_connection: Any) -> bool:
        return bool(dbapi_connection.is_alive())

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        """Choose autocommit or a level.

        SQLAlchemy sets the default level again whenever a connection that was in autocommit
        mode goes back to the pool: two round trips to change nothing.
        """
        wanted = level.replace("_", " ")
        current = dbapi_connection.isolation_level or self.default_isolation_level
        if wanted == current:
            dbapi_connection.autocommit = False
            return
        super().set_isolation_level(dbapi_connection, wanted)  # type: ignore[no-untyped-call]
        if wanted != "AUTOCOMMIT":
            dbapi_connection.isolation_level = wanted


def make_engine(
    url: str | URL,
    *,
    role: str | None = None,
    pool_size: int = 5,
    max_overflow: int = 0,
    pool_timeout_seconds: float = 10.0,
    connect_timeout_seconds: float = 5.0,
    application_name: str = "previsto",
    statement_cache_size: int = 256,
) -> Engine:
    """An engine whose connections are pooled `FastConnection`s in UTC.

    Args:
        url: postgresql:// or postgresql+pg8000://. The query may hold host=/directory (a Unix
            socket), sslmode (as libpq has it: disable, prefer, require, verify-ca,
            verify-full) and sslrootcert (a file of trusted certificates).
        role: Becomes the session's role at connect (SET ROLE).
        pool_size: Connections to keep; 0 opens one per use and keeps none.
        max_overflow: Connections above pool_size under load.
        statement_cache_size: Prepared statements per connection; 0 prepares none.
    """
    registry.register("postgresql.previsto", __name__, FastDialect.__name__)
    pool: dict[str, Any] = {"poolclass": NullPool}
    if pool_size:
        pool = {
            "pool_size": pool_size,
            "max_overflow": max_overflow,
            "pool_timeout": pool_timeout_seconds,
            "pool_pre_ping": True,  # Costs a look at the socket, no round trip.
            "pool_use_lifo": True,
        }
    return create_engine(
        make_url(url).set(drivername="postgresql+previsto"),
        connect_args={
            "role": role,
            "application_name": application_name,
            "connect_timeout_seconds": connect_timeout_seconds,
            "statement_cache_size": statement_cache_size,
        },
        json_serializer=_dump_json,
        hide_parameters=True,  # Errors are logged, and values are people's names and addresses.
        **pool,
    )


def set_preamble(connection: Connection, sql: str, *values: Any) -> None:
    """Have `sql` run in the packet of the next statement, ahead of it in its transaction.

    It holds until the next commit or rollback of this connection.

    Args:
        sql: One statement with $1, $2 ..., e.g. select set_config('previsto.tenant', $1, true).
    """
    fast = connection.connection.dbapi_connection
    assert isinstance(fast, FastConnection)  # noqa: S101
    fast.preamble = (sql, values)


def wait_for_notification(connection: FastConnection, timeout_seconds: float) -> list[Notification]:
    """Notifications to a connection that has done LISTEN in autocommit mode.

    Returns at once with those that have come already, else as soon as one comes; empty when
    the time is over.

    Raises:
        ConnectionLostError: The server closed the connection.
    """
    return connection.wait(timeout_seconds)


def connect(
    *,
    user: str,
    password: str | None = None,
    host: str = "localhost",
    port: int = 5432,
    database: str | None = None,
    role: str | None = None,
    sslmode: str | None = None,
    sslrootcert: str | None = None,
    application_name: str = "previsto",
    connect_timeout_seconds: float = 5.0,
    statement_cache_size: int = 256,
) -> FastConnection:
    """Open a session in UTC and UTF-8, as `role` when one is given.

    Args:
        host: A name, an address, or the directory of a Unix socket.
        sslmode: As in libpq; "prefer" unless given, and never on a Unix socket.

    Raises:
        InterfaceError: The server cannot be reached or refuses TLS.
        ProgrammingError: It refuses the user, database or role.
    """
    connected = _open_socket(host, int(port), connect_timeout_seconds)
    try:
        if not host.startswith("/"):
            connected = _secure(connected, host, sslmode or "prefer", sslrootcert)
        session = FastConnection(
            user,
            password=password or "",
            database=database,
            application_name=application_name,
            startup_params={"client_encoding": "UTF8"},
            sock=connected,
            ssl_context=False,
            statement_cache_size=statement_cache_size,
        )
        # By statements, not in the start-up packet: proxies refuse parameters they do not know.
        # A client frozen inside a transaction must not hold its locks for good. And a prepared
        # statement is to be planned once: PostgreSQL keeps planning those whose array parameters
        # it guesses to be longer than they are, which takes as long as running them.
        session.execute_simple(
            "set time zone 'UTC'; set idle_in_transaction_session_timeout = '5min'"
            "; set plan_cache_mode = force_generic_plan"
            + (f"; set role {_quote(role)}" if role else "")
        )
    except BaseException:
        connected.close()
        raise
    # The timeout was for reaching the server. A query may take as long as it takes.
    connected.settimeout(None)
    return session


def connect_url(url: str | URL, *, application_name: str = "previsto") -> FastConnection:
    """Open a session outside of any pool, such as one that listens; see `connect`."""
    address = make_url(url)
    options: dict[str, Any] = {**address.translate_connect_args(username="user"), **address.query}
    return connect(**options, application_name=application_name)


def _open_socket(host: str, port: int, timeout_seconds: float) -> socket.socket:
    try:
        if host.startswith("/"):
            return _open_unix_socket(f"{host}/.s.PGSQL.{port}", timeout_seconds)
        remote = socket.create_connection((host, port), timeout_seconds)
    except OSError as error:
        raise InterfaceError(f"PostgreSQL at {host}, port {port}: {error}") from error
    remote.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    remote.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE.items():
        if hasattr(socket, option):
            remote.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return remote


def _open_unix_socket(path: str, timeout_seconds: float) -> socket.socket:
    local = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        local.settimeout(timeout_seconds)
        local.connect(path)
    except OSError:
        local.close()
        raise
    return local


def _secure(
    connected: socket.socket, host: str, sslmode: str, sslrootcert: str | None
) -> socket.socket:
    """Ask for TLS as `sslmode` says; returns the socket to speak over."""
    if sslmode not in SSL_MODES:
        raise InterfaceError(f"sslmode {sslmode!r} is none of {', '.join(SSL_MODES)}.")
    if sslmode == "disable":
        return connected
    try:
        connected.sendall(_SSL_REQUEST)
        # One byte and no more: what follows it must be read by TLS alone.
        if connected.recv(1) == b"S":
            context = ssl.create_default_context(cafile=sslrootcert)
            context.check_hostname = sslmode == "verify-full"
            if not sslmode.startswith("verify"):
                context.verify_mode = ssl.CERT_NONE
            return context.wrap_socket(connected, server_hostname=host)
    except OSError as error:
        raise InterfaceError(f"TLS with PostgreSQL at {host}: {error}") from error
    if sslmode == "prefer":
        return connected
    raise InterfaceError(f"PostgreSQL at {host} offers no TLS, and sslmode is {sslmode}.")


def _quote(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _dump_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
