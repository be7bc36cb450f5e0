"""A client of the API, through the same events that API Gateway would send."""

import json
from copy import copy
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from chalice.app import Chalice
from chalice.config import Config
from chalice.local import LocalGateway, LocalGatewayException
from chalice.test import HTTPResponse

from app import app as the_app
from chalicelib.core.auth import issue_access_token
from chalicelib.core.clock import utc_now


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class Client:
    """Sends requests, with a token when it has one."""

    app: Chalice = the_app

    def __init__(self, token: str | None = None, usuario_id: int = 0, login: str = "") -> None:
        self.token = token
        self.usuario_id = usuario_id
        self.login = login

    @classmethod
    def signed_in(cls, usuario_id: int, login: str) -> Self:
        """A client with a fresh access token of a user."""
        return cls(issue_access_token(usuario_id, utc_now())[0], usuario_id, login)

    def on(self, app: Chalice) -> Self:
        """The same caller at another app."""
        found = copy(self)
        found.app = app
        return found

    @property
    def subject(self) -> str:
        """The user's name in jobs and the audit trail."""
        return f"usuario:{self.usuario_id}"

    def get(self, path: str, **query: Any) -> Answer:
        """GET, with query parameters."""
        return self.request("GET", path + ("?" + urlencode(query, doseq=True) if query else ""))

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        """POST JSON, or bytes as they are."""
        return self.request("POST", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> Answer:
        """PUT JSON."""
        return self.request("PUT", path, body, **options)

    def patch(self, path: str, body: Any = None) -> Answer:
        """PATCH JSON."""
        return self.request("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        """DELETE."""
        return self.request("DELETE", path)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Any request."""
        sent = {"content-type": content_type, **(headers or {})}
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        data = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        return self.send(method, path, sent, data)

    def send(self, method: str, path: str, headers: dict[str, str], data: bytes) -> Answer:
        """Hand a request over, as API Gateway would."""
        # Chalice's own test client would swap `os.environ` meanwhile, for every thread, and two
        # requests at once would leave a copy behind.
        try:
            found = LocalGateway(self.app, Config()).handle_request(method, path, headers, data)
        except LocalGatewayException as refusal:
            return Answer(refusal.CODE, dict(refusal.headers), refusal.body or b"")
        response = HTTPResponse.create_from_dict(found)
        return Answer(response.status_code, dict(response.headers), response.body)


def assert_problem(answer: Answer, status: int, title: str) -> dict[str, Any]:
    """The answer is this problem, in the one shape of problems; returns its document."""
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json
    assert document["title"] == title
    assert document["status"] == status
    assert document["type"] == f"urn:previsto:{title}"
    assert document["request_id"] == answer.headers["X-Request-Id"]
    assert document["detail"]
    return document
