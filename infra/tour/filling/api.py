"""The API, as a program that fills an installation asks it."""

import time
from collections.abc import Mapping
from typing import Any

import requests

JOB_SECONDS = 300.0
LOOK_SECONDS = 0.3


class NotDone(Exception):
    """The installation did not do what it was asked for."""


class Api:
    """Asks as somebody; a refusal ends the filling."""

    def __init__(self, url: str, token: str = "") -> None:
        """Take where the API is, and as whom to ask."""
        self.url = url
        self._calls = requests.Session()
        if token:
            self._calls.headers["Authorization"] = f"Bearer {token}"

    @classmethod
    def of(cls, url: str, login: str, password: str) -> "Api":
        """The API as a user of it."""
        said = requests.post(
            f"{url}/auth/token", data={"username": login, "password": password}, timeout=30
        )
        said.raise_for_status()
        return cls(url, said.json()["access_token"])

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """One call; gives what was answered.

        Raises:
            NotDone: It was refused.
        """
        given = {"data": body} if isinstance(body, bytes) else {"json": body}
        answer = self._calls.request(method, self.url + path, **given, timeout=60, **options)
        if not answer.ok:
            raise NotDone(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def get(self, path: str, **query: Any) -> Any:
        """Look something up."""
        return self.ask("GET", path, params=query)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        """Have something made or done."""
        return self.ask("POST", path, {} if body is None else body, **options)

    def put(self, path: str, body: Any) -> Any:
        """Set something."""
        return self.ask("PUT", path, body)

    def put_file(self, content: bytes, media_type: str) -> str:
        """Leave a file in the store by a signed upload; gives its key.

        Raises:
            NotDone: It was refused.
        """
        asked = {"tamanho_bytes": len(content), "content_type": media_type}
        grant = self.post("/uploads", asked)
        sent = requests.put(
            grant["url"], data=content, headers={"Content-Type": media_type}, timeout=60
        )
        if not sent.ok:
            raise NotDone(f"upload: {sent.status_code} {sent.text[:500]}")
        key: str = grant["objeto"]
        return key

    def finished(self, job_id: str) -> Mapping[str, Any]:
        """A job's result, once it has one.

        Raises:
            NotDone: It failed, or takes too long.
        """
        deadline = time.monotonic() + JOB_SECONDS
        while True:
            job = self.get(f"/jobs/{job_id}")
            if job["state"] == "succeeded":
                result: Mapping[str, Any] = job["result"] or {}
                return result
            if job["state"] in ("failed", "cancelled") or time.monotonic() > deadline:
                raise NotDone(f"job {job_id} of {job['queue']}: {job['state']} {job['error']}")
            time.sleep(LOOK_SECONDS)

    def all_finished(self) -> None:
        """Wait until no job is waiting or under way.

        Raises:
            NotDone: They take too long.
        """
        deadline = time.monotonic() + JOB_SECONDS
        while any(self.get("/jobs", state=state)["items"] for state in ("queued", "running")):
            if time.monotonic() > deadline:
                raise NotDone("jobs are still under way")
            time.sleep(LOOK_SECONDS)
