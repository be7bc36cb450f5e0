"""PostgreSQL for SQLAlchemy by pg8000, in one packet each way.

`make_engine` is the way in. As it comes, pg8000 sends a query in several packets and parses it
each time; `FastConnection` sends one, keeps prepared statements, and lets BEGIN and a
transaction's preamble (who the tenant is) travel with the first statement.

    engine.py      engines, the dialect, reaching a server, TLS
    connection.py  what a session does: statements, transactions, preamble
    protocol.py    the conversation with the server: answers, errors, notifications
    statement.py   statement texts and what is known of them
    messages.py    messages out     decoding.py    values in     wire.py    the socket
"""

from chalicelib.core.pg.connection import FastConnection, FastCursor, Preamble
from chalicelib.core.pg.engine import (
    FastDialect,
    connect,
    connect_url,
    make_engine,
    set_preamble,
    wait_for_notification,
)
from chalicelib.core.pg.protocol import Notification
from chalicelib.core.pg.statement import PLANNED_ALONG_INDEXES, PLANNED_FOR_VALUES
from chalicelib.core.pg.wire import ConnectionLostError

__all__ = [
    "PLANNED_ALONG_INDEXES",
    "PLANNED_FOR_VALUES",
    "ConnectionLostError",
    "FastConnection",
    "FastCursor",
    "FastDialect",
    "Notification",
    "Preamble",
    "connect",
    "connect_url",
    "make_engine",
    "set_preamble",
    "wait_for_notification",
]
