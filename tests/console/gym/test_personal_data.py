"""What the LGPD gives a member a right to, from their page."""

import json

import pytest

from chalicelib.core.auth import Role
from tests.console.browsing import Browser
from tests.console.conftest import Visitor
from tests.gym.conftest import MakeAluno, count
from tests.gym.work import work_off

LIST = "/console/academia/alunos"


@pytest.fixture
def data(make_aluno: MakeAluno) -> str:
    """Where a member's data are copied and erased."""
    return f"{LIST}/{make_aluno((1, 3))}/dados"


def test_copy_is_a_file_of_all_that_is_held(desk: Browser, data: str) -> None:
    assert f"{data}/copia" in desk.get(data).links
    page = desk.get(f"{data}/copia")
    assert page.answer.headers["Content-Disposition"].startswith('attachment; filename="dados-do-')
    held = json.loads(page.source)
    assert held["aluno"]["nome"] == "Ana Lima"
    assert len(held["registros"]["checkins"]) == 2
    assert desk.get(f"{LIST}/404/dados/copia").status == 404


def test_member_is_erased_by_an_admin_who_is_sure(browser_of: Visitor, data: str) -> None:
    admin = browser_of(Role.ADMIN)
    page = admin.send(admin.get(data), data, "apagar")
    assert (page.status, "Marque para confirmar" in page.text) == (422, True)
    page = admin.submit(admin.get(data), data, "apagar", certeza="sim")
    assert "foram apagados" in page.text
    assert (count("alunos"), count("checkins")) == (0, 0)
    assert work_off() == 1  # The files.


def test_desk_copies_and_erases_nothing(desk: Browser, data: str) -> None:
    page = desk.get(data)
    assert "Quem administra o sistema pode fazer isso" in page.text
    with pytest.raises(AssertionError, match="no form"):
        page.form("apagar")
