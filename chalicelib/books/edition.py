"""Which edition of the catalogue answers, what may be kept of it, and when a client has it.

The catalogue changes with a snapshot and not between two. So what is worked out of all of it is
kept by the process under the snapshot, and an answer's `ETag` is made of snapshot and question.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from zlib import crc32

from sqlalchemy.orm import Session

from chalicelib.core.calls import Call, Reply
from chalicelib.core.statements import HotStatement

FORMAT = 1
"""Of the answers; raise it when they change while the catalogue stays the same."""

FRESH = "public, max-age=60"
TRUSTED_SECONDS = 0.1
"""How long a look at the newest edition stands; a client's own copy stands for a minute."""

MOST_KEPT = 1000
MOST_BYTES_WRITTEN = 32 * 1024 * 1024

KeptT = TypeVar("KeptT", bound=Hashable | dict[Any, Any] | str | None)

LATEST_SNAPSHOT = """
SELECT id, sha256, taken_at, books, made_up, base_url FROM book_snapshots ORDER BY id DESC LIMIT 1
"""


@dataclass(frozen=True)
class Edition:
    """The catalogue as its last snapshot found it.

    Attributes:
        snapshot: Its number; 0 before there is any.
        sha256: Of its CSV: a database that was made again counts snapshots anew.
        taken_at: When; None before there is any.
        books: How many it has.
    """

    snapshot: int = 0
    sha256: str = ""
    taken_at: datetime | None = None
    books: int = 0

    def tag(self, call: Call) -> str:
        """The `ETag` of what this edition answers to a request."""
        question = crc32(repr((call.prefix, call.path, _asked(call))).encode())
        return f'"{FORMAT}.{self.snapshot}.{self.sha256[:12]}.{question:08x}"'


def edition_of(row: Any) -> Edition:
    """The edition that a row's first columns tell; an empty one of no row."""
    if row is None:
        return Edition()
    return Edition(row.snapshot, row.sha256, row.taken_at, row.listed)


CURRENT = HotStatement(
    f"SELECT s.id AS snapshot, s.sha256, s.taken_at, s.books AS listed FROM ({LATEST_SNAPSHOT}) s"
)


def current_edition(session: Session) -> Edition:
    """The edition that answers now."""
    return edition_of(CURRENT.one_or_none(session))


class NewestEdition:
    """The newest edition as this process has last seen it, trusted for a moment.

    Under load the look at the newest snapshot costs more than all else of a known answer.
    """

    def __init__(self) -> None:
        self._seen: tuple[float, Edition] | None = None

    def get(self, session: Session) -> Edition:
        """The edition that answers now, or did `TRUSTED_SECONDS` ago."""
        seen, now = self._seen, time.monotonic()
        if seen is not None and now - seen[0] < TRUSTED_SECONDS:
            return seen[1]
        found = current_edition(session)
        self._seen = (now, found)
        return found

    def forget(self) -> None:
        """Look again the next time: this process has changed the catalogue."""
        self._seen = None


@cache
def newest_edition() -> NewestEdition:
    """That of this process."""
    return NewestEdition()


@dataclass(frozen=True)
class Written:
    """What an edition answers to a request.

    Attributes:
        edition: The one that was read for it.
        content: JSON.
        headers: Beside those that every answer of an edition has.
    """

    edition: Edition
    content: str
    headers: Mapping[str, str] = field(default_factory=dict)


def answer_once(
    session: Session,
    call: Call,
    work_out: Callable[[], Written],
    edition_asked: Callable[[], Edition] | None = None,
) -> Reply:
    """An answer that stands for as long as its edition does.

    Who has it already is told so; what this process has answered before is answered again. Both
    take one look at the newest edition, or none if there was one a moment ago; what has to be
    worked out takes none.

    Args:
        session: The session.
        call: The request; its query says all that the answer depends on.
        work_out: Makes the answer.
        edition_asked: Which edition is asked; the newest where it is left out.
    """
    question = (call.prefix, call.path, _asked(call))
    known, theirs = written_answers().find(question), call.headers.get("if-none-match")
    if known is not None or theirs is not None:
        edition = edition_asked() if edition_asked else newest_edition().get(session)
        if theirs is not None and edition.tag(call) in _tags(theirs):
            return Reply(status=304, headers=_headers(edition.tag(call)))
        if known is not None and known.edition == edition:
            return _reply(known, call)
    answer = work_out()
    written_answers().keep(question, answer)
    return _reply(answer, call)


def _asked(call: Call) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted((name, *values) for name, values in call.query.items()))


def _tags(header: str) -> set[str]:
    return {each.strip().removeprefix("W/") for each in header.split(",")}


def _reply(answer: Written, call: Call) -> Reply:
    headers = {**_headers(answer.edition.tag(call)), **answer.headers}
    return Reply(answer.content, headers=headers)


def _headers(tag: str) -> dict[str, str]:
    return {"ETag": tag, "Cache-Control": FRESH}


class WrittenAnswers:
    """The newest answers of this process by question, as they were sent, within a bound."""

    def __init__(self, most_bytes: int = MOST_BYTES_WRITTEN) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, Written] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, question: Hashable) -> Written | None:
        """The answer, of whatever edition."""
        with self._lock:
            found = self._kept.get(question)
            if found is not None:
                self._kept.move_to_end(question)
            return found

    def keep(self, question: Hashable, answer: Written) -> None:
        """Keep an answer in the place of an earlier one; what was asked longest ago goes first."""
        with self._lock:
            self._drop(question)
            self._kept[question] = answer
            self._bytes += _size(answer)
            while self._bytes > self._most:
                self._drop(next(iter(self._kept)))

    def _drop(self, question: Hashable) -> None:
        known = self._kept.pop(question, None)
        if known is not None:
            self._bytes -= _size(known)


def _size(answer: Written) -> int:
    """About the memory it takes: a character has up to four bytes, and there is the rest."""
    return 1000 + len(answer.content) * (1 if answer.content.isascii() else 2)


@cache
def written_answers() -> WrittenAnswers:
    """Those of this process."""
    return WrittenAnswers()


class KeptAnswers:
    """What this process has worked out, by edition and question; the least asked for goes first."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, edition: Edition, question: Hashable, work_out: Callable[[], KeptT]) -> KeptT:
        """The answer, worked out where it is not there."""
        key = (edition, question)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                known: KeptT = self._kept[key]
                return known
        found = work_out()
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found


@cache
def kept_answers() -> KeptAnswers:
    """Those of this process."""
    return KeptAnswers()
