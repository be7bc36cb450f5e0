"""The conversation with the server: a packet out, its whole answer in, and what comes unasked."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from pg8000 import legacy
from pg8000.core import i_unpack
from pg8000.exceptions import DatabaseError, InterfaceError

from chalicelib.core.pg import messages
from chalicelib.core.pg.decoding import copy_writer, decoder_for
from chalicelib.core.pg.statement import Exchange, Statement
from chalicelib.core.pg.wire import DATA_ROW, ConnectionLostError, Wire

_READY_FOR_QUERY = ord("Z")
# Notification, notice, parameter status and the error that ends a session.
_UNASKED = frozenset(b"ANSE")

_ERROR_BY_SQLSTATE_CLASS = {
    "08": legacy.OperationalError,
    "0A": legacy.NotSupportedError,
    "22": legacy.DataError,
    "23": legacy.IntegrityError,
    "28": InterfaceError,
    "40": legacy.OperationalError,
    "53": legacy.OperationalError,
    "54": legacy.OperationalError,
    "55": legacy.OperationalError,
    "57": legacy.OperationalError,
    "58": legacy.OperationalError,
    "XX": legacy.InternalError,
}


QUOTING_FIELDS = frozenset("DWqp")  # Detail, where; an internal query and the position in it.
DATA_EXCEPTION = "22"


@dataclass(frozen=True, slots=True)
class Notification:
    """One NOTIFY as a listener receives it."""

    channel: str
    payload: str
    backend_pid: int


class Conversation(legacy.Connection):  # type: ignore[misc]
    """pg8000's connection, read through a `Wire` and kept in step whatever fails.

    An exchange that is interrupted before its answer is read whole closes the connection:
    the rest would be taken for the answer to the next question.
    """

    _usock: Any
    _handlers: dict[int, Callable[[bytes, Exchange], None]]

    def __init__(self, *args: Any, statement_cache_size: int = 256, **kwargs: Any) -> None:
        """Log in as pg8000 does.

        Args:
            statement_cache_size: Prepared statements to keep, least recently used go first;
                0 for servers behind a proxy that shares sessions, which cannot keep any.
        """
        self._wire: Wire | None = None
        self._lost = False
        self._cache_size = statement_cache_size
        self._statements: OrderedDict[tuple[str, tuple[int, ...]], Statement] = OrderedDict()
        self._to_close: list[bytes] = []
        super().__init__(*args, **kwargs)
        self._handlers = {code[0]: handle for code, handle in self.message_types.items()}
        # pg8000 keeps the last hundred and drops the rest without a word.
        self.notifications: deque[Notification] = deque()

    @property
    def _sock(self) -> Wire | None:
        return self._wire

    @_sock.setter
    def _sock(self, file: Any) -> None:
        # pg8000 puts a buffered file around its socket here; the wire takes its place.
        if file is not None:
            file.close()
        self._wire = None if file is None else Wire(self._usock)

    def close(self) -> None:
        if not self._lost:
            # A server that has refused us may hang up first; its reason must not be masked.
            with suppress(ConnectionLostError):
                super().close()

    def wait(self, timeout_seconds: float) -> list[Notification]:
        """Notifications that have come or come within the time; empty if none do.

        Raises:
            ConnectionLostError: The server closed the connection.
        """
        deadline = time.monotonic() + timeout_seconds
        # Those on their way are taken along: one wake-up serves a burst.
        while self._take_unasked(0.0 if self.notifications else deadline - time.monotonic()):
            pass
        found = list(self.notifications)
        self.notifications.clear()
        return found

    def is_alive(self) -> bool:
        """Whether the idle connection still stands, without a round trip.

        A server that ends or is killed closes its end of the socket, which is seen here.
        """
        with suppress(InterfaceError):
            while self._take_unasked(0.0):
                pass
            return True
        return False

    def handle_messages(self, context: Exchange) -> None:
        """Read until everything asked for has been answered."""
        connected, handlers = self._open_wire(), self._handlers
        while context.ready:
            code = connected.next_code()
            if code == DATA_ROW and not context.leading and context.decoders is not None:
                connected.take_rows(context.decoders, context.rows)
                continue
            body = connected.take_body()
            if code != DATA_ROW:
                handlers[code](body, context)
            if code == _READY_FOR_QUERY:
                context.ready -= 1

    def _open_wire(self) -> Wire:
        if self._wire is None:
            raise InterfaceError("connection is closed")
        return self._wire

    def _converse(self, packet: bytes, exchange: Exchange) -> Exchange:
        """Send a packet and read its whole answer."""
        connected = self._open_wire()
        try:
            connected.send(packet)
            self.handle_messages(exchange)
        except ConnectionLostError as lost:
            if exchange.error is None:
                raise
            raise ConnectionLostError(exchange.error.args[0]["M"]) from lost
        finally:
            if exchange.ready:
                self._abandon()
        if exchange.error is not None:
            raise _refusal(exchange.error)
        return exchange

    def _abandon(self) -> None:
        self._lost = True
        self._transaction_status = None
        if self._usock is not None:
            self._usock.close()
        self._usock = self._wire = None

    def _take_unasked(self, timeout_seconds: float) -> bool:
        """Handle one message the server sent of its own accord, if one comes in time."""
        connected = self._open_wire()
        exchange = Exchange("")
        try:
            if not connected.readable(max(0.0, timeout_seconds)):
                return False
            code = connected.next_code()
            if code not in _UNASKED:
                raise ConnectionLostError(f"the server sent {chr(code)!r} unasked")
            self._handlers[code](connected.take_body(), exchange)
            if exchange.error is not None:
                raise ConnectionLostError(exchange.error.args[0]["M"])
        except ConnectionLostError:
            self._abandon()
            raise
        return True

    def _forget_statements(self) -> None:
        self._to_close += [messages.close_statement(s.name) for s in self._statements.values()]
        self._statements.clear()

    def handle_PARSE_COMPLETE(self, _: bytes, context: Exchange) -> None:  # noqa: N802
        statement = context.parsing.popleft()
        if not statement.name:
            return
        statement.prepared = True
        self._statements[statement.key] = statement
        if len(self._statements) > self._cache_size:
            _key, oldest = self._statements.popitem(last=False)
            self._to_close.append(messages.close_statement(oldest.name))

    def handle_ROW_DESCRIPTION(self, data: bytes, context: Exchange) -> None:  # noqa: N802
        super().handle_ROW_DESCRIPTION(data, context)
        context.decoders = [decoder_for(convert) for convert in context.input_funcs]
        if context.target is not None:
            context.target.columns, context.target.decoders = context.columns, context.decoders
            context.target.described = True

    def handle_NO_DATA(self, _: bytes, context: Exchange) -> None:  # noqa: N802
        if context.target is not None:
            context.target.described = True

    def handle_COMMAND_COMPLETE(self, data: bytes, context: Exchange) -> None:  # noqa: N802
        if context.leading:
            context.leading -= 1
        else:
            super().handle_COMMAND_COMPLETE(data, context)

    def handle_NOTIFICATION_RESPONSE(self, data: bytes, _: Exchange) -> None:  # noqa: N802
        channel, payload, _end = data[4:].split(b"\0")
        self.notifications.append(
            Notification(channel.decode(), payload.decode(), i_unpack(data)[0])
        )

    def handle_COPY_IN_RESPONSE(self, _: bytes, context: Exchange) -> None:  # noqa: N802
        connected = self._open_wire()
        finished = False
        try:
            if context.stream is None:
                raise InterfaceError("COPY ... FROM STDIN needs the parameter 'stream'.")
            for chunk in messages.copy_data(context.stream):
                connected.send(chunk)
            finished = True
        finally:
            # The server skipped the packet's own Sync when it entered copy mode.
            connected.send((messages.COPY_DONE if finished else messages.COPY_FAIL) + messages.SYNC)
            if not finished:
                self.handle_messages(context)

    def handle_COPY_OUT_RESPONSE(self, _: bytes, context: Exchange) -> None:  # noqa: N802
        if context.stream is None:
            context.error = InterfaceError("COPY ... TO STDOUT needs the parameter 'stream'.")
            context.stream_write = len  # Any function: the output is dropped.
        else:
            context.stream_write = copy_writer(context.stream)


def is_stale_plan(error: DatabaseError) -> bool:
    """Whether a prepared statement is gone (DISCARD) or its table has changed (migration)."""
    fields = error.args[0]
    if not isinstance(fields, dict):
        return False
    return fields["C"] == "26000" or fields.get("R") == "RevalidateCachedQuery"


def _refusal(error: Exception) -> Exception:
    fields = error.args[0]
    if not isinstance(fields, dict):
        return error
    kind = _ERROR_BY_SQLSTATE_CLASS.get(fields["C"][:2], legacy.ProgrammingError)
    return cast("Exception", kind(_without_values(fields)))


def _without_values(fields: dict[str, str]) -> dict[str, str]:
    """A server's report without what quotes rows: errors are logged, and rows are people's.

    That is the detail (`Key (email)=(...) already exists`), the context (the line of a COPY), and
    of data that does not fit its type the message itself.
    """
    kept = {name: value for name, value in fields.items() if name not in QUOTING_FIELDS}
    if fields["C"].startswith(DATA_EXCEPTION):
        kept["M"] = "A value does not fit its type."
    return kept
