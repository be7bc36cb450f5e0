"""The front desk: who is found, who comes, who goes."""

import pytest

from tests.console.browsing import Browser
from tests.gym.conftest import MakeAluno, count

DESK = "/console/academia"


def test_member_is_found_and_let_in_and_out(desk: Browser, make_aluno: MakeAluno) -> None:
    make_aluno((3,))
    page = desk.get(DESK, busca="ana li")
    assert "Ana Lima" in page.text
    page = desk.submit(page, DESK, "entrada")
    assert "Ana Lima entrou às" in page.text
    assert "Dentro agora: 1" in page.text
    page = desk.submit(desk.get(DESK, busca="ana"), DESK, "saida")
    assert "Ana Lima saiu às" in page.text
    assert "Dentro agora: 0" in page.text


def test_what_was_told_is_told_once(desk: Browser, make_aluno: MakeAluno) -> None:
    make_aluno()
    assert "toast" in desk.submit(desk.get(DESK, busca="ana"), DESK, "entrada").source
    assert "toast" not in desk.get(DESK).source


def test_who_is_inside_cannot_enter_again(desk: Browser, make_aluno: MakeAluno) -> None:
    make_aluno()
    page = desk.get(DESK, busca="ana")
    desk.submit(page, DESK, "entrada")
    page = desk.send(page, DESK, "entrada")
    assert page.status == 409
    assert "Já está dentro" in page.text
    assert count("checkins") == 1


def test_entry_by_mistake_is_undone(desk: Browser, make_aluno: MakeAluno) -> None:
    make_aluno()
    page = desk.submit(desk.get(DESK, busca="ana"), DESK, "entrada")
    page = desk.submit(page, DESK, "anular")
    assert "foi desfeita" in page.text
    assert count("checkins") == 0


def test_who_cancelled_is_not_let_in(desk: Browser, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno(ativo=False)
    page = desk.get(DESK, busca="ana")
    assert "Matrícula cancelada" in page.text
    with pytest.raises(AssertionError, match="no form"):
        page.form("entrada")
    token = page.form("/sair").fields["ficha"]
    sent = {"ficha": token, "acao": "entrada", "aluno_id": str(aluno_id)}
    page = desk.post(DESK, sent)
    assert page.status == 409
    assert "Reative-a antes" in page.text


def test_nobody_found_offers_to_register(desk: Browser, plano_id: int) -> None:
    page = desk.get(DESK, busca="ninguém")
    assert "Ninguém encontrado" in page.text
    assert f"{DESK}/alunos/novo" in page.links


@pytest.mark.parametrize("fields", [{}, {"aluno_id": "x"}, {"aluno_id": "1", "acao": "voar"}])
def test_form_of_nobody_is_refused(
    desk: Browser, make_aluno: MakeAluno, fields: dict[str, str]
) -> None:
    make_aluno()
    token = desk.get(DESK).form("/sair").fields["ficha"]
    assert desk.post(DESK, {"ficha": token, **fields}).status in (400, 422)


def test_unknown_member_is_not_found(desk: Browser, plano_id: int) -> None:
    token = desk.get(DESK).form("/sair").fields["ficha"]
    fields = {"ficha": token, "acao": "entrada", "aluno_id": "404"}
    assert desk.post(DESK, fields).status == 404
