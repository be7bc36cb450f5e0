"""The worklist, contacts, plays and rules, and whether it all helps."""

import pytest

from chalicelib.core.auth import Role
from tests.console.browsing import Browser
from tests.console.conftest import Visitor
from tests.gym.conftest import MakeAluno, SetHoldOut, count
from tests.gym.work import work_off
from tests.gym.worklists import say

WORK = "/console/academia/retencao"
PLAYS = "/console/academia/jogadas"


@pytest.fixture
def risky(make_aluno: MakeAluno, hold_out: SetHoldOut) -> int:
    """Somebody who is on the worklist."""
    hold_out("0")
    aluno_id = make_aluno((3,))
    say(aluno_id, 0.9)
    return aluno_id


def test_list_says_whom_and_two_clicks_record_the_outcome(desk: Browser, risky: int) -> None:
    page = desk.get(WORK)
    assert "Ana Lima" in page.text
    assert "Alto 90%" in page.text
    page = desk.submit(page, WORK, "desfecho", canal="telefone", desfecho="vai_voltar")
    assert "Ana Lima: o contato foi registrado." in page.text
    assert "Ninguém para contatar agora" in page.text
    assert "Vai voltar" in desk.get(WORK, ver="feitos").text
    assert count("contatos") == 1


def test_open_contact_is_found_and_concluded_from_the_list(desk: Browser, risky: int) -> None:
    member = f"/console/academia/alunos/{risky}"
    desk.submit(desk.get(member), member, "contato", canal="email", prazo="2026-01-02")
    page = desk.get(WORK, ver="atrasados")
    assert "Atrasado desde 02/01/2026" in page.text
    assert "1 contato" in page.text
    page = desk.submit(page, f"{WORK}?ver=atrasados", "desfecho", desfecho="sem_resposta")
    assert "Nada atrasado" in page.text


def test_reader_sees_the_list_and_makes_none(browser_of: Visitor, risky: int) -> None:
    page = browser_of(Role.LEITOR).get(WORK)
    assert "ainda não foi aberta" in page.text
    assert count("retencao_elegiveis") == 0


def test_everybody_is_scored_on_demand(desk: Browser, risky: int) -> None:
    page = desk.submit(desk.get(WORK), WORK, "calcular")
    assert "Os riscos estão sendo calculados" in page.text
    assert 'id="calculo" aria-label="Cálculo dos riscos" data-live data-whole' in page.source
    with pytest.raises(AssertionError, match="no form"):
        page.form("calcular")  # One is enough.
    assert work_off() == 1
    page = desk.get(WORK)
    assert "Cálculo dos riscos Pronto" in page.text
    assert "data-live" not in page.source


def test_unknown_list_is_a_page_that_says_so(desk: Browser) -> None:
    assert desk.get(WORK, ver="tudo").status == 422


def test_play_is_added_changed_and_deleted(desk: Browser, environment: dict[str, str]) -> None:
    page = desk.get(PLAYS)
    told = {"nome": "Ligar", "descricao": "Ligue hoje.", "canal": "telefone", "ativo": "true"}
    page = desk.submit(page, PLAYS, "jogada", **told, prioridade="")
    assert "A jogada Ligar foi salva" in page.text
    page = desk.submit(page, PLAYS, "jogada", nome="Ligar já")
    assert "A jogada Ligar já foi salva" in page.text
    assert "Ligue hoje." in page.text
    assert "foi apagada" in desk.submit(page, PLAYS, "apagar-jogada").text
    assert count("jogadas") == 0


def test_rule_is_added_as_brazilians_write_numbers(
    desk: Browser, environment: dict[str, str]
) -> None:
    fields = {"nome": "Metade", "tipo": "ritmo_proprio", "limite": "0,5", "ativo": "true"}
    page = desk.submit(desk.get(PLAYS), PLAYS, "regra", **fields)
    assert "até 50% do próprio ritmo" in page.text
    page = desk.send(page, PLAYS, "regra", limite="1,5")
    assert page.status == 422
    assert "O limite do ritmo é uma parte" in page.text or "Confira" in page.text


def test_effect_says_that_it_is_too_early(desk: Browser, risky: int) -> None:
    page = desk.get("/console/academia/efeito")
    assert "Cedo demais para dizer" in page.text
    assert "Ainda não calculado" in page.text
