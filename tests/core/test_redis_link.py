"""Redis that dies is done without, at once and for a while, and used again when it is back."""

import logging

import pytest

from chalicelib.core.redis_link import PAUSE_SECONDS, RedisLink
from tests.core.proxy import Proxy, silence


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _proxied(redis_url: str, proxy: Proxy) -> str:
    return f"redis://127.0.0.1:{proxy.port}/{redis_url.rpartition('/')[2]}"


class Asking:
    """Asks Redis through a link and counts how often it was really asked."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self.asked = 0

    def __call__(self) -> str:
        return self._link.ask(self._ping, lambda: "without")

    def _ping(self) -> str:
        self.asked += 1
        self._link.client.ping()
        return "redis"


def test_redis_that_dies_is_paused_and_used_again(
    redis_url: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with Proxy.to(6379) as proxy, caplog.at_level(logging.WARNING, "previsto.redis"):
        asking = Asking(RedisLink(_proxied(redis_url, proxy), clock))
        assert asking() == "redis"
        proxy.cut()
        assert [asking() for _ in range(10)] == ["without"] * 10
        assert asking.asked == 2  # The first that failed; nobody asked after it.
        clock.seconds += PAUSE_SECONDS
        assert [asking(), asking()] == ["without", "without"]
        assert asking.asked == 3
        proxy.mend()
        clock.seconds += PAUSE_SECONDS
        assert [asking(), asking()] == ["redis", "redis"]
    said = [record.message for record in caplog.records]
    assert said == ["redis is away, going on without", "redis is back"]


def test_redis_that_is_silent_is_waited_for_once(clock: Clock) -> None:
    with silence() as port:
        asking = Asking(RedisLink(f"redis://127.0.0.1:{port}/0", clock))
        assert [asking() for _ in range(50)] == ["without"] * 50
        assert asking.asked == 1


def test_connection_that_was_closed_meanwhile_is_made_anew(redis_url: str, clock: Clock) -> None:
    with Proxy.to(6379) as proxy:
        asking = Asking(RedisLink(_proxied(redis_url, proxy), clock))
        assert asking() == "redis"
        proxy.cut()
        proxy.mend()
        assert asking() == "redis"


def test_mistake_of_ours_is_not_taken_for_an_absence(redis_url: str, clock: Clock) -> None:
    link = RedisLink(redis_url, clock)
    with pytest.raises(ZeroDivisionError):
        link.ask(lambda: 1 // 0, lambda: 0)
