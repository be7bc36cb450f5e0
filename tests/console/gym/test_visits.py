"""Visits put right: a member's, page by page, and exits without an entry."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now, zone
from chalicelib.core.db import unit_of_work
from tests.console.browsing import Browser
from tests.console.conftest import Visitor
from tests.gym.conftest import MakeAluno, count

LIST = "/console/academia/alunos"
EXITS = "/console/academia/saidas-sem-entrada"


@pytest.fixture
def visits(make_aluno: MakeAluno) -> str:
    """The address of the visits of somebody who came three times."""
    return f"{LIST}/{make_aluno((1, 3, 8))}/visitas"


def as_typed(moment: datetime) -> str:
    """As a browser sends a local date and time."""
    return f"{moment.astimezone(zone('America/Sao_Paulo')):%Y-%m-%dT%H:%M}"


def test_visits_are_paged(desk: Browser, visits: str) -> None:
    page = desk.get(visits, limit=2)
    assert "2 de 3 visitas" in page.text
    (following,) = (link for link in page.links if "cursor=" in link)
    assert "1 de 3 visitas" in desk.get(following).text


def test_exit_is_corrected_or_said_to_be_unknown(desk: Browser, visits: str) -> None:
    page = desk.get(visits)
    begun = datetime.fromisoformat(page.form("corrigir").fields["entrada"])
    ended = as_typed(begun + timedelta(minutes=95))
    page = desk.submit(page, visits, "corrigir", saida=ended)
    assert "A saída foi corrigida" in page.text
    assert page.form("corrigir").fields["saida"] == ended
    page = desk.submit(page, visits, "sem-saida")
    assert "sem saída conhecida" in page.text
    assert "Sem saída" in page.text


@pytest.mark.parametrize(
    ("hours", "status", "told"),
    [(-1, 422, "A saída precisa vir depois da entrada"), (10_000, 422, "Está no futuro.")],
)
def test_exit_that_cannot_be_is_refused_and_stays_typed(
    desk: Browser, visits: str, hours: int, status: int, told: str
) -> None:
    page = desk.get(visits)
    begun = datetime.fromisoformat(page.form("corrigir").fields["entrada"])
    typed = as_typed(begun + timedelta(hours=hours))
    page = desk.send(page, visits, "corrigir", saida=typed)
    assert (page.status, told in page.text) == (status, True)
    assert page.form("corrigir").fields["saida"] == typed


def test_visit_that_never_was_is_struck(desk: Browser, visits: str) -> None:
    page = desk.submit(desk.get(visits), visits, "anular")
    assert "A visita foi anulada" in page.text
    assert count("checkins") == 2


def test_reader_reads_visits_and_corrects_none(browser_of: Visitor, visits: str) -> None:
    page = browser_of(Role.LEITOR).get(visits)
    assert "3 de 3 visitas" in page.text
    with pytest.raises(AssertionError, match="no form"):
        page.form("corrigir")


@pytest.fixture
def left(make_aluno: MakeAluno) -> datetime:
    """When somebody left who had not come in."""
    saida = utc_now().replace(second=0, microsecond=0) - timedelta(hours=5)
    with unit_of_work() as session:
        session.execute(
            text("INSERT INTO saidas (aluno_id, saida, sem_entrada) VALUES (:who, :saida, true)"),
            {"who": make_aluno(), "saida": saida},
        )
    return saida


def test_exit_without_entry_is_completed(desk: Browser, left: datetime) -> None:
    assert "saída sem entrada" in desk.get("/").text
    page = desk.get(EXITS)
    assert "Ana Lima" in page.text
    came = as_typed(left - timedelta(hours=1))
    page = desk.submit(page, EXITS, "entrada", entrada=came)
    assert "a visita está completa" in page.text
    assert "Nenhuma saída sem entrada" in page.text


def test_entry_that_the_exit_does_not_belong_to_is_said_to_be_so(
    desk: Browser, left: datetime
) -> None:
    came = as_typed(left - timedelta(hours=30))
    page = desk.submit(desk.get(EXITS), EXITS, "entrada", entrada=came)
    assert "a saída não é dela" in page.text
    assert "1 de 1 saída" in page.text
