"""What a session does: statements with their BEGIN and preamble in one packet, and cursors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, cast

from pg8000 import legacy
from pg8000.exceptions import DatabaseError, InterfaceError

from chalicelib.core.pg import messages
from chalicelib.core.pg.protocol import Conversation, is_stale_plan
from chalicelib.core.pg.statement import (
    PLAN_ALONG_INDEXES,
    PLAN_FOR_VALUES,
    PLANNED_ALONG_INDEXES,
    PLANNED_FOR_VALUES,
    Exchange,
    Statement,
    is_preparable,
    is_script,
    numbered,
)
from chalicelib.core.pg.wire import Row

# Answers to this many statements (some 40 bytes each) fit in any socket buffer, so that a
# pipelined executemany never waits for the server while the server waits for it.
EXECUTEMANY_BATCH = 250

Preamble = tuple[str, Sequence[Any]]
Values = Sequence[Any]


class FastCursor(legacy.Cursor):  # type: ignore[misc]
    """pg8000's cursor over one-packet execution; placeholders are %s, in order."""

    _input_oids: Sequence[int]
    _row_iter: Iterator[Row]

    def execute(self, operation: str, args: Values = (), stream: Any = None) -> FastCursor:
        oids = self._take_input_oids()
        self._context = self._open().perform(operation, args, oids, stream)
        self._row_iter = iter(self._context.rows or ())
        return self

    def executemany(self, operation: str, param_sets: Sequence[Values]) -> FastCursor:
        oids = self._take_input_oids()
        self._context = self._open().perform_many(operation, list(param_sets), oids)
        self._row_iter = iter(())
        return self

    def fetchone(self) -> Row | None:
        return next(self._result(), None)

    def fetchmany(self, num: int | None = None) -> list[Row]:
        return list(islice(self._result(), self.arraysize if num is None else num))

    def fetchall(self) -> list[Row]:
        return list(self._result())

    def __next__(self) -> Row:
        return next(self._result())

    def _take_input_oids(self) -> tuple[int, ...]:
        """Types given by setinputsizes, which hold for one execution."""
        oids, self._input_oids = self._input_oids, ()
        return tuple(oids)

    def _open(self) -> FastConnection:
        if self._c is None:
            raise InterfaceError("Cursor closed")
        return cast("FastConnection", self._c)

    def _result(self) -> Iterator[Row]:
        if self._context is None or self._context.columns is None:
            raise legacy.ProgrammingError("There is no result to fetch.")
        return self._row_iter


