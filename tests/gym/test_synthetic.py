"""Synthetic members: marked, served, and unknown to training."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from chalicelib.core.auth import Role
from chalicelib.core.db import unit_of_work
from chalicelib.gym.schemas_members import Perfil
from chalicelib.gym.synthetic import SyntheticHistory, make_history
from chalicelib.gym.training_data import ACTIVITY, labelled_sql
from tests.client import Client, assert_problem
from tests.conftest import MakeUser
from tests.gym.conftest import MakeAluno, count
from tests.gym.publishing import publish_model

NOW = datetime(2026, 3, 18, 0, 30, tzinfo=ZoneInfo("America/Sao_Paulo"))
PATH = "/admin/alunos-sinteticos"


@pytest.fixture
def cientista(client_of: MakeUser) -> Client:
    """A signed-in cientista of the house."""
    return client_of(Role.CIENTISTA)


def _make(client: Client, perfil: str, n: int = 1, **more: Any) -> list[dict[str, Any]]:
    answer = client.post(PATH, {"perfil": perfil, "n": n, **more})
    assert answer.status == 201, answer.body
    made: list[dict[str, Any]] = answer.json["alunos"]
    assert len(made) == n
    return made


def _weekly(history: SyntheticHistory, first: int, last: int) -> float:
    """Visits a week between so many days ago and so many."""
    since, until = NOW - timedelta(days=first), NOW - timedelta(days=last)
    return sum(since < entrada <= until for entrada, _ in history.visits) / ((first - last) / 7)


def _histories(perfil: Perfil) -> list[SyntheticHistory]:
    return [make_history(perfil, NOW, str(seed)) for seed in range(20)]


@pytest.mark.parametrize("perfil", list(Perfil))
def test_visits_are_possible_ones(perfil: Perfil) -> None:
    for history in _histories(perfil):
        days = [entrada.date() for entrada, _ in history.visits]
        assert len(days) > 2
        assert history.visits == sorted(history.visits)
        for entrada, saida in history.visits:
            assert history.matriculado_em < entrada < saida < NOW
            assert saida - entrada <= timedelta(minutes=95)
        for (_, left), (came, _) in zip(history.visits, history.visits[1:], strict=False):
            assert left < came


def test_each_profile_is_what_it_says() -> None:
    for history in _histories(Perfil.ASSIDUO):
        assert _weekly(history, 200, 0) > 3
    for history in _histories(Perfil.EM_QUEDA):
        assert _weekly(history, 200, 80) > 2 * _weekly(history, 28, 0) > 0
        assert NOW - history.visits[-1][0] < timedelta(days=18)
    for history in _histories(Perfil.NOVO):
        assert NOW - history.matriculado_em < timedelta(days=30)
    for history in _histories(Perfil.SUMIDO):
        assert NOW - history.visits[-1][0] > timedelta(days=40)
    weeks = [
        [_weekly(history, 7 * week + 7, 7 * week) for week in range(2, 26)]
        for history in _histories(Perfil.IRREGULAR)
    ]
    assert all(0 in rates and max(rates) >= 2 for rates in weeks)


def test_the_same_seed_makes_the_same_visits() -> None:
    again = [make_history(Perfil.IRREGULAR, NOW, "7") for _ in range(2)]
    assert again[0] == again[1]
    assert make_history(Perfil.IRREGULAR, NOW, "8") != again[0]


def test_members_are_marked_and_nobodys(cientista: Client, plano_id: int) -> None:
    made = _make(cientista, "em_queda", 3)
    assert all(aluno["sintetico"] for aluno in made)
    assert all(aluno["email"].endswith("@sintetico.invalid") for aluno in made)
    assert len({aluno["email"] for aluno in made}) == 3
    assert made[0]["nome"] == "Sintético em queda 1"
    assert cientista.get(f"/aluno/{made[0]['id']}").json["sintetico"] is True
    assert cientista.get("/alunos").json["items"] == []
    assert cientista.get("/alunos", sinteticos="somente").json["total"] == 3
    _make(cientista, "em_queda", 3)  # Once more is three more.
    assert count("alunos") == 6


def test_model_answers_for_them_and_tells_the_profiles_apart(
    cientista: Client, plano_id: int
) -> None:
    publish_model()
    found = {
        perfil: cientista.get(f"/aluno/{_make(cientista, perfil)[0]['id']}/risco-churn").json
        for perfil in Perfil
    }
    kinds = {perfil: answer["tipo"] for perfil, answer in found.items()}
    assert kinds == {
        "assiduo": "modelo",
        "em_queda": "modelo",
        "irregular": "modelo",
        "novo": "inicio",
        "sumido": "ausente",
    }
    risks = {perfil: answer["probabilidade_churn"] for perfil, answer in found.items()}
    assert risks[Perfil.ASSIDUO] < risks[Perfil.EM_QUEDA] < risks[Perfil.SUMIDO] == 1


def test_training_knows_nothing_of_them(
    cientista: Client, make_aluno: MakeAluno, plano_id: int
) -> None:
    real = make_aluno((100, 95, 92))
    _make(cientista, "assiduo", 5)
    then = datetime.now(UTC) - timedelta(days=90)
    with unit_of_work(autocommit=True) as session:
        pairs = session.execute(text(labelled_sql([then]))).all()
        days = session.execute(text(ACTIVITY)).all()
    assert [row.aluno_id for row in pairs] == [real]
    assert sum(day.visitas for day in days) == 3


def test_all_are_removed_and_nobody_else(cientista: Client, make_aluno: MakeAluno) -> None:
    make_aluno((3,))
    _make(cientista, "assiduo", 2)
    assert cientista.delete(PATH).json == {"removidos": 2}
    assert (count("alunos"), count("checkins"), count("aluno_vigencias")) == (1, 1, 1)
    assert cientista.delete(PATH).json == {"removidos": 0}


def test_plans_on_offer_are_given_in_turn(cientista: Client, admin: Client, plano_id: int) -> None:
    anual = admin.post("/planos", {"nome": "Anual", "mensalidade": "99.90"}).json["id"]
    gone = admin.post("/planos", {"nome": "Antigo", "mensalidade": "9.90"}).json["id"]
    admin.patch(f"/planos/{gone}/desativar")
    plans = [aluno["plano_id"] for aluno in _make(cientista, "novo", 4)]
    assert plans == [plano_id, anual, plano_id, anual]


def test_without_a_plan_on_offer_nobody_is_made(cientista: Client) -> None:
    refused = cientista.post(PATH, {"perfil": "novo"})
    assert_problem(refused, 422, "PlanoUnknown")


def test_number_and_profile_are_bounded(cientista: Client, plano_id: int) -> None:
    for body in ({"perfil": "novo", "n": 0}, {"perfil": "novo", "n": 101}, {"perfil": "x"}, {}):
        assert_problem(cientista.post(PATH, body), 422, "ValidationFailed")
    _make(cientista, "assiduo", 100)
    assert count("alunos") == 100


def test_the_desk_makes_none(operador: Client, plano_id: int) -> None:
    assert_problem(operador.post(PATH, {"perfil": "novo"}), 403, "Forbidden")
    assert_problem(operador.delete(PATH), 403, "Forbidden")
