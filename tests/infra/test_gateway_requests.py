"""What the app is told about a request, and which requests never reach it."""

import base64
import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from chalice.app import Chalice, IAMAuthorizer

from infra.local.gateway import Gateway
from infra.local.gateway.function import UnsupportedRoute
from infra.local.gateway.request import read_request
from tests.infra.serving import Reply, Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("gateway")) as running:
        yield running


def assert_problem(reply: Reply, status: int, title: str) -> None:
    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert (problem["title"], problem["status"]) == (title, status)
    assert problem["request_id"] == reply.headers["x-request-id"]


def test_a_request_becomes_an_api_gateway_event(server: Server) -> None:
    reply = server.ask(
        "POST", "/event?a=1&a=%C3%A9&blank=", body="olá".encode(), headers={"X-Name": "v"}
    )
    event = reply.json
    assert event["httpMethod"] == "POST"
    assert (event["resource"], event["path"]) == ("/event", "/event")
    assert event["headers"]["x-name"] == "v"
    assert event["multiValueHeaders"]["x-name"] == ["v"]
    assert event["queryStringParameters"] == {"a": "é", "blank": ""}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "é"], "blank": [""]}
    assert event["pathParameters"] is None
    assert event["stageVariables"] is None
    assert (event["body"], event["isBase64Encoded"]) == ("olá", False)
    context = event["requestContext"]
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["requestId"] == reply.headers["x-request-id"]
    assert (context["resourcePath"], context["path"], context["httpMethod"], context["stage"]) == (
        "/event",
        "/event",
        "POST",
        "local",
    )


def test_what_is_empty_is_none(server: Server) -> None:
    event = server.ask("GET", "/event").json
    assert event["body"] is None
    assert event["isBase64Encoded"] is False
    assert event["queryStringParameters"] is None
    assert event["multiValueQueryStringParameters"] is None
    assert server.ask("POST", "/event?", body=b"").json["body"] is None


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/octet-stream", b"plain text"),
        ("IMAGE/PNG; q=1", b"plain text"),
        ("application/json", b"\xff\xfe"),
        ("text/plain", b"caf\xe9"),
    ],
)
def test_bytes_travel_in_base64(server: Server, content_type: str, body: bytes) -> None:
    event = server.ask("POST", "/event", body=body, headers={"Content-Type": content_type}).json
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == body


def test_repeated_headers_are_all_told_and_the_last_is_the_single_one(server: Server) -> None:
    answer = server.raw(
        b"GET /event HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nX_A: 3\r\nConnection: close\r\n\r\n"
    )
    assert b'"x-a":["1","2"],"x_a":["3"]' in answer
    assert b'"x-a":"2"' in answer


def test_an_encoded_slash_stays_inside_its_parameter(server: Server) -> None:
    reply = server.ask("GET", "/items/a%2Fb%20%C3%A7")
    assert reply.json == {"item": "a/b ç", "parameters": {"item": "a/b ç"}}
    assert server.ask("GET", "/items/latest").json == {"item": "(the latest)"}
    assert server.ask("GET", "/items/a%2Fb/parts/latest").json == ["a/b", "latest"]


def test_the_callers_address_is_the_sockets(server: Server) -> None:
    event = server.ask("GET", "/event", headers={"X-Forwarded-For": "9.9.9.9"}).json
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"


def test_behind_a_proxy_the_address_is_the_one_it_added() -> None:
    scope: dict[str, Any] = {
        "method": "GET",
        "raw_path": b"/",
        "query_string": b"",
        "client": ("10.0.0.1", 5000),
        "headers": [(b"x-forwarded-for", b"6.6.6.6, 9.9.9.9")],
    }
    assert read_request(scope, trust_forwarded_for=True).source_ip == "9.9.9.9"
    assert read_request(scope, trust_forwarded_for=False).source_ip == "10.0.0.1"
    direct = scope | {"headers": []}
    assert read_request(direct, trust_forwarded_for=True).source_ip == "10.0.0.1"


def test_an_unknown_path_is_not_found(server: Server) -> None:
    assert_problem(server.ask("GET", "/nada"), 404, "RouteNotFound")
    assert_problem(server.ask("BREW", "/nada"), 404, "RouteNotFound")


