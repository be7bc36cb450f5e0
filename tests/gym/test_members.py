"""Registration at the desk."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import text

from chalicelib.core.auth import Principal, Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.errors import Problem
from chalicelib.gym.schemas import AlunoIn
from chalicelib.gym.service_members import ensure_planos, register_aluno
from tests.client import Client, assert_problem
from tests.conftest import MakeUser
from tests.gym.conftest import count


def _ana(plano_id: int, /, **changes: Any) -> dict[str, Any]:
    return {"nome": "Ana Lima", "email": "ana@example.com", "plano_id": plano_id} | changes


def test_new_member_is_active_from_now_on(operador: Client, plano_id: int) -> None:
    before = utc_now()
    answer = operador.post(
        "/aluno/registro",
        _ana(plano_id, telefone="+55 11 98765-4321", data_nascimento="1990-05-17"),
    )
    assert answer.status == 201
    assert answer.json["nome"] == "Ana Lima"
    assert answer.json["ativo"] is True
    assert answer.json["data_nascimento"] == "1990-05-17"
    with unit_of_work(autocommit=True) as session:
        desde, ativo = session.execute(text("SELECT desde, ativo FROM aluno_vigencias")).one()
    assert before <= desde <= utc_now()
    assert ativo
    assert operador.get(f"/aluno/{answer.json['id']}/frequencia").json["total"] == 0


def test_registration_leaves_a_trail(operador: Client, plano_id: int) -> None:
    aluno_id = operador.post("/aluno/registro", _ana(plano_id)).json["id"]
    with unit_of_work(tenant="casa", autocommit=True) as session:
        trail = session.execute(
            text("SELECT ator, acao FROM auditoria WHERE objeto = :objeto"),
            {"objeto": f"aluno:{aluno_id}"},
        ).all()
    assert [tuple(row) for row in trail] == [(operador.subject, "aluno.registrado")]


def test_email_in_any_case_is_taken_once(operador: Client, plano_id: int) -> None:
    assert operador.post("/aluno/registro", _ana(plano_id)).status == 201
    for email in ("ana@example.com", "ANA@Example.COM", "  Ana@example.com "):
        answer = operador.post("/aluno/registro", _ana(plano_id, nome="Outra Ana", email=email))
        document = assert_problem(answer, 409, "EmailTaken")
        assert "ana@" not in document["detail"].lower()
    assert count("alunos") == 1
    assert count("aluno_vigencias") == 1


def test_of_two_desks_at_once_one_registers(plano_id: int, operador: Client) -> None:
    ana = AlunoIn(**_ana(plano_id))

    def register(_: int) -> str:
        try:
            with unit_of_work(tenant="casa") as session:
                register_aluno(session, _principal(operador), ana, utc_now())
        except Problem as problem:
            return type(problem).__name__
        return "registered"

    with ThreadPoolExecutor(2) as desks:
        outcomes = sorted(desks.map(register, range(2)))
    assert outcomes == ["EmailTaken", "registered"]
    assert count("alunos") == 1


def _principal(client: Client) -> Principal:
    return Principal(client.subject, client.usuario_id, Role.OPERADOR, "casa")


def test_unknown_plano_is_refused_and_those_on_offer_are_named(
    operador: Client, plano_id: int
) -> None:
    with unit_of_work() as session:
        premium = ensure_planos(session, {"Premium": "199.90"})["Premium"]
    document = assert_problem(
        operador.post("/aluno/registro", _ana(premium + 999)), 422, "PlanoUnknown"
    )
    assert f"{plano_id} (Padrão), {premium} (Premium)" in document["detail"]
    assert count("alunos") == 0


def test_unknown_plano_where_there_is_none(operador: Client) -> None:
    document = assert_problem(operador.post("/aluno/registro", _ana(1)), 422, "PlanoUnknown")
    assert "none yet" in document["detail"]


BAD_INPUT: list[tuple[str, Any]] = [
    ("nome", "   "),
    ("nome", "a" * 201),
    ("nome", None),
    ("email", "not-an-address"),
    ("email", "ana@localhost"),
    ("email", "a na@example.com"),
    ("email", f"{'a' * 65}@example.com"),
    ("plano_id", 0),
    ("plano_id", "um"),
    ("plano_id", 2**63),
    ("telefone", "call me"),
    ("data_nascimento", "17/05/1990"),
    ("data_nascimento", "1899-12-31"),
    ("data_nascimento", "2199-01-01"),
    ("cpf", "00000000000"),
]


def test_bad_input_is_refused_by_name(operador: Client, plano_id: int) -> None:
    for field, value in BAD_INPUT:
        answer = operador.post("/aluno/registro", _ana(plano_id, **{field: value}))
        document = assert_problem(answer, 422, "ValidationFailed")
        assert [error["campo"] for error in document["errors"]] == [field], value
    with_nul = operador.post("/aluno/registro", _ana(plano_id, nome="Ana\x00Lima"))
    assert_problem(with_nul, 422, "ValidationFailed")
    assert count("alunos") == 0


def test_only_the_desk_registers(client_of: MakeUser, plano_id: int) -> None:
    for role in (Role.LEITOR, Role.CIENTISTA):
        assert_problem(client_of(role).post("/aluno/registro", _ana(plano_id)), 403, "Forbidden")
    assert_problem(Client().post("/aluno/registro", _ana(plano_id)), 401, "Unauthorized")
    assert count("alunos") == 0
