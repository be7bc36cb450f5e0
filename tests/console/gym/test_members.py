"""The list of members, registering one, and a member's page."""

import re
from typing import Any

import pytest

from chalicelib.core.auth import Role
from chalicelib.core.db import unit_of_work
from chalicelib.gym.tables import Aluno
from tests.client import Client
from tests.conftest import PASSWORD, MakeUser
from tests.console.browsing import Browser, Page
from tests.console.conftest import Visitor
from tests.console.test_session import end_sessions, let_access_token_expire
from tests.gym.conftest import MakeAluno, SetHoldOut, count
from tests.gym.publishing import publish_model

LIST = "/console/academia/alunos"
NEW = f"{LIST}/novo"


def register(desk: Browser, plano: int, **fields: Any) -> Page:
    known = {"nome": "Bia Souza", "email": "bia@example.com", "plano_id": plano}
    return desk.send(desk.get(NEW), NEW, NEW, **{**known, **fields})


@pytest.fixture
def member(make_aluno: MakeAluno) -> str:
    """The address of a member's page."""
    return f"{LIST}/{make_aluno((1, 3, 8, 10, 15))}"


def test_member_is_registered_and_shown(desk: Browser, plano_id: int) -> None:
    page = register(desk, plano_id, telefone="11 98765-4321", data_nascimento="1990-05-17")
    assert re.fullmatch(rf"{LIST}/\d+", page.location)
    page = desk.get(page.location)
    assert "A matrícula de Bia Souza está feita" in page.text
    assert "17/05/1990" in page.text
    assert "(11) 98765-4321" in page.text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"nome": " "}, "Preencha este campo."),
        ({"email": "bia"}, "Use um e-mail como ana.lima@example.com."),
        ({"telefone": "12"}, "Use de 8 a 20 dígitos, como 11 98765-4321."),
        ({"data_nascimento": "2999-01-01"}, "Use uma data que já passou."),
        ({"plano_id": ""}, "Preencha este campo."),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_the_rest_stays(
    desk: Browser, plano_id: int, fields: dict[str, str], told: str
) -> None:
    page = register(desk, plano_id, **{"nome": "Bia Souza", **fields})
    assert page.status == 422
    assert told in page.text
    assert page.text.count("Confira os campos marcados") == 1
    assert {"nome": "Bia Souza", **fields}["nome"] in page.source
    assert count("alunos") == 0


def test_email_that_is_taken_is_refused_in_portuguese(desk: Browser, plano_id: int) -> None:
    register(desk, plano_id)
    page = register(desk, plano_id, nome="Outra")
    assert page.status == 409
    assert "Já há um aluno com este e-mail" in page.text


def test_list_is_searched_filtered_and_paged(desk: Browser, make_aluno: MakeAluno) -> None:
    for _ in range(3):
        make_aluno()
    make_aluno(ativo=False)
    page = desk.get(LIST, busca="ana", ativo="true", faixa="", plano_id="", limit=2)
    assert "2 de 3 alunos" in page.text
    (following,) = (link for link in page.links if "cursor=" in link)
    assert "1 de 3 alunos" in desk.get(following).text
    assert "Ninguém com estes filtros" in desk.get(LIST, busca="zé").text


def test_cursor_of_nowhere_is_a_page_that_says_so(desk: Browser) -> None:
    page = desk.get(LIST, cursor="x")
    assert page.status == 400
    assert "Comece de novo" in page.text


def test_member_page_says_how_likely_and_why(desk: Browser, member: str) -> None:
    publish_model()
    page = desk.get(member)
    assert re.search(r"Risco de sair em 30 dias \d+,\d%", page.text)
    assert "p.p." in page.text
    assert "Visitas por semana" in page.text
    assert page.source.count("<rect") >= 365
    assert "Ver como tabela" in page.text


def test_member_page_without_a_model_says_so(desk: Browser, member: str) -> None:
    assert "Não há um número honesto" in desk.get(member).text


@pytest.mark.parametrize("path", [f"{LIST}/404", f"{LIST}/abc", f"{LIST}/0"])
def test_nobody_under_this_id_is_a_page_that_says_so(desk: Browser, path: str) -> None:
    page = desk.get(path)
    assert page.status == 404
    assert "Não encontrado" in page.title


def test_data_are_edited_and_another_desk_is_not_overwritten(desk: Browser, member: str) -> None:
    first, second = desk.get(member), desk.get(member)
    page = desk.submit(first, member, "salvar", nome="Ana Lima Souza")
    assert "Os dados foram salvos" in page.text
    assert "Ana Lima Souza" in page.text
    page = desk.send(second, member, "salvar", nome="Ana")
    assert page.status == 412
    assert "Os dados mudaram enquanto você editava" in page.text
    assert page.form("salvar").fields["nome"] == "Ana"


