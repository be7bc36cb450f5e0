"""The contact log, the plays and the alert rules."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.auth import Role
from chalicelib.core.clock import local_day, utc_now
from tests.client import Client, assert_problem
from tests.conftest import MakeUser
from tests.gym.conftest import MakeAluno, count

CONTATOS = "/retencao/contatos"
JOGADAS, REGRAS = "/retencao/jogadas", "/retencao/regras"
PLAY = {"nome": "Ligar", "descricao": "Ligue hoje.", "canal": "telefone"}
RULE = {"nome": "Sumiu", "tipo": "dias_ausente", "limite": 14}


def _task(client: Client, aluno_id: int, **fields: Any) -> dict[str, Any]:
    answer = client.post(CONTATOS, {"aluno_id": aluno_id, "canal": "whatsapp", **fields})
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json
    return found


def _ids(client: Client, **query: Any) -> list[int]:
    return [item["id"] for item in client.get(CONTATOS, **query).json["items"]]


def test_contact_is_planned_given_to_somebody_and_concluded(
    operador: Client, make_aluno: MakeAluno
) -> None:
    planned = _task(
        operador, make_aluno(), prazo="2026-12-01", responsavel_id=operador.usuario_id, nota="Oi"
    )
    assert (planned["desfecho"], planned["concluido_em"]) == (None, None)
    assert (planned["criado_por"], planned["prazo"]) == (operador.subject, "2026-12-01")
    path = f"{CONTATOS}/{planned['id']}"
    passed_on = operador.patch(path, {"responsavel_id": None, "canal": "telefone"}).json
    assert passed_on == {**planned, "responsavel_id": None, "canal": "telefone"}
    done = operador.patch(path, {"desfecho": "agendou"}).json
    assert (done["desfecho"], done["nota"]) == ("agendou", "Oi")
    corrected = operador.patch(path, {"desfecho": "conversou"}).json
    assert corrected == {**done, "desfecho": "conversou"}


def test_contact_that_was_made_is_logged_as_such(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    done = _task(operador, aluno_id, desfecho="sem_resposta")
    assert done["concluido_em"] == done["criado_em"]
    assert _task(operador, aluno_id, desfecho="conversou")["id"] > done["id"]


def test_two_who_take_up_one_member_at_once_make_one_contact(
    operador: Client, make_aluno: MakeAluno
) -> None:
    body = {"aluno_id": make_aluno(), "canal": "telefone"}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: operador.post(CONTATOS, body), range(4)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status == 409)
    assert_problem(refused, 409, "ContatoEmAberto")
    assert count("contatos") == 1


def test_contacts_are_found_by_state_person_and_lateness(
    operador: Client, make_aluno: MakeAluno
) -> None:
    today = local_day(utc_now(), "America/Sao_Paulo")
    first, second, third = make_aluno(), make_aluno(), make_aluno()
    late = _task(operador, first, prazo=str(today - timedelta(days=1)))["id"]
    due = _task(operador, second, prazo=str(today), responsavel_id=operador.usuario_id)["id"]
    done = _task(operador, third, prazo="2020-01-01", desfecho="conversou")["id"]
    whenever = _task(operador, third)["id"]
    assert _ids(operador) == [whenever, done, due, late]
    assert _ids(operador, aberto=True) == [whenever, due, late]
    assert _ids(operador, aberto=False) == [done]
    assert _ids(operador, atrasado=True) == [late]
    assert _ids(operador, atrasado=False) == [whenever, done, due]
    assert _ids(operador, responsavel_id=operador.usuario_id) == [due]
    assert _ids(operador, aluno_id=third) == [whenever, done]
    page = operador.get(CONTATOS, limit=3).json
    assert (page["total"], [i["id"] for i in operador.get(page["next"]).json["items"]]) == (
        4,
        [late],
    )


@pytest.mark.parametrize(
    ("fields", "status", "title"),
    [
        ({"aluno_id": 404}, 404, "AlunoNotFound"),
        ({"jogada_id": 404}, 422, "JogadaUnknown"),
        ({"responsavel_id": 404}, 422, "ResponsavelUnknown"),
        ({"canal": "carta"}, 422, "ValidationFailed"),
        ({"desfecho": "ganhou"}, 422, "ValidationFailed"),
    ],
)
def test_contact_that_cannot_be_is_refused(
    operador: Client, make_aluno: MakeAluno, fields: dict[str, Any], status: int, title: str
) -> None:
    body = {"aluno_id": make_aluno(), "canal": "telefone", **fields}
    assert_problem(operador.post(CONTATOS, body), status, title)
    assert count("contatos") == 0


def test_contact_is_given_only_to_who_may_make_it(
    operador: Client, client_of: MakeUser, make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno()
    company = client_of(Role.EMPRESA, tenant="empresa-1")
    stranger = client_of(Role.OPERADOR, tenant="empresa-1")
    for other in (client_of(Role.LEITOR), company, stranger):
        body = {"aluno_id": aluno_id, "canal": "email", "responsavel_id": other.usuario_id}
        assert_problem(operador.post(CONTATOS, body), 422, "ResponsavelUnknown")
    colleague = client_of(Role.OPERADOR)
    path = f"{CONTATOS}/{_task(operador, aluno_id)['id']}"
    change = {"responsavel_id": colleague.usuario_id}
    assert operador.patch(path, change).status == 200
    admin = client_of(Role.ADMIN)
    admin.patch(f"/auth/usuarios/{colleague.usuario_id}", {"ativo": False})
    assert_problem(operador.patch(path, change), 422, "ResponsavelUnknown")


def test_change_of_nothing_and_of_nobody_s_contact_is_refused(
    operador: Client, make_aluno: MakeAluno
) -> None:
    path = f"{CONTATOS}/{_task(operador, make_aluno())['id']}"
    for body in ({}, {"desfecho": None}, {"canal": None}, {"aluno_id": 1}):
        assert_problem(operador.patch(path, body), 422, "ValidationFailed")
    assert_problem(operador.patch(f"{CONTATOS}/404", {"nota": "x"}), 404, "ContatoNotFound")


def test_note_goes_with_the_member_and_is_in_their_copy(
    admin: Client, make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno()
    _task(admin, aluno_id, nota="Joelho operado")
    copy = admin.get(f"/aluno/{aluno_id}/dados").json
    assert copy["registros"]["contatos"][0]["nota"] == "Joelho operado"
    assert copy["auditoria"][0]["acao"] == "aluno.contato_registrado"
    assert "Joelho" not in str(copy["auditoria"])
    assert admin.delete(f"/aluno/{aluno_id}/dados").status == 202
    assert count("contatos") == 0


def test_plays_are_edited(operador: Client) -> None:
    regra_id = operador.post(REGRAS, RULE).json["id"]
    made = operador.post(JOGADAS, {**PLAY, "faixa": "alto", "regra_id": regra_id}).json
    path = f"{JOGADAS}/{made['id']}"
    assert operador.get(JOGADAS).json["items"] == [made]
    changed = operador.put(path, {**PLAY, "fator": "plano", "prioridade": 1}).json
    assert (changed["faixa"], changed["fator"], changed["regra_id"]) == (None, "plano", None)
    assert_problem(operador.post(JOGADAS, PLAY), 409, "JogadaNameTaken")
    other = {**PLAY, "nome": "Outra"}
    assert_problem(operador.post(JOGADAS, {**other, "regra_id": 404}), 422, "RegraUnknown")
    assert_problem(operador.post(JOGADAS, {**other, "fator": "x"}), 422, "ValidationFailed")
    assert operador.delete(path).status == 204
    for method in ("put", "delete"):
        body = (PLAY,) if method == "put" else ()
        assert_problem(getattr(operador, method)(path, *body), 404, "JogadaNotFound")


def test_contact_survives_its_play(operador: Client, make_aluno: MakeAluno) -> None:
    jogada_id = operador.post(JOGADAS, PLAY).json["id"]
    _task(operador, make_aluno(), jogada_id=jogada_id)
    assert operador.delete(f"{JOGADAS}/{jogada_id}").status == 204
    assert operador.get(CONTATOS).json["items"][0]["jogada_id"] is None


def test_rules_are_edited(operador: Client) -> None:
    made = operador.post(REGRAS, RULE).json
    path = f"{REGRAS}/{made['id']}"
    assert operador.get(REGRAS).json["items"] == [made]
    assert operador.put(path, {**RULE, "limite": 10, "ativo": False}).json == {
        **made,
        "limite": 10.0,
        "ativo": False,
    }
    assert_problem(operador.post(REGRAS, RULE), 409, "RegraNameTaken")
    half = {"nome": "Metade", "tipo": "ritmo_proprio", "limite": 1.5}
    assert_problem(operador.post(REGRAS, half), 422, "ValidationFailed")
    jogada_id = operador.post(JOGADAS, {**PLAY, "regra_id": made["id"]}).json["id"]
    assert_problem(operador.delete(path), 409, "RegraEmUso")
    operador.delete(f"{JOGADAS}/{jogada_id}")
    assert operador.delete(path).status == 204
    assert_problem(operador.delete(path), 404, "RegraNotFound")
    assert_problem(operador.put(path, RULE), 404, "RegraNotFound")