class FastConnection(Conversation):
    """One session, for one thread at a time.

    Attributes:
        autocommit: Without it every statement runs in a transaction, begun by the first.
        isolation_level: What `SET SESSION CHARACTERISTICS` last chose, if it was used.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._names_given = 0
        self._preamble: Preamble | None = None
        self._preamble_ran = False
        self.isolation_level: str | None = None
        super().__init__(*args, **kwargs)

    @property
    def preamble(self) -> Preamble | None:
        """SQL (with $1, $2 ...) and values that run before the next statement, or None.

        It travels in that statement's packet and takes part in its transaction: once per
        transaction, or before every statement in autocommit mode, where the two share an
        implicit transaction. commit() and rollback() forget it, so that it cannot reach the
        next user of a pooled connection.
        """
        return self._preamble

    @preamble.setter
    def preamble(self, preamble: Preamble | None) -> None:
        self._preamble = preamble
        self._preamble_ran = False

    def cursor(self) -> FastCursor:
        return FastCursor(self)

    def prepare(self, _: str) -> None:
        raise legacy.NotSupportedError("Every statement is prepared as it is executed.")

    def commit(self) -> None:
        self._end_transaction("commit")

    def rollback(self) -> None:
        self._end_transaction("rollback")

    def register_in_adapter(self, oid: int, in_func: Any) -> None:
        super().register_in_adapter(oid, in_func)
        self._forget_statements()

    def perform(self, operation: str, args: Values, oids: tuple[int, ...], stream: Any) -> Exchange:
        """Execute one statement, after BEGIN where a transaction is due.

        Raises:
            DatabaseError: The server's refusal, of the DB-API class its SQLSTATE belongs to;
                args[0] is a dict of its fields: "C" the SQLSTATE, "M" the message, "n" the
                name of the constraint.
            ConnectionLostError: The server closed the connection.
        """
        outside = not self._in_transaction
        try:
            return self._perform_once(operation, args, oids, stream)
        except DatabaseError as error:
            if not is_stale_plan(error):
                raise
            self._forget_statements()
            if not outside:
                raise
        # Nothing came before this statement in its transaction, so it may run again.
        if self._in_transaction:
            self.execute_simple("rollback")
        return self._perform_once(operation, args, oids, stream)

    def perform_many(
        self, operation: str, param_sets: list[Values], oids: tuple[int, ...]
    ) -> Exchange:
        """Execute one statement per parameter set; row_count is the sum over all of them.

        In a transaction the runs share packets. In autocommit mode each is a transaction.
        """
        total = 0
        exchange = Exchange(operation)
        remaining = iter(param_sets)
        for values in remaining:
            exchange = self.perform(operation, values, oids, None)
            total += max(0, exchange.row_count)
            target = exchange.target
            if target is None or not target.prepared or target.columns or self.autocommit:
                continue
            while batch := list(islice(remaining, EXECUTEMANY_BATCH)):
                total += self._run_batch(target, batch)
        exchange.row_count = total
        return exchange

    def execute_simple(self, statement: str) -> Exchange:
        return self._converse(messages.query(statement), Exchange(statement))

    def execute_unnamed(
        self, statement: str, vals: Values = (), oids: Sequence[int] = (), stream: Any = None
    ) -> Exchange:
        exchange = Exchange(statement, stream=stream)
        packet = self._run(Statement(b"", statement, tuple(oids)), vals, exchange)
        return self._converse(packet + messages.SYNC, exchange)

    def _perform_once(
        self, operation: str, args: Values, oids: tuple[int, ...], stream: Any
    ) -> Exchange:
        text = numbered(operation) if args else operation
        exchange = Exchange(text, stream=stream)
        packet = self._lead(exchange)
        # A script cannot share the preamble's implicit transaction: the server refuses it.
        together = self.autocommit and self._preamble is not None
        if not args and stream is None and not together and is_script(text):
            return self._perform_script(text, packet, exchange)
        if text.startswith(PLANNED_FOR_VALUES):
            packet.append(self._run_ahead(PLAN_FOR_VALUES, (), exchange))
        # In a transaction it would hold for all that comes after: a run's own work among it.
        if text.startswith(PLANNED_ALONG_INDEXES) and self.autocommit:
            packet.append(self._run_ahead(PLAN_ALONG_INDEXES, (), exchange))
        packet += [self._run(self._statement(text, oids, stream), args, exchange), messages.SYNC]
        return self._send(packet, exchange)

    def _perform_script(self, text: str, packet: list[bytes], lead: Exchange) -> Exchange:
        """Several statements in one text need the simple protocol, and their own packet.

        Were they to share one with BEGIN and BEGIN failed, they would run all the same.
        """
        if packet:
            self._send([*packet, messages.SYNC], lead)
        return self.execute_simple(text)

    def _lead(self, exchange: Exchange) -> list[bytes]:
        """What goes ahead of a statement: statements to drop, BEGIN, the preamble."""
        outside = not self._in_transaction
        packet = [*self._to_close]
        if outside and not self.autocommit:
            packet.append(self._run_ahead("begin", (), exchange))
        if self._preamble is not None and (outside or not self._preamble_ran):
            packet.append(self._run_ahead(*self._preamble, exchange))
        return packet

    def _run_ahead(self, text: str, values: Values, exchange: Exchange) -> bytes:
        exchange.leading += 1
        statement = self._statement(text, (), None, preparable=True)
        parse = self._parse(statement, exchange)
        return parse + messages.bind(statement.name, values, self.py_types) + messages.EXECUTE

    def _send(self, packet: list[bytes], exchange: Exchange) -> Exchange:
        # Only here is it certain that the packet leaves: values that cannot be encoded
        # have raised before.
        self._to_close.clear()
        self._preamble_ran = True
        return self._converse(b"".join(packet), exchange)

    def _run(self, statement: Statement, values: Values, exchange: Exchange) -> bytes:
        parse = self._parse(statement, exchange)
        exchange.expect(statement)
        describe = b"" if statement.described else messages.DESCRIBE_PORTAL
        return (
            parse
            + messages.bind(statement.name, values, self.py_types)
            + describe
            + messages.EXECUTE
        )

    def _run_batch(self, statement: Statement, batch: list[Values]) -> int:
        exchange = Exchange(statement.text)
        runs = [messages.bind(statement.name, v, self.py_types) + messages.EXECUTE for v in batch]
        self._converse(b"".join([*runs, messages.SYNC]), exchange)
        return max(0, int(exchange.row_count))

    def _parse(self, statement: Statement, exchange: Exchange) -> bytes:
        if statement.prepared:
            return b""
        exchange.parsing.append(statement)
        return messages.parse(statement.name, statement.text, statement.oids)

    def _statement(
        self, text: str, oids: tuple[int, ...], stream: Any, *, preparable: bool = False
    ) -> Statement:
        known = self._statements.get((text, oids))
        if known is not None:
            self._statements.move_to_end(known.key)
            return known
        if "\0" in text:
            raise legacy.ProgrammingError("A statement cannot contain the character zero.")
        if self._cache_size and stream is None and (preparable or is_preparable(text)):
            self._names_given += 1
            return Statement(b"previsto_%d" % self._names_given, text, oids)
        return Statement(b"", text, oids)

    def _end_transaction(self, text: str) -> None:
        self.preamble = None
        if self._in_transaction or self._wire is None:
            self.execute_simple(text)