def test_member_cancels_and_comes_back(desk: Browser, member: str) -> None:
    page = desk.submit(desk.get(member), member, "cancelar", motivo="Mudou de cidade")
    assert "Mudou de cidade" in page.text
    assert "Cancelou em" in page.text
    page = desk.submit(page, member, "reativar")
    assert "está de volta" in page.text


def test_cancelling_needs_a_reason(desk: Browser, member: str) -> None:
    page = desk.send(desk.get(member), member, "cancelar", motivo="")
    assert page.status == 422
    assert "Preencha este campo" in page.text


def test_contact_is_planned_and_concluded(desk: Browser, member: str) -> None:
    page = desk.submit(desk.get(member), member, "contato", canal="whatsapp", nota="Chamar")
    assert "O contato está planejado" in page.text
    assert "A fazer" in page.text
    page = desk.submit(page, member, "desfecho", desfecho="agendou")
    assert "O resultado do contato foi registrado" in page.text
    assert "Agendou" in page.text
    assert count("contatos") == 1


def test_contact_is_given_to_somebody_and_found_by_whose_it_is(
    desk: Browser, member: str, client_of: MakeUser
) -> None:
    colleague, reader = client_of(Role.OPERADOR), client_of(Role.LEITOR)
    page = desk.get(member)
    mine = page.form("contato").fields["responsavel_id"]
    refused = desk.send(
        page, member, "contato", canal="email", responsavel_id=str(reader.usuario_id)
    )
    assert (refused.status, "Escolha alguém ativo da operação" in refused.text) == (422, True)
    desk.submit(page, member, "contato", canal="email")
    work = "/console/academia/retencao"
    assert "1 contato seu a fazer" in desk.get("/").text
    assert "1 contato" in desk.get(work, ver="abertos", de=mine).text
    page = desk.submit(desk.get(member), member, "passar", responsavel_id=str(colleague.usuario_id))
    assert "O contato agora é de operador" in page.text
    assert "Nenhum contato a fazer" in desk.get(work, ver="abertos", de=mine).text
    assert "1 contato" in desk.get(work, ver="abertos", de=str(colleague.usuario_id)).text


def test_who_is_held_out_is_contacted_only_on_purpose(
    desk: Browser, member: str, hold_out: SetHoldOut
) -> None:
    with unit_of_work() as session:
        from sqlalchemy import text

        session.execute(
            text(
                "INSERT INTO grupos_retencao (aluno_id, grupo, semente, fracao, atribuido_em)"
                " SELECT id, 'controle', 'x', 0.5, now() FROM alunos"
            )
        )
    page = desk.send(desk.get(member), member, "contato", canal="telefone", nota="Oi")
    assert page.status == 409
    assert "grupo de controle" in page.text
    assert page.form("contato").fields["nota"] == "Oi"
    page = desk.submit(page, member, "contato", forcar="true")
    assert "O contato está planejado" in page.text


def test_reader_sees_and_changes_nothing(browser_of: Visitor, member: str) -> None:
    reader = browser_of(Role.LEITOR)
    page = reader.get(member)
    assert page.status == 200
    with pytest.raises(AssertionError, match="no form"):
        page.form("contato")
    token = page.form("/sair").fields["ficha"]
    assert reader.post(member, {"ficha": token, "acao": "reativar"}).status == 403


def test_form_sent_after_the_session_ended_is_kept_and_sent_after_signing_in(
    client_of: MakeUser, plano_id: int
) -> None:
    person: Client = client_of(Role.OPERADOR)
    desk = Browser()
    desk.sign_in(person.login, PASSWORD)
    page = desk.get(NEW)
    let_access_token_expire(desk, person)
    end_sessions()
    fields = {"nome": "Bia Souza", "email": "bia@example.com", "plano_id": str(plano_id)}
    page = desk.send(page, NEW, NEW, **fields)
    assert page.status == 401
    assert "o que você preencheu está guardado" in page.text
    page = desk.send(page, "/entrar", "/entrar", username=person.login, password=PASSWORD)
    assert "Bia Souza" in page.text
    page = desk.send(page, "/entrar", NEW)
    assert page.status == 303
    with unit_of_work(autocommit=True) as session:
        assert session.query(Aluno.nome).scalar() == "Bia Souza"


def test_fields_of_another_site_are_not_kept(plano_id: int) -> None:
    page = Browser().post(NEW, {"nome": "Mau"}, origin="https://evil.example")
    assert page.status == 303
    assert page.location.startswith("/entrar?volta=")
