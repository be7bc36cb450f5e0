"""A few calls of our API, where speed is not what is measured."""

import http.client
import json
from typing import Any

from tests.bench.world import LOGIN


class CallRefused(Exception):
    """The API refused what the benchmark needs."""


def call(port: int, method: str, path: str, token: str = "", body: Any = None) -> Any:
    """What the API answers, as Python values.

    Raises:
        CallRefused: The status is no success.
    """
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
    finally:
        connection.close()
    if answer.status >= 300:
        raise CallRefused(f"{method} {path}: {found}")
    return found


def sign_in(port: int, password: str) -> str:
    """An access token of the admin."""
    credentials = {"username": LOGIN, "password": password}
    token: str = call(port, "POST", "/auth/token", body=credentials)["access_token"]
    return token
