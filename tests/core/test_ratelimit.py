"""How often one may ask: counted by caller, told in header fields, refused beyond."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from chalicelib.core import ratelimit
from chalicelib.core.auth import Role
from chalicelib.core.ratelimit import Policy, RequestCounter, network_of, read_policy
from chalicelib.core.redis_link import RedisLink, redis_link
from chalicelib.core.settings import settings
from tests.client import Answer, Client, assert_problem
from tests.conftest import MakeUser
from tests.core.proxy import Proxy
from tests.core.sample import app

Set = Callable[..., None]
STANDING = re.compile(r'"(\w+)";r=(\d+);t=(\d+)')


@pytest.fixture
def setting(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Set:
    """Changes settings of this process."""

    def change(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name.upper(), value)
        for cached in (settings, redis_link, ratelimit.request_counter):
            cached.cache_clear()

    return change


@pytest.fixture(params=["in process", "redis"])
def counted(request: pytest.FixtureRequest, setting: Set) -> None:
    """Requests are counted here, then by a real Redis."""
    if request.param == "redis":
        setting(cache_url=request.getfixturevalue("redis_url"))


def left(answer: Answer) -> dict[str, int]:
    """Policy -> requests left."""
    return {name: int(r) for name, r, _ in STANDING.findall(answer.headers["RateLimit"])}


@pytest.mark.usefixtures("counted")
def test_answer_says_what_is_left(operador: Client, setting: Set) -> None:
    first, second = (operador.on(app).get("/notes") for _ in range(2))
    assert first.headers["RateLimit-Policy"] == '"principal";q=6000;w=60'
    assert (left(first), left(second)) == ({"principal": 5999}, {"principal": 5998})
    assert 0 < int(STANDING.findall(first.headers["RateLimit"])[0][2]) <= 60


@pytest.mark.usefixtures("counted")
def test_whoever_asks_too_often_has_to_wait_and_others_do_not(
    client_of: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATE_LIMIT_PRINCIPAL", "3/day")
    settings.cache_clear()
    eager, patient = client_of(Role.OPERADOR).on(app), client_of(Role.OPERADOR).on(app)
    assert [eager.get("/notes").status for _ in range(3)] == [200] * 3
    refused = eager.get("/notes")
    assert_problem(refused, 429, "TooManyRequests")
    assert refused.headers["RateLimit-Policy"] == '"principal";q=3;w=86400'
    wait = refused.headers["Retry-After"]
    assert refused.headers["RateLimit"] == f'"principal";r=0;t={wait}'
    assert 0 < int(wait) <= 86400
    assert patient.get("/notes").status == 200


def test_whoever_is_not_signed_in_counts_by_address(anonymous: Client, setting: Set) -> None:
    setting(rate_limit_address="2/day", rate_limit_principal="1/day")
    assert [anonymous.on(app).get("/database").status for _ in range(3)] == [200, 200, 429]


def test_failed_authentication_counts_by_address(
    anonymous: Client, operador: Client, setting: Set
) -> None:
    setting(rate_limit_address="2/day")
    guess = {"authorization": "Bearer a.b.c"}
    statuses = [anonymous.request("GET", "/jobs", headers=guess).status for _ in range(3)]
    assert statuses == [401, 401, 429]
    refused = anonymous.request("GET", "/jobs", headers=guess)
    assert_problem(refused, 429, "TooManyRequests")
    assert operador.get("/jobs").status == 200  # At the same address.


def test_refusal_of_a_view_is_counted_and_says_so(operador: Client, environment: object) -> None:
    answer = operador.on(app).post("/notes", {"texto": "refused"})
    assert answer.status == 409
    assert left(answer) == {"principal": 5999}
    assert left(operador.on(app).post("/notes", {"texto": "broken"})) == {"principal": 5998}


@pytest.mark.usefixtures("counted")
def test_endpoint_with_a_limit_of_its_own_has_both(operador: Client) -> None:
    client = operador.on(app)
    answers = [client.post("/guarded") for _ in range(3)]
    assert [answer.status for answer in answers] == [204, 204, 429]
    assert answers[0].headers["RateLimit-Policy"] == (
        '"principal";q=6000;w=60, "post_guarded";q=2;w=60'
    )
    assert left(answers[2]) == {"principal": 5997, "post_guarded": 0}
    assert client.get("/notes").status == 200


def test_signing_in_is_limited_more_than_the_rest(anonymous: Client) -> None:
    answer = anonymous.post("/auth/token", {"username": "nobody", "password": "x" * 12})
    assert left(answer) == {"address": 2999, "post_token": 29}


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/docs", "/openapi.json"])
def test_health_and_documentation_are_not_counted(
    anonymous: Client, setting: Set, path: str
) -> None:
    setting(rate_limit_address="1/day")
    answers = [anonymous.get(path) for _ in range(3)]
    assert all(answer.status < 400 for answer in answers)
    assert not any("RateLimit" in answer.headers for answer in answers)


def test_limits_can_be_switched_off(operador: Client, setting: Set) -> None:
    setting(rate_limit_principal="off")
    answers = [operador.on(app).post("/guarded") for _ in range(4)]
    assert [answer.status for answer in answers] == [204] * 4
    assert "RateLimit" not in answers[0].headers


def test_processes_share_their_counts_through_redis(
    operador: Client, setting: Set, redis_url: str
) -> None:
    setting(cache_url=redis_url)
    assert left(operador.on(app).get("/notes")) == {"principal": 5999}
    setting(cache_url=redis_url)  # As another process, that remembers nothing.
    assert left(operador.on(app).get("/notes")) == {"principal": 5998}
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        keys = [str(key) for key in redis.scan_iter()]
        assert [key for key in keys if f"/{operador.subject}/" in key] == keys
        assert all(0 < int(redis.ttl(key)) <= 60 for key in keys)


def test_redis_that_dies_in_mid_run_refuses_nobody(
    operador: Client, setting: Set, redis_url: str
) -> None:
    client = operador.on(app)
    with Proxy.to(6379) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/{redis_url.rpartition('/')[2]}"
        setting(cache_url=url, rate_limit_principal="900/minute")
        assert left(client.get("/notes")) == {"principal": 899}
        proxy.cut()
        # Counted in this process from here on, which has counted nothing yet.
        assert [left(client.get("/notes"))["principal"] for _ in range(3)] == [899, 898, 897]


def test_limits_hold_in_process_while_redis_is_away(operador: Client, setting: Set) -> None:
    setting(cache_url="redis://127.0.0.1:9/0", rate_limit_principal="2/day")
    assert [operador.on(app).get("/notes").status for _ in range(3)] == [200, 200, 429]


def test_large_quotas_are_told_a_thousandth_at_once(redis_url: str, setting: Set) -> None:
    setting(cache_url=redis_url)
    one, other = (RequestCounter(RedisLink(redis_url)) for _ in range(2))
    policy = Policy("tests", quota=6000, seconds=86_400)
    now = 1_790_000_000.0
    assert [6000 - one.count(policy, "a", now).left for _ in range(7)] == [1, 2, 3, 4, 5, 6, 7]
    assert 6000 - other.count(policy, "a", now).left == 2  # What was not told is not known yet.
    assert 6000 - one.count(policy, "a", now).left == 9  # Seven told at once: all is known.
    assert 6000 - other.count(policy, "b", now).left == 1


def test_threads_lose_no_request(redis_url: str, setting: Set) -> None:
    setting(cache_url=redis_url)
    counter = RequestCounter(RedisLink(redis_url))
    policy = Policy("tests", quota=6000, seconds=86_400)
    now = 1_790_000_000.0
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: counter.count(policy, "a", now), range(700)))
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        told = sum(int(str(redis.get(key))) for key in redis.scan_iter())
    assert told + counter._tallies["tests/a"].untold == 700


@pytest.fixture(params=["in process", "redis"])
def counter(request: pytest.FixtureRequest, setting: Set) -> Iterator[RequestCounter]:
    """A counter of each kind."""
    if request.param == "in process":
        yield RequestCounter(None)
        return
    url = request.getfixturevalue("redis_url")
    setting(cache_url=url)
    yield RequestCounter(RedisLink(url))


def test_window_ends_when_it_said_and_the_next_begins_anew(counter: RequestCounter) -> None:
    policy = Policy("tests", quota=10, seconds=60)
    now = 1_790_000_000.25
    first = counter.count(policy, "usuario:1", now)
    assert first.left == 9
    assert counter.count(policy, "usuario:1", now + first.seconds - 1).left == 8
    following = counter.count(policy, "usuario:1", now + first.seconds)
    assert (following.left, following.seconds) == (9, 60)


def test_windows_of_callers_turn_at_different_instants(counter: RequestCounter) -> None:
    policy = Policy("tests", quota=10, seconds=60)
    ends = {counter.count(policy, f"usuario:{n}", 1_790_000_000.0).seconds for n in range(30)}
    assert len(ends) > 10


def test_policy_is_read_as_it_is_written() -> None:
    assert read_policy("p", "100/second") == Policy("p", 100, 1)
    assert read_policy("p", "6000/minute") == Policy("p", 6000, 60)
    assert read_policy("p", "5/hour") == Policy("p", 5, 3600)
    assert read_policy("p", "9/day") == Policy("p", 9, 86400)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("", ""),
        ("no:address", "no:address"),
    ],
)
def test_ipv6_callers_are_told_apart_by_their_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_what_a_process_counts_by_itself_starts_no_thread_and_is_bounded() -> None:
    counter, policy = RequestCounter(None), read_policy("principal", "6000/minute")
    before = threading.active_count()
    for caller in range(ratelimit.MOST_TALLIES + 10):
        counter.count(policy, f"usuario:{caller}", 1e9)
    assert threading.active_count() == before
    left = [counter.count(policy, "usuario:1", 1e9).left for _ in range(2)]
    assert left == [5999, 5998]  # Forgotten as one of too many, and counted anew.
