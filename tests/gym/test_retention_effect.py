"""Whether contacts keep members: what is counted, and whether the interval can be believed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, text

from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.gym.service_retention_effect import newcombe, wilson
from chalicelib.gym.tables import Checkin
from tests.client import Client, assert_problem
from tests.gym.conftest import MakeAluno, SetHoldOut
from tests.gym.histories import change, execute, visit
from tests.gym.worklists import days_pass, groups, many_risky, shown

EFEITO = "/retencao/efeito"

LiveOn = Callable[[float, float], dict[str, Any]]


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_interval_is_that_of_newcombe_s_paper(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = newcombe(wilson(*first), wilson(*second))
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    treated, held_out = rng.binomial(360, 0.88, 4000), rng.binomial(40, 0.8, 4000)
    covered = 0
    for a, b in zip(treated.tolist(), held_out.tolist(), strict=True):
        found = newcombe(wilson(a, 360), wilson(b, 40))
        covered += found.low <= 0.08 <= found.high
    assert 0.94 <= covered / 4000 <= 0.97


@pytest.fixture
def live_on(operador: Client, make_aluno: MakeAluno, hold_out: SetHoldOut) -> LiveOn:
    """Lets 400 members onto a list, half of them held out, and each stay by their group's share."""

    def live(contacted: float, held_out: float) -> dict[str, Any]:
        hold_out("0.5")
        many_risky(make_aluno, 400)
        shown(operador, 200)
        days_pass(31)
        back = "interval '31 days'"
        execute(f"UPDATE checkins SET entrada = entrada - {back}, saida = saida - {back}")
        rng = np.random.default_rng(3)
        stay = {"contato": contacted, "controle": held_out}
        returned = [
            {"aluno_id": a, "entrada": utc_now() - timedelta(days=20), "sem_saida": True}
            for a, grupo in groups().items()
            if rng.random() < stay[grupo]
        ]
        with unit_of_work() as session:
            session.execute(insert(Checkin), returned)
        found: dict[str, Any] = operador.get(EFEITO).json
        return found

    return live


def test_effect_that_there_is_is_found(live_on: LiveOn) -> None:
    found = live_on(0.85, 0.60)["geral"]
    assert found["contato"]["alunos"] + found["controle"]["alunos"] == 400
    difference = found["diferenca_pp"]
    assert 0 < difference["low"] < 25 < difference["high"]
    assert found["conclusao"] == "ajuda"
    assert found["contato"]["low"] < 0.85 < found["contato"]["high"]


def test_effect_that_there_is_not_is_not_claimed(live_on: LiveOn) -> None:
    answer = live_on(0.7, 0.7)
    found = answer["geral"]
    assert found["diferenca_pp"]["low"] < 0 < found["diferenca_pp"]["high"]
    assert (found["conclusao"], answer["aviso"]) == ("inconclusivo", None)


def test_harm_is_told(live_on: LiveOn) -> None:
    assert live_on(0.5, 0.8)["geral"]["conclusao"] == "prejudica"


def _enter(aluno_id: int, days_ago: float, grupo: str = "contato") -> None:
    """Let a member be of the population of a list so many days ago."""
    em = utc_now() - timedelta(days=days_ago)
    with unit_of_work() as session:
        session.execute(
            text(
                "INSERT INTO retencao_elegiveis (dia, aluno_id, grupo, posicao, motivo, em)"
                " VALUES (:dia, :aluno_id, :grupo, :aluno_id, 'modelo', :em)"
            ),
            {"dia": em.date(), "aluno_id": aluno_id, "grupo": grupo, "em": em},
        )


def _counted(client: Client, **query: Any) -> tuple[int, int]:
    """Members of the group to contact, and how many of them stayed."""
    found = client.get(EFEITO, **query).json["geral"]["contato"]
    return found["alunos"], found["retidos"]


def test_who_came_within_30_days_and_did_not_cancel_has_stayed(
    operador: Client, make_aluno: MakeAluno, plano_id: int
) -> None:
    for days_ago, stayed in ((39.9, True), (10.1, True), (9.9, False), (40.1, False)):
        aluno_id = make_aluno((days_ago,))
        _enter(aluno_id, 40)
        assert _counted(operador) == (1, int(stayed)), days_ago
        execute(f"DELETE FROM alunos WHERE id = {aluno_id}")
    cancelled = make_aluno((35,))
    _enter(cancelled, 40)
    change(cancelled, utc_now() - timedelta(days=12), plano_id, ativo=False)
    assert _counted(operador) == (1, 0)


def test_member_counts_once_from_their_first_list_and_only_when_it_is_over(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id, waiting = make_aluno((75,)), make_aluno((1,))
    _enter(aluno_id, 80)
    _enter(aluno_id, 40)
    _enter(waiting, 29.9)
    assert _counted(operador) == (1, 1)
    assert operador.get(EFEITO).json["aguardando"] == 1
    visit(waiting, utc_now() - timedelta(days=2))
    # The second list is no entry of its own: what came before it was not left to chance.
    later = str((utc_now() - timedelta(days=60)).date())
    assert _counted(operador, desde=later) == (0, 0)
    assert _counted(operador, ate=later) == (1, 1)


def test_contacts_are_counted_but_do_not_move_anybody_to_another_group(
    operador: Client, make_aluno: MakeAluno
) -> None:
    contacted, left_alone, forced = (make_aluno((35,)) for _ in range(3))
    _enter(contacted, 40)
    _enter(left_alone, 40)
    _enter(forced, 40, "controle")
    for aluno_id in (contacted, forced):
        body = {"aluno_id": aluno_id, "canal": "email", "desfecho": "conversou"}
        assert operador.post("/retencao/contatos", body).status == 201
    execute("UPDATE contatos SET concluido_em = now() - interval '30 days'")
    found = operador.get(EFEITO).json["geral"]
    assert (found["contato"]["alunos"], found["contato"]["contatados"]) == (2, 1)
    assert (found["controle"]["alunos"], found["controle"]["contatados"]) == (1, 1)


def test_too_few_make_no_difference(operador: Client, make_aluno: MakeAluno) -> None:
    assert operador.get(EFEITO).json["geral"]["contato"]["retencao"] is None
    for grupo, n in (("contato", 30), ("controle", 29)):
        for _ in range(n):
            _enter(make_aluno((35,)), 40, grupo)
    found = operador.get(EFEITO).json
    assert (found["geral"]["diferenca_pp"], found["geral"]["conclusao"]) == (None, "cedo_demais")
    assert "Cedo demais" in found["aviso"]
    _enter(make_aluno((35,)), 40, "controle")
    found = operador.get(EFEITO).json
    assert found["geral"]["conclusao"] == "inconclusivo"
    assert sum(month["contato"]["alunos"] for month in found["por_mes"]) == 30


def test_days_that_are_none_are_refused(operador: Client) -> None:
    assert_problem(operador.get(EFEITO, desde="ontem"), 422, "ValidationFailed")
    reversed_ = operador.get(EFEITO, desde="2026-03-02", ate="2026-03-01")
    (error,) = assert_problem(reversed_, 422, "ValidationFailed")["errors"]
    assert error == {"campo": "ate", "erro": "must not lie before desde"}
    assert operador.get(EFEITO, desde="2026-03-02", ate="2026-03-02").status == 200
