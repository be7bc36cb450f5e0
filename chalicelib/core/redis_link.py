"""Redis, asked so that nothing depends on its being there.

Whatever is asked has another way of being answered. A call takes a quarter of a second at the
most, and after one that failed nobody asks for five seconds: a dead Redis must not add its
time-out to every request.
"""

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from chalicelib.core.settings import settings

log = logging.getLogger("previsto.redis")

CALL_SECONDS = 0.25
PAUSE_SECONDS = 5.0

AnswerT = TypeVar("AnswerT")


class RedisLink:
    """A process's connections to Redis, and whether it is worth asking.

    Attributes:
        client: Gives text.
        failures: What it raises when Redis is away.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is contacted before the first question.

        Args:
            url: `redis://` or `rediss://`.
            clock: Seconds that only go forward.
        """
        # Loading it takes a tenth of a second, which a process without a cache need not spend.
        from redis import ConnectionError as ConnectionLost
        from redis import Redis, RedisError
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self.client: Redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=CALL_SECONDS,
            socket_connect_timeout=CALL_SECONDS,
            # A pooled connection may have been closed since; but who was slow once is not waited
            # for again.
            retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,)),
        )
        self.failures = (RedisError, OSError)
        self._clock = clock
        self._is_down = False
        self._ask_again_at = 0.0

    @property
    def is_paused(self) -> bool:
        """Whether asking is not worth preparing for."""
        return self._is_down and self._clock() < self._ask_again_at

    def ask(self, question: Callable[[], AnswerT], otherwise: Callable[[], AnswerT]) -> AnswerT:
        """Redis's answer, or the other one while it is away."""
        if self._is_down:
            now = self._clock()
            if now < self._ask_again_at:
                return otherwise()
            self._ask_again_at = now + PAUSE_SECONDS  # One caller tries; the others go on.
        try:
            answer = question()
        except self.failures as error:
            self._note_failure(error)
            return otherwise()
        if self._is_down:
            self._is_down = False
            log.warning("redis is back")
        return answer

    def _note_failure(self, error: Exception) -> None:
        if not self._is_down:  # Once, not for every request.
            log.warning("redis is away, going on without", extra={"error": type(error).__name__})
        self._is_down, self._ask_again_at = True, self._clock() + PAUSE_SECONDS


@cache
def redis_link() -> RedisLink | None:
    """The link of this process; None where `CACHE_URL` names no Redis."""
    url = settings().cache_url
    return RedisLink(url) if url else None
