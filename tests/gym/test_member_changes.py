"""Members after their registration: what is known of them, and how it changes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.gym.service_members import ensure_planos
from tests.client import Answer, Client, assert_problem
from tests.conftest import MakeUser
from tests.gym.conftest import MakeAluno
from tests.gym.histories import known

DAY = timedelta(days=1)


@pytest.fixture
def premium(plano_id: int) -> int:
    """A second plano."""
    with unit_of_work() as session:
        return ensure_planos(session, {"Premium": "199.90"})["Premium"]


@pytest.fixture
def ana(operador: Client, plano_id: int) -> dict[str, Any]:
    """A member who registered at the desk just now."""
    new = {"nome": "Ana Lima", "email": "ana@example.com", "plano_id": plano_id}
    registered: dict[str, Any] = operador.post("/aluno/registro", new).json
    return registered


def _edited(ana: dict[str, Any], /, **changes: Any) -> dict[str, Any]:
    names = ("nome", "email", "telefone", "data_nascimento", "plano_id")
    return {name: ana[name] for name in names} | changes


def _revisao(aluno_id: int) -> int:
    with unit_of_work(autocommit=True) as session:
        found = text("SELECT revisao FROM alunos WHERE id = :id")
        return int(session.execute(found, {"id": aluno_id}).scalar_one())


def _trail(objeto: str) -> list[tuple[str, dict[str, Any]]]:
    statement = text("SELECT acao, detalhes FROM auditoria WHERE objeto = :objeto ORDER BY id")
    with unit_of_work(tenant="casa", autocommit=True) as session:
        return [tuple(row) for row in session.execute(statement, {"objeto": objeto})]


def _desativar(client: Client, aluno_id: int, em: datetime | None = None) -> Answer:
    body = {"motivo": "Mudou de cidade"} | ({"em": em.isoformat()} if em else {})
    return client.patch(f"/aluno/{aluno_id}/desativar", body)


def test_member_is_described_with_their_plan_last_visit_and_history(
    operador: Client, make_aluno: MakeAluno, plano_id: int
) -> None:
    aluno_id = make_aluno((9, 2))
    answer = operador.get(f"/aluno/{aluno_id}")
    assert answer.status == 200
    assert answer.headers["ETag"] == '"0"'
    found = answer.json
    assert (found["id"], found["plano"], found["ativo"], found["sintetico"]) == (
        aluno_id,
        "Padrão",
        True,
        False,
    )
    assert utc_now() - datetime.fromisoformat(found["ultima_visita"]) < 3 * DAY
    assert (found["cancelado_em"], found["motivo_cancelamento"]) == (None, None)
    assert [(v["plano_id"], v["ativo"]) for v in found["historico"]] == [(plano_id, True)]


def test_member_nobody_knows(operador: Client, plano_id: int) -> None:
    body = {"nome": "Ana", "email": "ana@example.com", "plano_id": plano_id}
    assert_problem(operador.get("/aluno/404"), 404, "AlunoNotFound")
    assert_problem(operador.put("/aluno/404", body), 404, "AlunoNotFound")
    assert_problem(operador.patch("/aluno/404/ativar"), 404, "AlunoNotFound")
    assert_problem(_desativar(operador, 404), 404, "AlunoNotFound")


def test_data_is_replaced_and_what_is_left_out_is_emptied(
    operador: Client, ana: dict[str, Any]
) -> None:
    path = f"/aluno/{ana['id']}"
    full = _edited(ana, telefone="+55 11 98765-4321", data_nascimento="1990-05-17")
    assert operador.put(path, full).json["telefone"] == "+55 11 98765-4321"
    less = {"nome": "Ana L. Prado", "email": "Ana.Prado@Example.com", "plano_id": ana["plano_id"]}
    answer = operador.put(path, less)
    assert (answer.status, answer.json["nome"]) == (200, "Ana L. Prado")
    assert answer.json["email"] == "ana.prado@example.com"
    assert (answer.json["telefone"], answer.json["data_nascimento"]) == (None, None)
    assert operador.get(path).json == answer.json


def test_trail_names_what_changed_and_says_nothing_of_the_person(
    operador: Client, ana: dict[str, Any], premium: int
) -> None:
    operador.put(f"/aluno/{ana['id']}", _edited(ana, nome="Ana Prado", plano_id=premium))
    _desativar(operador, ana["id"])
    operador.patch(f"/aluno/{ana['id']}/ativar")
    changed = {"campos": ["nome", "plano_id"], "de": ana["plano_id"], "para": premium}
    assert _trail(f"aluno:{ana['id']}") == [
        ("aluno.registrado", {}),
        ("aluno.alterado", changed),
        ("aluno.desativado", {}),
        ("aluno.ativado", {}),
    ]


def test_nothing_changed_leaves_no_trace(operador: Client, ana: dict[str, Any]) -> None:
    answer = operador.put(f"/aluno/{ana['id']}", _edited(ana))
    assert (answer.status, answer.headers["ETag"]) == (200, '"0"')
    assert [acao for acao, _ in _trail(f"aluno:{ana['id']}")] == ["aluno.registrado"]


def test_email_of_somebody_else_is_refused(
    operador: Client, ana: dict[str, Any], make_aluno: MakeAluno
) -> None:
    other = make_aluno()
    taken = _edited(ana, nome="Outra Ana")
    assert_problem(operador.put(f"/aluno/{other}", taken), 409, "EmailTaken")
    assert operador.get(f"/aluno/{other}").json["nome"] == "Ana Lima"


def test_another_plan_counts_from_now_on_and_not_before(
    operador: Client, make_aluno: MakeAluno, premium: int, plano_id: int
) -> None:
    aluno_id = make_aluno((3, 1))
    ana = operador.get(f"/aluno/{aluno_id}").json
    before = utc_now()
    changed = operador.put(f"/aluno/{aluno_id}", _edited(ana, plano_id=premium)).json
    assert known(aluno_id, before)["plano"] == "Padrão"
    assert known(aluno_id, utc_now())["plano"] == changed["plano"] == "Premium"
    assert [v["plano_id"] for v in changed["historico"]] == [premium, plano_id]
    assert _revisao(aluno_id) == 1


def test_unknown_and_withdrawn_plans_cannot_be_taken_up_but_kept(
    operador: Client, ana: dict[str, Any], premium: int
) -> None:
    path = f"/aluno/{ana['id']}"
    unknown = operador.put(path, _edited(ana, plano_id=premium + 1))
    assert_problem(unknown, 422, "PlanoUnknown")
    for plano in (premium, ana["plano_id"]):
        assert operador.patch(f"/planos/{plano}/desativar").status == 200
    assert_problem(operador.put(path, _edited(ana, plano_id=premium)), 422, "PlanoForaDeOferta")
    assert operador.put(path, _edited(ana, nome="Ana Prado")).status == 200
    new = _edited(ana, email="nova@example.com")
    assert_problem(operador.post("/aluno/registro", new), 422, "PlanoForaDeOferta")


def test_stale_version_is_refused_and_a_fresh_one_taken(
    operador: Client, ana: dict[str, Any]
) -> None:
    path = f"/aluno/{ana['id']}"
    etag = operador.get(path).headers["ETag"]
    first = operador.put(path, _edited(ana, nome="Ana Um"), headers={"If-Match": etag})
    assert first.status == 200
    stale = operador.put(path, _edited(ana, nome="Ana Dois"), headers={"If-Match": etag})
    assert_problem(stale, 412, "AlunoMudou")
    assert operador.get(path).json["nome"] == "Ana Um"
    listed = f'"99", {first.headers["ETag"]}'
    for condition in ({"If-Match": listed}, {"If-Match": "*"}, {}):
        assert (
            operador.put(path, _edited(ana, nome=str(condition)), headers=condition).status == 200
        )


def test_a_visit_makes_a_version_stale(operador: Client, ana: dict[str, Any]) -> None:
    path = f"/aluno/{ana['id']}"
    etag = operador.get(path).headers["ETag"]
    assert operador.post("/aluno/checkin", {"aluno_id": ana["id"]}).status == 201
    refused = operador.put(path, _edited(ana, nome="Ana Um"), headers={"If-Match": etag})
    assert_problem(refused, 412, "AlunoMudou")


def test_of_two_desks_with_one_version_one_writes(operador: Client, ana: dict[str, Any]) -> None:
    path = f"/aluno/{ana['id']}"
    condition = {"If-Match": operador.get(path).headers["ETag"]}

    def write(name: str) -> int:
        return operador.put(path, _edited(ana, nome=name), headers=condition).status

    with ThreadPoolExecutor(2) as desks:
        assert sorted(desks.map(write, ("Ana Um", "Ana Dois"))) == [200, 412]


def test_cancellation_has_a_date_and_a_reason(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno((20,))
    em = utc_now() - 5 * DAY
    answer = _desativar(operador, aluno_id, em)
    assert (answer.status, answer.json["ativo"]) == (200, False)
    assert datetime.fromisoformat(answer.json["cancelado_em"]) == em
    assert answer.json["motivo_cancelamento"] == "Mudou de cidade"
    assert [v["ativo"] for v in answer.json["historico"]] == [False, True]
    assert _revisao(aluno_id) == 1
    refused = operador.post("/aluno/checkin", {"aluno_id": aluno_id})
    assert_problem(refused, 409, "AlunoInativo")
    assert operador.get(f"/aluno/{aluno_id}/risco-churn").json["tipo"] == "inativo"


def test_member_comes_back_and_the_time_between_stays_known(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno()
    _desativar(operador, aluno_id, utc_now() - 5 * DAY)
    answer = operador.patch(f"/aluno/{aluno_id}/ativar")
    assert (answer.status, answer.json["ativo"], answer.json["cancelado_em"]) == (200, True, None)
    assert [v["ativo"] for v in answer.json["historico"]] == [True, False, True]
    dated = make_aluno()
    _desativar(operador, dated, utc_now() - 5 * DAY)
    em = utc_now() - 2 * DAY
    answer = operador.patch(f"/aluno/{dated}/ativar", {"em": em.isoformat()})
    assert datetime.fromisoformat(answer.json["historico"][0]["desde"]) == em


def test_a_plan_changed_while_away_leaves_the_cancellation_where_it_was(
    operador: Client, make_aluno: MakeAluno, premium: int
) -> None:
    aluno_id = make_aluno()
    cancelled = _desativar(operador, aluno_id, utc_now() - 5 * DAY).json
    changed = operador.put(f"/aluno/{aluno_id}", _edited(cancelled, plano_id=premium)).json
    assert (changed["ativo"], changed["plano"]) == (False, "Premium")
    assert changed["cancelado_em"] == cancelled["cancelado_em"]
    assert changed["motivo_cancelamento"] == "Mudou de cidade"


def test_what_is_so_already_is_refused(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    assert_problem(operador.patch(f"/aluno/{aluno_id}/ativar"), 409, "AlunoJaAtivo")
    assert _desativar(operador, aluno_id).status == 200
    assert_problem(_desativar(operador, aluno_id), 409, "AlunoJaInativo")


def test_dates_follow_what_is_known_and_do_not_lie_ahead(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno(registered_days_ago=10)
    for em in (utc_now() + DAY, utc_now() - 11 * DAY):
        assert_problem(_desativar(operador, aluno_id, em), 422, "MudancaForaDeOrdem")
    _desativar(operador, aluno_id, utc_now() - 5 * DAY)
    back = {"em": (utc_now() - 6 * DAY).isoformat()}
    refused = operador.patch(f"/aluno/{aluno_id}/ativar", back)
    assert_problem(refused, 422, "MudancaForaDeOrdem")
    assert _revisao(aluno_id) == 1


def test_changes_of_one_instant_by_a_clock_behind_keep_their_order(
    operador: Client, make_aluno: MakeAluno, plano_id: int
) -> None:
    aluno_id = make_aluno()
    with unit_of_work() as session:
        session.execute(
            text(
                "UPDATE aluno_vigencias SET desde = now() + interval '1 hour' WHERE aluno_id = :a"
            ),
            {"a": aluno_id},
        )
    answer = _desativar(operador, aluno_id)
    assert (answer.status, [v["ativo"] for v in answer.json["historico"]]) == (200, [False, True])


def test_a_reason_is_needed(operador: Client, make_aluno: MakeAluno) -> None:
    path = f"/aluno/{make_aluno()}/desativar"
    for body in ({}, {"motivo": "  "}):
        assert_problem(operador.patch(path, body), 422, "ValidationFailed")
    assert_problem(operador.patch(path), 400, "BadRequest")


def test_another_tenant_sees_no_member(client_of: MakeUser, make_aluno: MakeAluno) -> None:
    stranger = client_of(Role.ADMIN, tenant="padaria")
    assert_problem(stranger.get(f"/aluno/{make_aluno()}"), 403, "Forbidden")
    assert_problem(stranger.get("/alunos"), 403, "Forbidden")
