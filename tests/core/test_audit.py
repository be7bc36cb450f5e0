"""The trail: written with the change it tells of, and never changed afterwards."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import ProgrammingError

from chalicelib.core import audit
from chalicelib.core.auth import Role
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.core.telemetry import correlated
from tests.client import Client, assert_problem
from tests.conftest import MakeUser


def _record() -> None:
    with correlated("the-request-that-asked"), unit_of_work(tenant=HOUSE) as session:
        audit.record(
            session, tenant=HOUSE, ator="usuario:1", acao="teste.feito", objeto="teste:1", n=5
        )


def test_entry_says_who_did_what_to_what_for_which_request(environment: dict[str, str]) -> None:
    _record()
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        fields = "tenant, ator, acao, objeto, detalhes, request_id"
        (entry,) = session.execute(text(f"SELECT {fields} FROM auditoria")).all()
    assert tuple(entry) == (
        HOUSE,
        "usuario:1",
        "teste.feito",
        "teste:1",
        {"n": 5},
        "the-request-that-asked",
    )


@pytest.mark.parametrize("role", list(DatabaseRole))
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE auditoria SET ator = 'nobody'",
        "DELETE FROM auditoria",
        "TRUNCATE auditoria",
        "DROP TABLE auditoria",
        "ALTER TABLE auditoria DISABLE ROW LEVEL SECURITY",
        "SELECT 1 FROM auditoria FOR UPDATE",
    ],
)
def test_no_role_of_the_program_can_change_the_trail(
    environment: dict[str, str], role: DatabaseRole, statement: str
) -> None:
    _record()
    with (
        pytest.raises(ProgrammingError, match=r"42501"),
        unit_of_work(tenant=HOUSE, role=role) as session,
    ):
        session.execute(text(statement))
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        assert session.execute(text("SELECT ator FROM auditoria")).scalars().all() == ["usuario:1"]


FIRST = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def reader(client_of: MakeUser) -> Client:
    """An admin who reads the trail; that they were added is on it, newest of all."""
    return client_of(Role.ADMIN)


@pytest.fixture
def entries(environment: dict[str, str]) -> None:
    """Twelve entries of the house, an hour apart, and one of another tenant."""
    rows: list[dict[str, Any]] = [
        {
            "tenant": HOUSE if n < 12 else "outra",
            "em": FIRST + timedelta(hours=n),
            "ator": f"usuario:{n % 3}",
            "acao": ("plano.criado", "aluno.registrado")[n % 2],
            "objeto": f"coisa:{n}",
            "detalhes": {"n": n},
            "request_id": f"request-{n}",
        }
        for n in range(13)
    ]
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(insert(audit.Auditoria), rows)


def _objects(client: Client, **query: Any) -> list[str]:
    answer = client.get("/auditoria", **query)
    assert answer.status == 200, answer.body
    return [item["objeto"] for item in answer.json["items"]]


@pytest.mark.usefixtures("entries")
def test_trail_is_read_newest_first_page_by_page(reader: Client) -> None:
    page = reader.get("/auditoria", limit=5)
    assert (page.json["total"], page.json["total_exact"]) == (13, True)
    assert page.json["items"][0]["acao"] == "usuario.criado"
    found = [item["objeto"] for item in page.json["items"][1:]]
    while page.json["next"]:
        page = reader.request("GET", page.json["next"])
        found += [item["objeto"] for item in page.json["items"]]
    assert found == [f"coisa:{n}" for n in reversed(range(12))]


@pytest.mark.usefixtures("entries")
def test_entry_is_shown_whole(reader: Client) -> None:
    (entry,) = reader.get("/auditoria", objeto="coisa:4").json["items"]
    (before,) = reader.get("/auditoria", objeto="coisa:3").json["items"]
    assert entry.pop("id") > 0
    assert entry == {
        "em": "2026-03-02T04:00:00Z",
        "ator": "usuario:1",
        "acao": "plano.criado",
        "objeto": "coisa:4",
        "detalhes": {"n": 4},
        "request_id": "request-4",
        "seq": 5,
        "anterior": before["hash"],
        "hash": entry["hash"],
    }


@pytest.mark.usefixtures("entries")
def test_filters_narrow_each_other(reader: Client) -> None:
    assert _objects(reader, ator="usuario:2") == [f"coisa:{n}" for n in (11, 8, 5, 2)]
    assert _objects(reader, ator="usuario:2", acao="plano.criado") == ["coisa:8", "coisa:2"]
    until = (FIRST + timedelta(hours=5)).isoformat()
    assert _objects(reader, ate=until) == [f"coisa:{n}" for n in (4, 3, 2, 1, 0)]
    since = (FIRST + timedelta(hours=3)).isoformat()
    assert _objects(reader, desde=since, ate=until) == ["coisa:4", "coisa:3"]
    assert _objects(reader, ator="nobody") == []


@pytest.mark.usefixtures("entries")
def test_each_tenant_reads_its_own_trail(client_of: MakeUser) -> None:
    stranger = client_of(Role.ADMIN, "outra")
    assert _objects(stranger) == [stranger.subject, "coisa:12"]
    assert _objects(stranger, objeto="coisa:4") == []


def test_instant_without_offset_is_refused(reader: Client) -> None:
    assert_problem(reader.get("/auditoria", desde="2026-03-02"), 422, "ValidationFailed")


@pytest.mark.parametrize("column", ["ator", "acao", "objeto"])
def test_each_filter_is_found_by_an_index(
    environment: dict[str, str], used_database: tuple[str, Engine], column: str
) -> None:
    with used_database[1].begin() as owner:  # What other tests have left decides, otherwise.
        owner.execute(text("TRUNCATE auditoria"))
    with unit_of_work(tenant=HOUSE) as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        question = f"EXPLAIN SELECT * FROM auditoria WHERE {column} = 'x' ORDER BY em DESC, id DESC"
        plan = "\n".join(session.scalars(text(question)))
    assert f"auditoria_{column}_idx" in plan
    assert "Sort" not in plan