def test_a_browser_that_is_lost_is_shown_a_page(server: Server) -> None:
    reply = server.ask("GET", "/nada", headers={"Accept": "text/html,*/*"})
    assert (reply.status, reply.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert b"Ir para o in" in reply.body
    assert "script-src" not in reply.headers["content-security-policy"]
    asked = server.ask("POST", "/nada", headers={"Accept": "text/html"})
    assert_problem(asked, 404, "RouteNotFound")


def test_another_method_names_the_allowed_ones(server: Server) -> None:
    reply = server.ask("POST", "/items/1/parts/2")
    assert_problem(reply, 405, "MethodNotAllowed")
    assert reply.headers["allow"] == "DELETE, GET, HEAD, OPTIONS"
    assert server.ask("HEAD", "/body").headers["allow"] == "OPTIONS, POST"


@pytest.mark.parametrize(
    "path", ["/items/%zz", "/items/%FF", "/items/%00", "/event?a=%FF", "/event?" + "&a=1" * 1001]
)
def test_what_is_no_text_is_a_bad_request(server: Server, path: str) -> None:
    assert_problem(server.ask("GET", path), 400, "BadRequest")


def test_head_is_get_without_its_body(server: Server) -> None:
    got, head = server.ask("GET", "/hello"), server.ask("HEAD", "/hello")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(got.body))
    assert server.ask("HEAD", "/nada").status == 404


def test_a_body_of_four_megabytes_passes_and_one_byte_more_does_not(server: Server) -> None:
    limit = 4 * 1024 * 1024
    assert server.ask("POST", "/body", body=bytes(limit)).json == {"bytes": limit}
    pieces = (bytes(64 * 1024) for _ in range(64))
    chunked = {"Transfer-Encoding": "chunked"}
    reply = server.ask("POST", "/body", body=pieces, headers=chunked, chunked=True)
    assert reply.json == {"bytes": limit}
    head = b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (limit + 1)
    answer = server.raw(head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"title": "PayloadTooLarge"' in answer


def test_endless_chunks_are_refused_early(server: Server) -> None:
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        while not select.select([connection], [], [], 0)[0] and sent < 1024:
            with suppress(BrokenPipeError):  # Answered and closed between the two calls.
                connection.sendall(chunk)
            sent += 1
        assert connection.recv(12) == b"HTTP/1.1 413"
    assert sent < 1024  # 4 MB and what lay in buffers, not the 64 MB it would have taken.


@pytest.mark.parametrize("head", [b"Content-Length: 8388608", b"Transfer-Encoding: chunked"])
def test_who_sends_before_reading_still_sees_the_refusal(server: Server, head: bytes) -> None:
    chunks = (b"10000\r\n" + bytes(0x10000) + b"\r\n") * 128
    body = chunks if b"chunked" in head else bytes(8 * 1024 * 1024)
    answer = server.raw(b"POST /body HTTP/1.1\r\nHost: h\r\n" + head + b"\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
        b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
    ],
)
def test_malformed_http_is_a_bad_request(server: Server, request_bytes: bytes) -> None:
    assert server.raw(request_bytes).startswith(b"HTTP/1.1 400 ")
    assert server.ask("GET", "/hello").status == 200


def test_a_body_that_breaks_off_never_reaches_the_app(server: Server) -> None:
    head = b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nonly this"
    assert b'"bytes"' not in server.raw(head, half_close=True)
    assert server.ask("GET", "/hello").status == 200


def test_a_slow_sender_holds_nobody_up(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
        assert server.ask("GET", "/hello").status == 200
        connection.sendall(b" whole")
        assert b'{"bytes":10}' in connection.recv(65536)


@pytest.mark.parametrize("path", ["/unserialisable", "/split-header"])
def test_an_app_without_an_answer_is_a_bad_gateway(server: Server, path: str) -> None:
    assert_problem(server.ask("GET", path), 502, "BadGateway")


def test_repeated_answer_headers_stay_apart(server: Server) -> None:
    answer = server.raw(b"GET /cookies HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").lower()
    assert b"set-cookie: a=1\r\n" in answer
    assert b"set-cookie: b=2\r\n" in answer


def test_bytes_are_answered_as_bytes(server: Server) -> None:
    reply = server.ask("GET", "/image", headers={"Accept": "image/png"})
    assert reply.headers["content-type"] == "image/png"
    assert reply.body == b"\x89PNG" + bytes(5000)


def test_the_apps_own_authorizer_is_asked(server: Server) -> None:
    def ask(headers: dict[str, str]) -> Reply:
        return server.ask("GET", "/guarded", headers=headers)

    assert ask({"Authorization": "pedro"}).json == {"principal": "pedro"}
    assert_problem(ask({"Authorization": "joao"}), 403, "Forbidden")
    assert_problem(ask({}), 401, "Unauthorized")


def test_a_route_that_only_aws_can_guard_is_not_served() -> None:
    app = Chalice("guarded", configure_logs=False, env={})
    app.route("/iam", authorizer=IAMAuthorizer())(dict)
    with pytest.raises(UnsupportedRoute, match="GET /iam"):
        Gateway(app, storage=None, assets={}, cors_origins=[])
