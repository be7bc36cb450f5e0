"""Answers kept in Redis: found while they hold, never after, and never needed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from redis import Redis
from sqlalchemy import text

from chalicelib.core.auth import Role
from chalicelib.core.cache import AnswerCache, answer_cache, answer_key, origin_sql
from chalicelib.core.db import unit_of_work
from chalicelib.core.redis_link import RedisLink, redis_link
from chalicelib.core.settings import settings
from tests.client import Client
from tests.conftest import MakeUser
from tests.core.proxy import Proxy

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def cache(redis_url: str) -> AnswerCache:
    return AnswerCache(RedisLink(redis_url))


def test_answer_is_found_from_when_until_when_it_holds(cache: AnswerCache) -> None:
    cache.put("k", "a\nb: ção", since=NOW, until=NOW + HOUR)
    assert cache.get("k", NOW) == "a\nb: ção"
    assert cache.get("k", NOW + HOUR - timedelta(microseconds=1)) == "a\nb: ção"
    assert cache.get("k", NOW + HOUR) is None
    assert cache.get("k", NOW - timedelta(microseconds=1)) is None
    assert cache.get("another", NOW) is None
    assert (cache.hits, cache.misses) == (2, 3)


def test_redis_forgets_it_by_then(cache: AnswerCache, redis_url: str) -> None:
    cache.put("k", "text", since=NOW, until=NOW + HOUR)
    cache.put("over", "text", since=NOW, until=NOW)
    with Redis.from_url(redis_url) as redis:
        assert 3590 < int(redis.ttl("k")) <= 3600
        assert not redis.exists("over")


def test_keys_that_differ_in_anything_are_different() -> None:
    keys = [
        answer_key("a", "casa", 1, 2, "x", "y"),
        answer_key("a", "casa", 12, 2, "x", "y"),
        answer_key("a", "casa", 1, 22, "x", "y"),
        answer_key("a", "casa:1", 1, 2, "x", "y"),
        answer_key("a", "casa", 1, 2, "x:y"),
        answer_key("a", "casa", 1, 2, "x", "y", ""),
        answer_key("a:casa", "1", 1, 2, "x", "y"),
    ]
    assert all(one != other for one, other in combinations(keys, 2))


def test_table_that_is_made_again_has_another_origin(environment: dict[str, str]) -> None:
    def origin() -> str:
        with unit_of_work(autocommit=True) as session:
            return str(session.scalar(text(f"SELECT {origin_sql('alunos')}")))

    before = origin()
    assert origin() == before
    # Whoever owns the tables does this; the program's own roles cannot.
    with unit_of_work(autocommit=True) as session:
        session.execute(text("RESET ROLE"))
        session.execute(text("TRUNCATE alunos CASCADE"))
    assert origin() != before


def test_redis_that_dies_in_mid_run_is_missed_and_no_more(redis_url: str) -> None:
    with Proxy.to(6379) as proxy:
        database = redis_url.rpartition("/")[2]
        cache = AnswerCache(RedisLink(f"redis://127.0.0.1:{proxy.port}/{database}"))
        cache.put("k", "text", since=NOW, until=NOW + HOUR)
        assert cache.get("k", NOW) == "text"
        proxy.cut()
        assert cache.get("k", NOW) is None
        cache.put("k", "text", since=NOW, until=NOW + HOUR)


@pytest.fixture
def cache_at(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Names the cache."""

    def set_url(url: str) -> None:
        monkeypatch.setenv("CACHE_URL", url)
        for cached in (settings, redis_link, answer_cache):
            cached.cache_clear()

    return set_url


def test_status_without_a_cache_says_so(admin: Client) -> None:
    answer = admin.get("/status/cache")
    assert (answer.status, answer.json) == (
        200,
        {"estado": "absent", "latencia_ms": None, "numeros": None},
    )


def test_status_gives_figures_to_admins_only(
    admin: Client, client_of: MakeUser, cache_at: Callable[[str], None], redis_url: str
) -> None:
    cache_at(redis_url)
    cache = answer_cache()
    assert cache is not None
    cache.put("k", "text", since=NOW, until=NOW + HOUR)
    for key in ("k", "k", "another"):
        cache.get(key, NOW)
    answer = admin.get("/status/cache")
    assert (answer.status, answer.json["estado"]) == (200, "up")
    assert answer.json["latencia_ms"] > 0
    figures = answer.json["numeros"]
    assert (figures["acertos_deste_processo"], figures["falhas_deste_processo"]) == (2, 1)
    assert figures["acertos"] >= 2
    assert figures["falhas"] >= 1
    assert figures["chaves"] >= 1
    assert figures["memoria_bytes"] > 100_000
    for client in (Client(), client_of(Role.CIENTISTA)):
        assert client.get("/status/cache").json["numeros"] is None


def test_status_of_a_cache_that_is_away_is_503(
    admin: Client, cache_at: Callable[[str], None]
) -> None:
    cache_at("redis://somebody:secret@127.0.0.1:9/0")
    answer = admin.get("/status/cache")
    assert (answer.status, answer.json["estado"]) == (503, "down")
    assert b"secret" not in answer.body
