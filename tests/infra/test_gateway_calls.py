"""Calls that overlap must not see each other's request (law 10)."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chalice.app import Chalice, Request

from infra.local.gateway.function import per_thread
from tests.infra.serving import Server, serving

CALLERS = 16
CALLS_EACH = 200


def mixed_calls(server: Server) -> int:
    """How many of 3,200 calls, by 16 callers at once, saw a request that was not theirs."""

    def call(caller: int) -> int:
        token = f"Bearer token-of-{caller}"
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        mixed = 0
        for _ in range(CALLS_EACH):
            connection.request("POST", "/whoami", headers={"Authorization": token})
            seen = json.loads(connection.getresponse().read())
            mixed += seen != {"before": token, "after": token, "own_context": True}
        connection.close()
        return mixed

    with ThreadPoolExecutor(CALLERS) as callers:
        return sum(callers.map(call, range(CALLERS)))


def test_no_call_sees_anothers_token(tmp_path: Path) -> None:
    with serving(tmp_path, threads=4) as server:
        assert mixed_calls(server) == 0


def test_plain_chalice_would_mix_them(tmp_path: Path) -> None:
    target = "tests.infra.gateway_app:gateway_over_plain_chalice"
    with serving(tmp_path, target=target, threads=4) as server:
        assert mixed_calls(server) > 0


def test_one_thread_does_not_mix_either(tmp_path: Path) -> None:
    with serving(tmp_path, workers=2) as server:
        assert mixed_calls(server) == 0


def request(path: str) -> Request:
    context = {"httpMethod": "GET", "resourcePath": path}
    empty = ("multiValueQueryStringParameters", "headers", "pathParameters", "body")
    return Request({**dict.fromkeys(empty), "stageVariables": None, "requestContext": context})


def test_apps_are_kept_apart_and_changed_once() -> None:
    first, second = (Chalice(name, configure_logs=False, env={}) for name in ("a", "b"))
    for app in (first, second, first):
        per_thread(app)
    assert type(first) is not type(second)
    assert type(first).__mro__.count(Chalice) == 1
    one, two = request("one"), request("two")
    first.current_request, second.current_request = one, two
    assert first.current_request is one
    assert second.current_request is two
