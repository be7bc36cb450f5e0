"""`/status` and `/health`: every dependency is really asked."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.core import doorbells, status
from chalicelib.core.auth import Role
from chalicelib.core.db import dispose_engines
from chalicelib.core.redis_link import redis_link
from chalicelib.core.settings import settings
from chalicelib.core.uploads import object_store
from tests.client import Answer, Client, assert_problem
from tests.conftest import MakeUser
from tests.core.conftest import MakeJob
from tests.core.proxy import silence


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
    assert _states(answer) == {
        "database": "up",
        "queue": "up",
        "broker": "absent",
        "storage": "up",
        "cache": "absent",
    }
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


def test_broker_that_is_away_is_named_and_requests_go_on(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUE_URL", "amqp://guest:guest@127.0.0.1:9/%2F")
    settings.cache_clear()
    doorbells.doorbell.cache_clear()
    answer = admin.get("/status")
    assert (answer.status, answer.json["estado"]) == (200, "up")
    assert _states(answer)["broker"] == "down"
    assert b"guest" not in answer.body


@pytest.fixture
def cache_at(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Names the cache."""

    def set_url(url: str) -> None:
        monkeypatch.setenv("CACHE_URL", url)
        settings.cache_clear()
        redis_link.cache_clear()

    return set_url


def test_cache_is_named(anonymous: Client, cache_at: Callable[[str], None], redis_url: str) -> None:
    cache_at(redis_url)
    answer = anonymous.get("/status")
    assert (answer.status, _states(answer)["cache"]) == (200, "up")


def test_cache_that_is_away_is_named_and_keeps_nobody_from_working(
    anonymous: Client, cache_at: Callable[[str], None]
) -> None:
    cache_at("redis://127.0.0.1:9/0")
    for path in ("/status", "/health/ready"):
        answer = anonymous.get(path)
        assert (answer.status, answer.json["estado"]) == (200, "up")
        assert _states(answer)["cache"] == "down"


def test_dependency_that_hangs_is_down_and_is_asked_once(
    admin: Client, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, released = [], threading.Event()

    def hang() -> str:
        asked.append(1)
        released.wait(60)
        return "at last"

    monkeypatch.setitem(status.PROBES, "oracle", hang)
    try:
        for _ in range(3):
            answer = admin.get("/status")
            oracle = next(d for d in answer.json["dependencias"] if d["nome"] == "oracle")
            assert (answer.status, oracle["estado"]) == (503, "down")
            assert oracle["detalhe"] == "no answer within 2 s"
            assert _states(answer)["database"] == "up"
        assert len(asked) == 1
    finally:
        hanging = status._probes["oracle"]
        released.set()
    assert hanging.done.wait(10)
    assert _states(admin.get("/status"))["oracle"] == "up"


def test_database_that_accepts_and_never_answers_is_down(
    anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with silence() as port:
        monkeypatch.setenv("DATABASE_URL", f"postgresql://previsto@127.0.0.1:{port}/nothing")
        dispose_engines()
        settings.cache_clear()
        answer = anonymous.get("/health/ready")
        assert (answer.status, answer.json["estado"]) == (503, "down")
        assert (_states(answer)["database"], _states(answer)["storage"]) == ("down", "up")
        hanging = [status._probes[name] for name in ("database", "queue")]
    assert all(probe.done.wait(10) for probe in hanging)  # The closed socket ends them.
