"""`/status` and `/health`: every dependency is really asked."""

from pathlib import Path

import pytest

from chalicelib.core.auth import Role
from chalicelib.core.db import dispose_engines
from chalicelib.core.settings import settings
from chalicelib.core.uploads import object_store
from tests.client import Answer, Client, assert_problem
from tests.conftest import MakeUser
from tests.core.conftest import MakeJob


def _states(answer: Answer) -> dict[str, str]:
    return {d["nome"]: d["estado"] for d in answer.json["dependencias"]}


@pytest.fixture
def without_database(anonymous: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's address leads nowhere."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres@127.0.0.1:9/nothing")
    dispose_engines()
    settings.cache_clear()


def test_all_is_well(anonymous: Client) -> None:
    answer = anonymous.get("/status")
    assert (answer.status, answer.json["estado"]) == (200, "up")
    assert _states(answer) == {"database": "up", "queue": "up", "storage": "up", "cache": "absent"}
    asked = [d for d in answer.json["dependencias"] if d["estado"] == "up"]
    assert all(dependency["latencia_ms"] > 0 for dependency in asked)
    assert answer.headers["Cache-Control"] == "no-store"
    assert anonymous.get("/health/ready").status == 200


def test_details_are_for_admins(
    anonymous: Client, admin: Client, client_of: MakeUser, make_job: MakeJob
) -> None:
    make_job()
    for client in (anonymous, client_of(Role.CIENTISTA)):
        found = client.get("/status").json["dependencias"]
        assert {dependency["detalhe"] for dependency in found} == {None}
    details = {d["nome"]: d["detalhe"] for d in admin.get("/status").json["dependencias"]}
    assert details["database"][0].isdigit()
    assert (details["queue"], details["storage"]) == ("1 jobs due", "file")


def test_bad_token_is_refused_rather_than_ignored(anonymous: Client) -> None:
    headers = {"authorization": "Bearer a.b.c"}
    assert_problem(anonymous.request("GET", "/status", headers=headers), 401, "TokenInvalid")


@pytest.mark.usefixtures("without_database")
@pytest.mark.parametrize("path", ["/status", "/health/ready"])
def test_database_down_is_503_and_named(anonymous: Client, path: str) -> None:
    answer = anonymous.get(path)
    assert (answer.status, answer.json["estado"]) == (503, "down")
    states = _states(answer)
    assert (states["database"], states["queue"], states["storage"]) == ("down", "down", "up")
    assert b"127.0.0.1" not in answer.body


@pytest.mark.usefixtures("without_database")
def test_process_is_alive_without_its_database(anonymous: Client) -> None:
    assert anonymous.get("/health/live").status == 200


def test_storage_down_is_503_and_named(admin: Client, environment: dict[str, str]) -> None:
    Path(environment["DATA_DIR"]).write_text("a file where a folder should be")
    object_store.cache_clear()
    answer = admin.get("/status")
    assert (answer.status, answer.json["estado"]) == (503, "down")
    assert _states(answer)["storage"] == "down"
    storage = next(d for d in answer.json["dependencias"] if d["nome"] == "storage")
    assert storage["detalhe"] == "StorageUnavailable"
