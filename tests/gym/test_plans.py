"""Plans: read, changed, withdrawn, deleted."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Engine, insert, text

from chalicelib.core.db import unit_of_work
from chalicelib.gym.tables import Aluno
from tests.client import Client, assert_problem
from tests.gym.conftest import MakeAluno, count
from tests.gym.histories import change
from tests.infra.working import until


def _trail(plano_id: int) -> list[tuple[str, dict[str, Any]]]:
    statement = text("SELECT acao, detalhes FROM auditoria WHERE objeto = :objeto ORDER BY id")
    with unit_of_work(tenant="casa", autocommit=True) as session:
        rows = session.execute(statement, {"objeto": f"plano:{plano_id}"})
        return [(row.acao, row.detalhes) for row in rows]


def test_plan_is_read_and_replaced(operador: Client, plano_id: int) -> None:
    path = f"/planos/{plano_id}"
    before = {"id": plano_id, "nome": "Padrão", "mensalidade": "119.90", "ativo": True}
    assert operador.get(path).json == before
    answer = operador.put(path, {"nome": "Básico", "mensalidade": "129.90"})
    assert (answer.status, answer.json["mensalidade"]) == (200, "129.90")
    assert operador.get(path).json == answer.json


def test_prices_are_in_the_trail_and_no_change_is_not(operador: Client, plano_id: int) -> None:
    path = f"/planos/{plano_id}"
    operador.put(path, {"nome": "Padrão", "mensalidade": "119.90"})
    operador.put(path, {"nome": "Padrão", "mensalidade": "129.90"})
    price = {"mensalidade": {"de": "119.90", "para": "129.90"}}
    assert _trail(plano_id) == [("plano.alterado", price)]


def test_a_new_name_makes_stored_scores_stale_and_a_new_price_does_not(
    operador: Client, make_aluno: MakeAluno, plano_id: int
) -> None:
    aluno_id = make_aluno()

    def etag() -> str:
        return operador.get(f"/aluno/{aluno_id}").headers["ETag"]

    operador.put(f"/planos/{plano_id}", {"nome": "Padrão", "mensalidade": "9.90"})
    assert etag() == '"0"'
    operador.put(f"/planos/{plano_id}", {"nome": "Básico", "mensalidade": "9.90"})
    assert etag() == '"1"'


def test_price_is_answered_to_the_centavo(operador: Client, plano_id: int) -> None:
    made = operador.post("/planos", {"nome": "Noturno", "mensalidade": "79.9"})
    assert (made.status, made.json["mensalidade"]) == (201, "79.90")
    assert operador.get(f"/planos/{made.json['id']}").json == made.json
    refused = operador.post("/planos", {"nome": "Caro", "mensalidade": "119,90"})
    (error,) = assert_problem(refused, 422, "ValidationFailed")["errors"]
    assert error["erro"] == "use a number with a point before its decimals, such as 119.90"


def test_names_stay_unique(operador: Client, plano_id: int) -> None:
    operador.post("/planos", {"nome": "Anual", "mensalidade": "99.90"})
    taken = operador.put(f"/planos/{plano_id}", {"nome": "Anual", "mensalidade": "99.90"})
    assert_problem(taken, 409, "PlanoNameTaken")


def test_plan_is_withdrawn_and_offered_again(operador: Client, plano_id: int) -> None:
    path = f"/planos/{plano_id}"
    assert_problem(operador.patch(f"{path}/ativar"), 409, "PlanoJaAtivo")
    assert operador.patch(f"{path}/desativar").json["ativo"] is False
    assert_problem(operador.patch(f"{path}/desativar"), 409, "PlanoJaInativo")
    assert operador.patch(f"{path}/ativar").json["ativo"] is True
    assert [acao for acao, _ in _trail(plano_id)] == ["plano.desativado", "plano.ativado"]


def test_plan_nobody_had_is_deleted(operador: Client, plano_id: int) -> None:
    assert operador.delete(f"/planos/{plano_id}").status == 204
    assert_problem(operador.get(f"/planos/{plano_id}"), 404, "PlanoNotFound")
    assert [acao for acao, _ in _trail(plano_id)] == ["plano.removido"]


def test_plan_somebody_has_or_had_stays(
    operador: Client, make_aluno: MakeAluno, plano_id: int
) -> None:
    aluno_id = make_aluno(registered_days_ago=3)
    assert_problem(operador.delete(f"/planos/{plano_id}"), 409, "PlanoEmUso")
    anual = operador.post("/planos", {"nome": "Anual", "mensalidade": "99.90"}).json["id"]
    with unit_of_work() as session:
        session.execute(text("UPDATE alunos SET plano_id = :p"), {"p": anual})
        since = session.execute(text("SELECT now() - interval '1 day'")).scalar_one()
    change(aluno_id, since, anual)
    assert_problem(operador.delete(f"/planos/{plano_id}"), 409, "PlanoEmUso")
    assert count("planos") == 2


def test_plan_that_is_just_being_taken_up_stays(
    operador: Client, admin_engine: Engine, plano_id: int
) -> None:
    new = {"nome": "Ana", "email": "ana@example.com", "plano_id": plano_id}
    with ThreadPoolExecutor(1) as other_desk:
        with unit_of_work() as session:
            session.execute(insert(Aluno), [new])
            deletion = other_desk.submit(operador.delete, f"/planos/{plano_id}")
            until(lambda: _is_waiting(admin_engine), seconds=20)
        assert_problem(deletion.result(), 409, "PlanoEmUso")
    assert (count("alunos"), count("planos")) == (1, 1)


def _is_waiting(admin_engine: Engine) -> bool:
    """Whether any transaction waits for another one."""
    with admin_engine.connect() as connection:
        found = connection.execute(text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))
        return bool(found.scalar_one())


def test_plan_nobody_knows(operador: Client, plano_id: int) -> None:
    path = f"/planos/{plano_id + 1}"
    new = {"nome": "X", "mensalidade": "1"}
    for answer in (
        operador.get(path),
        operador.put(path, new),
        operador.patch(f"{path}/ativar"),
        operador.patch(f"{path}/desativar"),
        operador.delete(path),
    ):
        assert_problem(answer, 404, "PlanoNotFound")
