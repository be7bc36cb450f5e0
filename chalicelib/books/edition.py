"""Which edition of the catalogue answers, what may be kept of it, and when a client has it.

The catalogue changes with a snapshot and not between two. So what is worked out of all of it is
kept by the process under the snapshot, and an answer's `ETag` is made of snapshot and question.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
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
MOST_KEPT = 1000

KeptT = TypeVar("KeptT", bound=Hashable | dict[str, Any] | str | None)

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
        asked = sorted((name, *values) for name, values in call.query.items())
        question = crc32(repr((call.prefix, call.path, asked)).encode())
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


def unchanged(session: Session, call: Call, edition: Edition | None = None) -> Reply | None:
    """A 304 for who has this answer already; asks nothing where nobody says that they have any.

    Args:
        session: The session.
        call: The request.
        edition: Which edition answers it; the newest where it is left out.
    """
    known = call.headers.get("if-none-match")
    if known is None:
        return None
    tag = (edition or current_edition(session)).tag(call)
    theirs = {each.strip().removeprefix("W/") for each in known.split(",")}
    return Reply(status=304, headers=_headers(tag)) if tag in theirs else None


def edition_reply(content: str, edition: Edition, call: Call, **headers: str) -> Reply:
    """An answer that stands for as long as its edition does."""
    return Reply(content, headers={**_headers(edition.tag(call)), **headers})


def _headers(tag: str) -> dict[str, str]:
    return {"ETag": tag, "Cache-Control": FRESH}


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
