"""Lists: bounded, stable while rows come in, and cheap however many rows there are."""

import base64
import inspect
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, insert, text
from sqlalchemy.engine import Engine

from chalicelib.core.auth import Role
from chalicelib.core.db import DatabaseRole, engine, unit_of_work
from chalicelib.core.jobs import Job
from chalicelib.core.pages import AS_INSTANT, AS_UUID, CursorInvalid, decode_cursor, encode_cursor
from chalicelib.core.settings import HOUSE
from tests.client import Client, assert_problem
from tests.conftest import MakeUser


def add_jobs(count: int, owner: str = "usuario:0", at: datetime | None = None) -> None:
    """Finished jobs, so that nothing comes for them."""
    row: dict[str, Any] = {
        "tenant": HOUSE,
        "owner": owner,
        "queue": "sample_queue",
        "message": {},
        "request_id": "0" * 32,
        "attempt_limit": 1,
        "state": "succeeded",
    }
    if at:
        row["created_at"] = at
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(insert(Job), [{**row, "id": uuid4()} for _ in range(count)])


@contextmanager
def statements(on: Engine) -> Iterator[list[str]]:
    """The SQL that an engine sends meanwhile."""
    sent: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(on, "before_cursor_execute", note)
    yield sent
    event.remove(on, "before_cursor_execute", note)


def packed(position: Any) -> str:
    """A cursor as a client could forge it."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def test_walk_sees_every_row_once_while_rows_come_in(admin: Client) -> None:
    add_jobs(12)  # One insert: all of them have the same instant, so only the id tells them apart.
    add_jobs(13)
    before = {job["id"] for job in admin.get("/jobs", limit=100).json["items"]}
    assert len(before) == 25
    seen: list[str] = []
    address = "/jobs?limit=4"
    while address:
        answer = admin.request("GET", address)
        page = answer.json
        seen += [job["id"] for job in page["items"]]
        assert answer.headers.get("Link") == (page["next"] and f'<{page["next"]}>; rel="next"')
        address = page["next"]
        add_jobs(1)
    assert len(seen) == len(set(seen))
    assert set(seen) == before


def test_last_page_has_no_next_even_when_it_is_full(admin: Client) -> None:
    add_jobs(4)
    first = admin.get("/jobs", limit=2).json
    second = admin.request("GET", first["next"]).json
    assert (len(first["items"]), len(second["items"]), second["next"]) == (2, 2, None)


def test_empty_list_is_a_page(admin: Client) -> None:
    answer = admin.get("/jobs").json
    assert answer == {"items": [], "total": 0, "total_exact": True, "next": None}


def test_next_keeps_the_filters(admin: Client) -> None:
    add_jobs(3)
    following = admin.get("/jobs", limit=1, queue="sample_queue", state="succeeded").json["next"]
    assert following.startswith("/jobs?limit=1&queue=sample_queue&state=succeeded&cursor=")
    assert admin.request("GET", following).json["total"] == 3


@pytest.mark.parametrize("path", ["/jobs", "/auth/usuarios"])
def test_limit_is_at_most_a_hundred_and_at_least_one(admin: Client, path: str) -> None:
    for limit in (0, -1, 101, 10**20, "x", "1.5"):
        assert_problem(admin.get(path, limit=limit), 422, "ValidationFailed")
    assert admin.get(path, limit=100).status == 200


INSTANTS = st.integers(0, 7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
NOW = "2026-03-02T07:15:00+00:00"
FORGED = [
    "x",
    "%%%",
    "çç",
    "e30",
    packed([]),
    packed({}),
    packed(None),
    packed([[]]),
    packed(["x", "y"]),
    packed([None, None]),
    packed([NOW, 5]),
    packed([NOW, {}]),
    packed([NOW, str(UUID(int=5)), 1]),
    packed(["0001-01-01T00:00:00+14:00", str(UUID(int=5))]),
    packed(["2026-03-02T07:15:00", str(UUID(int=5))]),
    packed([10**30]),
    packed([-(10**30)]),
    packed([1e400]),
    packed(["1" * 200]),
    packed([[["x"]], [["y"]]]),
]


@pytest.mark.parametrize("path", ["/jobs", "/auth/usuarios"])
def test_forged_cursor_is_refused(admin: Client, path: str) -> None:
    for cursor in FORGED:
        assert_problem(admin.get(path, cursor=cursor), 400, "CursorInvalid")


def test_cursor_of_another_list_is_refused(admin: Client, client_of: MakeUser) -> None:
    add_jobs(2)
    client_of(Role.LEITOR)
    of_jobs = admin.get("/jobs", limit=1).json["next"].rpartition("=")[2]
    of_usuarios = admin.get("/auth/usuarios", limit=1).json["next"].rpartition("=")[2]
    assert_problem(admin.get("/auth/usuarios", cursor=of_jobs), 400, "CursorInvalid")
    assert_problem(admin.get("/jobs", cursor=of_usuarios), 400, "CursorInvalid")


@given(INSTANTS, st.uuids())
def test_cursor_gives_back_what_was_packed(at: datetime, identifier: UUID) -> None:
    cursor = encode_cursor([at.isoformat(), identifier])
    assert cursor.isascii()
    assert decode_cursor(cursor, (AS_INSTANT, AS_UUID)) == [at, identifier]


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading_of_cursors(cursor: str) -> None:
    try:
        decode_cursor(cursor, (AS_INSTANT, AS_UUID))
    except CursorInvalid:
        return
    raise AssertionError(f"{cursor!r} was taken for a cursor")


@pytest.mark.parametrize("path", ["/jobs", "/auth/usuarios"])
def test_list_costs_the_same_statements_however_long_it_is(admin: Client, path: str) -> None:
    counts = []
    for more in (0, 60):
        add_jobs(more) if more else None
        admin.get(path)  # The caller is known from here on.
        with statements(engine(DatabaseRole.APP)) as sent:
            assert admin.get(path, limit=50).status == 200
        counts.append(len(sent))
    assert counts == [2, 2]


def test_total_is_exact_up_to_ten_thousand(admin: Client) -> None:
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        copies = (
            "INSERT INTO jobs (tenant, owner, queue, message, request_id, attempt_limit, state)"
            " SELECT 'casa', 'usuario:0', 'q', '{}', '0', 1, 'succeeded' FROM"
            " generate_series(1, :n)"
        )
        session.execute(text(copies), {"n": 10_000})
    exact = admin.get("/jobs", limit=1).json
    add_jobs(1)
    beyond = admin.get("/jobs", limit=1).json
    assert (exact["total"], exact["total_exact"]) == (10_000, True)
    assert (beyond["total"], beyond["total_exact"]) == (10_000, False)


def test_a_cursor_that_nests_too_deep_is_refused_however_deep_the_stack_is_already() -> None:
    cursor = base64.b64encode(b"[" * 890).decode()
    stack = sys.getrecursionlimit() - len(inspect.stack())

    def called_from(depth: int) -> None:
        if depth:
            called_from(depth - 1)
        else:
            decode_cursor(cursor, (AS_INSTANT, AS_UUID))

    with pytest.raises(CursorInvalid):
        called_from(stack // 2)
