"""Statements on hot paths: compiled once, executed without the ORM in between.

A request that is one statement spends most of its time in layers that it does not need. Here
the text is compiled at first use, and a session in autocommit mode hands it straight to a
pooled connection; in a transaction it runs on that transaction's connection.
"""

from collections import namedtuple
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.db import prepare_connection
from chalicelib.core.pg import ConnectionLostError, FastDialect


class HotStatement:
    """One SQL text with `:names`; rows come as named tuples."""

    def __init__(self, sql: str) -> None:
        """Take the text; nothing is compiled before the first use."""
        self._sql = sql
        self._row: Any = None

    @cached_property
    def _compiled(self) -> tuple[str, tuple[str, ...]]:
        compiled = text(self._sql).compile(dialect=FastDialect())  # type: ignore[no-untyped-call]
        return compiled.string, tuple(compiled.positiontup or ())

    def one_or_none(self, session: Session, **params: Any) -> Any:
        """The only row, or None."""
        rows = self.all(session, **params)
        return rows[0] if rows else None

    def all(self, session: Session, **params: Any) -> Sequence[Any]:
        """Every row.

        Raises:
            pg8000.Error: As the server says; `unit_of_work` turns it into a refusal.
        """
        if session.in_transaction() or not session.info["autocommit"]:
            return self._execute(session.connection().connection.dbapi_connection, params)
        pooled = session.get_bind().raw_connection()  # type: ignore[union-attr]
        try:
            raw = pooled.dbapi_connection
            prepare_connection(session, raw)
            return self._execute(raw, params)
        except ConnectionLostError:
            pooled.invalidate()
            raise
        finally:
            pooled.close()

    def _execute(self, raw: Any, params: dict[str, Any]) -> Sequence[Any]:
        sql, names = self._compiled
        cursor = raw.cursor()
        cursor.execute(sql, [params[name] for name in names])
        if self._row is None:
            columns = [column[0] for column in cursor.description]
            self._row = namedtuple("Row", columns)  # type: ignore[misc]
        make = self._row
        return [make(*row) for row in cursor.fetchall()]
