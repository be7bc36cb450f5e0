"""The trail: written with the change it tells of, and never changed afterwards."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from chalicelib.core import audit
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.core.telemetry import correlated


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
