"""Chalice apps that the gateway's tests serve; importable, so that workers can load them."""

import os
import time
from typing import Any

from chalice.app import AuthRequest, AuthResponse, Chalice, Request, Response

from infra.local.gateway import Gateway, build_gateway

# `env` keeps Chalice from writing into this process's environment.
app = Chalice("gateway-tests", configure_logs=False, env={})


def _request() -> Request:
    assert app.current_request is not None
    return app.current_request


def _event() -> dict[str, Any]:
    return _request().to_original_event()


@app.route("/")
def root() -> str:
    return "root"


@app.route("/hello")
def hello() -> dict[str, str]:
    return {"hello": "world"}


@app.route("/event", methods=["GET", "POST", "PUT"], content_types=["*/*"])
def show_event() -> dict[str, Any]:
    return _event()


@app.route("/body", methods=["POST"], content_types=["*/*"])
def measure_body() -> dict[str, int]:
    return {"bytes": len(_request().raw_body)}


@app.route("/items/{item}")
def show_item(item: str) -> dict[str, Any]:
    return {"item": item, "parameters": _event()["pathParameters"]}


@app.route("/items/latest")
def show_latest() -> dict[str, str]:
    return {"item": "(the latest)"}


@app.route("/items/{item}/parts/{part}", methods=["GET", "DELETE"])
def show_part(item: str, part: str) -> list[str]:
    return [item, part]


@app.route("/large")
def large() -> Response:
    rows = [{"id": number, "nome": f"Aluno {number}"} for number in range(200)]
    return Response(
        rows, headers={"Content-Type": "application/json", "ETag": '"v1"', "Vary": "Accept"}
    )


@app.route("/image")
def image() -> Response:
    return Response(b"\x89PNG" + bytes(5000), headers={"Content-Type": "image/png"})


@app.route("/cookies")
def cookies() -> Response:
    return Response("", headers={"Set-Cookie": ["a=1", "b=2"], "Content-Type": "text/plain"})


@app.route("/unserialisable")
def unserialisable() -> Any:
    return {"a": object()}


@app.route("/split-header")
def split_header() -> Response:
    return Response("", headers={"X-A": "1\r2"})


@app.route("/own-options", methods=["OPTIONS"])
def own_options() -> Response:
    return Response("", status_code=299)


@app.route("/own-cors", cors=True)
def own_cors() -> str:
    return "own"


@app.route("/slow")
def slow() -> str:
    time.sleep(0.7)
    return "slow but whole"


@app.route("/pid")
def pid() -> int:
    return os.getpid()


@app.route("/whoami", methods=["GET", "POST"])
def whoami() -> dict[str, Any]:
    """What this call is, before and after it has waited."""
    before = _request().headers["authorization"]
    context = app.lambda_context.aws_request_id
    time.sleep(0.001)
    return {
        "before": before,
        "after": _request().headers["authorization"],
        "own_context": context == app.lambda_context.aws_request_id,
    }


@app.authorizer()
def only_pedro(request: AuthRequest) -> AuthResponse:
    return AuthResponse(["*"] if request.token == "pedro" else [], "pedro")


@app.route("/guarded", authorizer=only_pedro)
def guarded() -> dict[str, str]:
    return {"principal": _event()["requestContext"]["authorizer"]["principalId"]}


def gateway_over_plain_chalice() -> Gateway:
    """The mistake law 10 forbids, to show that its test can see it."""
    gateway = build_gateway()
    app.__class__ = Chalice
    return gateway
