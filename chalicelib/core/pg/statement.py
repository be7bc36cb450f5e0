"""Statement texts, what the server has told about them, and the exchange of one packet."""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache
from itertools import count
from typing import Any

from pg8000 import core
from pg8000.exceptions import InterfaceError

from chalicelib.core.pg.wire import Decoder, Row

# Longer texts are rarely seen twice (a page of INSERT ... VALUES) and heavy to keep.
LONGEST_PREPARED_TEXT = 8_192

PLANNED_FOR_VALUES = "/* planned for its values */ "
"""Begins a statement whose best plan depends on its values: it is not kept prepared, and planned
each time for the values that it is asked with."""

# For the statements of one packet; in a transaction, for the rest of it. Sessions plan once for all
# values, see `engine.connect`, also what is not kept prepared.
PLAN_FOR_VALUES = "select set_config('plan_cache_mode', 'force_custom_plan', true)"

PLANNED_ALONG_INDEXES = "/* planned along indexes */ "
"""Begins a statement that takes few rows by an index, and nothing else will do: a plan that is made
while the table holds three rows reads it whole, and is kept when it holds ten thousand. Only where
it is a transaction of its own: in another's, what comes after would be planned so as well."""

PLAN_ALONG_INDEXES = "select " + ", ".join(
    f"set_config('enable_{what}', 'off', true)"
    for what in ("seqscan", "bitmapscan", "sort", "incremental_sort")
)

# Plans are worth keeping for these only; the rest (SAVEPOINT, SET, DDL, COPY) has none.
_PREPARABLE = re.compile(
    rf"(?:{re.escape(PLANNED_ALONG_INDEXES)})?"
    r"[\s(]*(select|insert|update|delete|with|values|merge)\b",
    re.IGNORECASE,
)

_PLACEHOLDER_OR_OPAQUE = re.compile(
    r"""
    %s | %% | %
    | (?<![A-Za-z0-9_])[Ee]'(?:[^'\\]|\\.|'')*'   # escape string
    | '(?:[^']|'')*'                              # string
    | "[^"]*"                                     # identifier
    | --[^\n]*                                    # comment
    | \$([A-Za-z_]\w*)?\$.*?\$\1\$                # dollar-quoted string
    """,
    re.VERBOSE | re.DOTALL,
)


class Statement:
    """A text the server parses once, and what is known of its result afterwards.

    Attributes:
        name: The server's name for it; empty for one that is parsed anew each time.
        prepared: The server has parsed it under its name.
        described: The server has said which columns it answers, if any.
        columns: pg8000's field dicts; None when it answers no rows.
    """

    __slots__ = ("columns", "decoders", "described", "key", "name", "oids", "prepared", "text")

    def __init__(self, name: bytes, text: str, oids: tuple[int, ...]) -> None:
        self.name = name
        self.text = text
        self.oids = oids
        self.key = (text, oids)
        self.prepared = False
        self.described = False
        self.columns: list[dict[str, Any]] | None = None
        self.decoders: list[Decoder] | None = None


class Exchange(core.Context):  # type: ignore[misc]
    """What one packet asked for and what has been answered so far.

    Attributes:
        leading: Statements still to complete before the one asked for (BEGIN, preamble);
            nobody reads their rows.
        ready: ReadyForQuery messages still to come; 0 means the answer is complete.
        parsing: Statements sent to be parsed, in order.
        target: The statement asked for; None for a script of several.
    """

    rows: list[Row]

    def __init__(self, text: str, *, stream: Any = None) -> None:
        super().__init__(text, stream=stream)
        self.leading = 0
        self.ready = 1
        self.parsing: deque[Statement] = deque()
        self.target: Statement | None = None
        self.decoders: list[Decoder] | None = None

    def expect(self, target: Statement) -> None:
        """Rows will come as an earlier run has learnt them, or be described first."""
        self.target = target
        if target.decoders is not None:
            self.columns, self.decoders, self.rows = target.columns, target.decoders, []


def is_preparable(text: str) -> bool:
    return len(text) <= LONGEST_PREPARED_TEXT and _PREPARABLE.match(text) is not None


def is_script(text: str) -> bool:
    """Whether a text may hold several statements (or one with a semicolon inside)."""
    return ";" in text.rstrip("; \t\r\n")


def numbered(text: str) -> str:
    """Turn the placeholders %s of the DB-API into $1, $2 ... and %% into %.

    Strings, quoted identifiers, comments and dollar-quoted bodies stay as they are.

    Raises:
        InterfaceError: A lone % stands outside of them.
    """
    if len(text) > LONGEST_PREPARED_TEXT:
        return _numbered(text)
    return _numbered_once(text)


def _numbered(text: str) -> str:
    numbers = count(1)

    def replace(match: re.Match[str]) -> str:
        found = match.group()
        if found == "%s":
            return f"${next(numbers)}"
        if found == "%":
            raise InterfaceError("Only %s and %% are supported in the query.")
        return "%" if found == "%%" else found

    return _PLACEHOLDER_OR_OPAQUE.sub(replace, text)


_numbered_once = lru_cache(maxsize=1024)(_numbered)
