"""Answers kept in Redis, under keys that name everything they were made of.

A key carries the tenant, the entity, its `revisao` and, of a score, the model's version: what has
changed has another key, so nothing is ever invalidated. What depends on the time as well says from
when until when it holds. An answer that is not there, or a Redis that is not, is computed.

Never ask it inside a transaction (law 1).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import TypeVar
from urllib.parse import quote

from chalicelib.core.redis_link import RedisLink, redis_link

PREFIX = "previsto:answer"

KeptT = TypeVar("KeptT")


def origin_sql(table: str) -> str:
    """SQL for what tells one history of a table's revisions from another.

    Revisions begin anew in a database that was made again, and go back in one that was restored
    or failed over to a replica that lagged. Each of these restarts a server or rewrites the table.

    Args:
        table: A table, as it is named in SQL.
    """
    return (
        "date_part('epoch', pg_postmaster_start_time())::text"
        f" || '/' || pg_relation_filenode('{table}')"
    )


def answer_key(kind: str, tenant: str, entity: int, revisao: int, *rest: object) -> str:
    """The key of an answer.

    Args:
        kind: What it answers, with a number that is raised when its shape changes.
        tenant: Whose it is.
        entity: Id of the row it is about.
        revisao: Of that row.
        rest: Everything else it depends on.
    """
    parts = (kind, tenant, entity, revisao, *rest)
    return ":".join([PREFIX, *(quote(str(part), safe="") for part in parts)])


class AnswerCache:
    """Keeps text.

    Attributes:
        hits: How often this process has found what it looked for.
        misses: How often it has not.
    """

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self.hits = 0
        self.misses = 0

    @property
    def is_away(self) -> bool:
        """Whether it is not worth finding out what to look for."""
        return self._link.is_paused

    def get(self, key: str, now: datetime) -> str | None:
        """The answer, if there is one that holds now."""
        kept = self._ask(lambda: self._link.client.get(key))
        if isinstance(kept, str):
            span, _, text = kept.partition("\n")
            since, until = map(float, span.split())
            if since <= now.timestamp() < until:
                self.hits += 1
                return text
        self.misses += 1
        return None

    def put(self, key: str, text: str, *, since: datetime, until: datetime) -> None:
        """Keep an answer.

        Args:
            key: Of `answer_key`.
            text: The answer.
            since: When it was computed.
            until: From when on it may be another, or need not be kept.
        """
        kept = f"{since.timestamp()} {until.timestamp()}\n{text}"
        lifetime = until - since
        if lifetime > timedelta():
            self._ask(lambda: self._link.client.set(key, kept, px=lifetime))

    def _ask(self, question: Callable[[], KeptT]) -> KeptT | None:
        return self._link.ask(question, lambda: None)


@cache
def answer_cache() -> AnswerCache | None:
    """The cache of this process; None where `CACHE_URL` names no Redis."""
    link = redis_link()
    return AnswerCache(link) if link else None
