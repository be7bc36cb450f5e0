"""What the gym creates is created once, however often the same request arrives."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.idempotency import HEADER, REPLAYED
from tests.client import Answer, Client, assert_problem
from tests.gym.conftest import MakeAluno, count
from tests.gym.work import CSV, counts, finished_job

KEYED = {HEADER: "balcao-1"}


def _twice(client: Client, path: str, body: Any = None, **options: Any) -> tuple[Answer, Answer]:
    """The answers to a request and to its repetition, which are the same."""
    first, again = (client.post(path, body, headers=KEYED, **options) for _ in range(2))
    assert (again.status, again.body) == (first.status, first.body)
    assert (REPLAYED in first.headers, again.headers[REPLAYED]) == (False, "true")
    return first, again


def _rows(table: str) -> int:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        return int(session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


def _objects(environment: dict[str, str]) -> int:
    stored = Path(environment["DATA_DIR"]) / "objects"
    return sum("/uploads/" in path.as_posix() for path in stored.rglob("*") if path.is_file())


def test_member_is_registered_once(operador: Client, plano_id: int) -> None:
    new = {"nome": "Ana Lima", "email": "ana@example.com", "plano_id": plano_id}
    first, _ = _twice(operador, "/aluno/registro", new)
    assert first.status == 201
    assert count("alunos") == 1


def test_refused_member_is_registered_once_repaired(operador: Client, plano_id: int) -> None:
    new = {"nome": "Ana Lima", "email": "ana@example.com", "plano_id": 404}
    refused = operador.post("/aluno/registro", new, headers=KEYED)
    assert_problem(refused, 422, "PlanoUnknown")
    _twice(operador, "/aluno/registro", {**new, "plano_id": plano_id})
    assert count("alunos") == 1


def test_one_key_may_serve_two_paths(operador: Client, plano_id: int) -> None:
    plano = {"nome": "Anual", "mensalidade": "99.90"}
    new = {"nome": "Ana Lima", "email": "ana@example.com", "plano_id": plano_id}
    _twice(operador, "/planos", plano)
    _twice(operador, "/aluno/registro", new)


def test_entry_is_recorded_once_without_an_event_key(
    operador: Client, make_aluno: MakeAluno
) -> None:
    entry = {"aluno_id": make_aluno()}
    first, _ = _twice(operador, "/aluno/checkin", entry)
    assert (first.status, count("checkins")) == (201, 1)
    assert_problem(operador.post("/aluno/checkin", entry), 409, "CheckinAberto")


def test_refused_entry_leaves_no_trace(operador: Client, make_aluno: MakeAluno) -> None:
    inside = {"aluno_id": make_aluno()}
    operador.post("/aluno/checkin", inside)
    refused = operador.post("/aluno/checkin", inside, headers=KEYED)
    assert_problem(refused, 409, "CheckinAberto")
    assert (count("checkins"), _rows("idempotency_keys")) == (1, 0)


@pytest.mark.parametrize("path", ["/aluno/checkin/lote", "/aluno/registro/lote"])
def test_file_is_stored_and_imported_once(
    operador: Client, environment: dict[str, str], path: str
) -> None:
    first, again = _twice(operador, path, b"email\nana@example.com\n", content_type=CSV)
    assert first.status == 202
    assert again.headers["Location"] == first.headers["Location"]
    assert (_rows("jobs"), _rows("uploads"), _objects(environment)) == (1, 1, 1)


def test_repetition_shows_the_job_as_it_was_promised(
    operador: Client, make_aluno: MakeAluno
) -> None:
    rows = f"aluno_id,entrada\n{make_aluno()},2026-03-02T07:15:00-03:00\n".encode()
    accepted, _ = _twice(operador, "/aluno/checkin/lote", rows, content_type=CSV)
    assert counts(finished_job(operador, accepted)["result"]) == (1, 0, 0)
    late = operador.post("/aluno/checkin/lote", rows, content_type=CSV, headers=KEYED)
    assert (late.body, late.json["state"]) == (accepted.body, "queued")


def test_training_is_asked_for_once_even_after_it_ended(admin: Client) -> None:
    first, _ = _twice(admin, "/admin/atualizar-modelo")
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text("UPDATE jobs SET state = 'cancelled'"))
    again = admin.post("/admin/atualizar-modelo", headers=KEYED)
    assert (again.body, _rows("jobs")) == (first.body, 1)
