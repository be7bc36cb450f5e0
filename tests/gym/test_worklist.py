"""The day's worklist: who is on it, why, in what order; and that nobody held out ever is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from math import sqrt
from typing import Any

import pytest
from sqlalchemy import Engine

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, engine
from chalicelib.gym.service_worklist import population_size
from tests.client import Client
from tests.conftest import MakeUser
from tests.core.test_pages import statements
from tests.gym.conftest import MakeAluno, SetHoldOut, count
from tests.gym.histories import execute, visit
from tests.gym.publishing import publish_model
from tests.gym.work import finished_job
from tests.gym.worklists import FILA, days_pass, groups, held_out, many_risky, say, shown

CONTATOS = "/retencao/contatos"
NOBODY, HALF = "0", "0.5"


@pytest.fixture
def make_risky(make_aluno: MakeAluno) -> Callable[[float], int]:
    """Makes a member with a score of today."""

    def make(probability: float) -> int:
        aluno_id = make_aluno((3,))
        say(aluno_id, probability)
        return aluno_id

    return make


# Who is on it, and in what order.


def test_who_the_model_names_comes_by_risk_and_who_it_does_not_name_stays_away(
    operador: Client, make_risky: Callable[[float], int], hold_out: SetHoldOut
) -> None:
    hold_out(NOBODY)
    medium, high, _, same = (make_risky(p) for p in (0.5, 0.9, 0.39, 0.5))
    assert shown(operador) == [high, medium, same]


def test_who_has_left_cancelled_or_was_made_up_is_no_candidate(
    operador: Client,
    make_aluno: MakeAluno,
    make_risky: Callable[[float], int],
    hold_out: SetHoldOut,
) -> None:
    hold_out(NOBODY)
    gone = make_aluno((31,))
    say(gone, 1.0, tipo="ausente")
    cancelled, made_up, there = (make_risky(0.9) for _ in range(3))
    execute(f"UPDATE alunos SET ativo = false WHERE id = {cancelled}")
    execute(f"UPDATE alunos SET sintetico = true WHERE id = {made_up}")
    assert shown(operador) == [there]


def _rule(client: Client, **fields: Any) -> int:
    rule = {"nome": "Sumiu", "tipo": "dias_ausente", "limite": 14, **fields}
    answer = client.post("/retencao/regras", rule)
    assert answer.status == 201, answer.body
    return int(answer.json["id"])


def test_rule_names_who_stayed_away_for_as_long_or_never_came(
    operador: Client, make_aluno: MakeAluno, hold_out: SetHoldOut
) -> None:
    hold_out(NOBODY)
    regra_id = _rule(operador)
    make_aluno((13.9,))
    away, never = make_aluno((14.1,)), make_aluno((), registered_days_ago=15)
    make_aluno((), registered_days_ago=13)
    items = operador.get(FILA).json["items"]
    assert [item["aluno_id"] for item in items] == [away, never]
    alert = {"regra_id": regra_id, "nome": "Sumiu", "texto": "Sem vir há 14 dias."}
    assert items[0]["alertas"] == [alert]
    assert items[1]["alertas"][0]["texto"] == "Nunca veio, matrícula há 15 dias."
    assert items[0]["probabilidade_churn"] is None


def test_rule_of_the_own_pace_compares_members_with_themselves(
    operador: Client, make_aluno: MakeAluno, hold_out: SetHoldOut
) -> None:
    hold_out(NOBODY)
    _rule(operador, tipo="ritmo_proprio", limite=0.5)
    weekly = tuple(28.5 + 3.5 * n for n in range(24))  # Twice a week, until four weeks ago.
    slower = make_aluno((2, 9, 16, 23, *weekly))
    make_aluno((2, 5, 9, 12, 16, *weekly))
    make_aluno((2, 90))  # Hardly ever came: no pace that could halve.
    make_aluno((2, 29, 33, 37), registered_days_ago=40)  # Too new to have one.
    items = operador.get(FILA).json["items"]
    assert [item["aluno_id"] for item in items] == [slower]
    assert (
        items[0]["alertas"][0]["texto"]
        == "Vem 1,0 vez por semana; o próprio costume é de 2,0 vezes."
    )


def test_priority_rule_goes_before_any_score_and_a_sleeping_one_says_nothing(
    operador: Client,
    make_aluno: MakeAluno,
    make_risky: Callable[[float], int],
    hold_out: SetHoldOut,
) -> None:
    hold_out(NOBODY)
    risky, away = make_risky(0.9), make_aluno((15,))
    regra_id = _rule(operador, ativo=False)
    assert shown(operador) == [risky]
    execute("DELETE FROM retencao_elegiveis")
    rule = {"nome": "Sumiu", "tipo": "dias_ausente", "limite": 14, "prioritaria": True}
    operador.put(f"/retencao/regras/{regra_id}", rule)
    assert shown(operador) == [away, risky]


# What is said of each.


def test_reasons_change_play_and_last_contact_are_told(
    operador: Client, make_aluno: MakeAluno, hold_out: SetHoldOut, admin: Client
) -> None:
    hold_out(NOBODY)
    publish_model()
    aluno_id = make_aluno((25, 32, 39, 46, 53, 60))
    finished_job(operador, operador.post("/admin/calcular-probabilidades"))
    execute("UPDATE probabilidades_churn SET anterior = 0.25, anterior_versao = 1")
    play = {"nome": "Ligar", "descricao": "Ligue.", "canal": "telefone", "faixa": "alto"}
    operador.post("/retencao/jogadas", play)
    operador.post(CONTATOS, {"aluno_id": aluno_id, "canal": "email", "desfecho": "sem_resposta"})
    days_pass(8)
    stored = operador.get(FILA).json["items"][0]
    own = operador.get(f"/aluno/{aluno_id}/risco-churn").json
    assert stored["motivos"] == own["motivos"]
    assert stored["probabilidade_churn"] == own["probabilidade_churn"]
    assert stored["mudanca"] == pytest.approx(own["probabilidade_churn"] - 0.25)
    assert (stored["faixa"], stored["jogada"]["nome"]) == ("alto", "Ligar")
    last = stored["ultimo_contato"]
    assert (last["por"], last["canal"], last["desfecho"]) == (
        operador.subject,
        "email",
        "sem_resposta",
    )
    execute("UPDATE probabilidades_churn SET explicacao = NULL, anterior_versao = 2")
    computed = operador.get(FILA).json["items"][0]
    assert computed["motivos"] == stored["motivos"]
    assert computed["mudanca"] is None


def test_first_play_whose_conditions_all_hold_is_suggested(
    operador: Client, make_aluno: MakeAluno, hold_out: SetHoldOut
) -> None:
    hold_out(NOBODY)
    aluno_id = make_aluno((15,))
    reason = {"texto": "x", "valor": 1.0, "usual": 1.0}
    motivos = [
        {"fator": "plano", "contribuicao": -0.5, **reason},
        {"fator": "meses_de_casa", "contribuicao": 0.3, **reason},
    ]
    say(aluno_id, 0.5, explicacao={"probabilidade_base": 0.1, "motivos": motivos})
    fires, other = _rule(operador), _rule(operador, nome="Outra", limite=29)
    conditions: list[dict[str, Any]] = [
        {"faixa": "alto"},
        {"fator": "plano"},
        {"regra_id": other},
        {"faixa": "medio", "fator": "meses_de_casa", "regra_id": fires},
        {},
    ]
    for number, condition in enumerate(conditions, start=1):
        play = {"nome": str(number), "descricao": "x", "canal": "email", "prioridade": number}
        assert operador.post("/retencao/jogadas", {**play, **condition}).status == 201
    assert operador.get(FILA).json["items"][0]["jogada"]["nome"] == "4"
    operador.delete("/retencao/jogadas/4")
    assert operador.get(FILA).json["items"][0]["jogada"]["nome"] == "5"


def test_it_says_when_scores_are_old_or_missing(
    operador: Client, make_risky: Callable[[float], int], hold_out: SetHoldOut
) -> None:
    hold_out(NOBODY)
    make_risky(0.9)
    assert operador.get(FILA).json["aviso"] is None
    execute("UPDATE probabilidades_churn SET dia = dia - 2")
    found = operador.get(FILA).json
    assert "as de hoje ainda não existem" in found["aviso"]
    assert len(found["items"]) == 1
    execute("UPDATE probabilidades_churn SET dia = dia - 6")
    _rule(operador, limite=2)
    assert "só as regras" in operador.get(FILA).json["aviso"]


# Contacts keep members off it.


def test_open_or_recent_contact_keeps_a_member_off_the_list(
    operador: Client, make_risky: Callable[[float], int], hold_out: SetHoldOut
) -> None:
    hold_out(NOBODY)
    first, second = make_risky(0.9), make_risky(0.8)
    task = operador.post(CONTATOS, {"aluno_id": first, "canal": "telefone"}).json
    assert shown(operador) == [second]
    days_pass(30)
    assert shown(operador) == [second]
    operador.patch(f"{CONTATOS}/{task['id']}", {"desfecho": "conversou"})
    assert shown(operador) == [second]
    days_pass(6)
    assert shown(operador) == [second]
    days_pass(2)
    assert shown(operador) == [first, second]


def test_who_asked_not_to_be_contacted_never_is_again(
    operador: Client, make_risky: Callable[[float], int], hold_out: SetHoldOut
) -> None:
    hold_out(NOBODY)
    aluno_id = make_risky(0.9)
    assert shown(operador) == [aluno_id]
    operador.post(CONTATOS, {"aluno_id": aluno_id, "canal": "telefone", "desfecho": "nao_contatar"})
    days_pass(300)
    assert shown(operador) == []


# The draw.


def test_held_out_are_recorded_never_shown_and_never_contacted_unawares(
    operador: Client, make_aluno: MakeAluno, hold_out: SetHoldOut
) -> None:
    hold_out(HALF)
    everybody = many_risky(make_aluno, 60)
    for capacidade in (10, 30):
        on_it = shown(operador, capacidade)
        assert not set(on_it) & held_out()
        assert set(groups()) == set(everybody[: 2 * capacidade])
        assert on_it == [one for one in everybody if groups().get(one) == "contato"][:capacidade]
    one = min(held_out())
    body = {"aluno_id": one, "canal": "telefone"}
    refused = operador.post(CONTATOS, body)
    assert (refused.status, refused.json["title"]) == (409, "AlunoNoControle")
    assert operador.post(CONTATOS, {**body, "forcar": True}).status == 201
    trail = operador.get(f"/aluno/{one}/dados").json["auditoria"]
    assert trail[0]["detalhes"]["contra_o_controle"] is True
    assert groups()[one] == "controle"


def test_nobody_held_out_is_shown_on_any_day(
    operador: Client, make_aluno: MakeAluno, hold_out: SetHoldOut
) -> None:
    hold_out(HALF)
    many_risky(make_aluno, 80)
    seen: set[int] = set()
    for _ in range(6):
        on_it = shown(operador, 10)
        # The held out rest too, so the list does not fill up with members nobody sees.
        assert len(on_it) >= 4
        seen |= set(on_it)
        days_pass(1)
    assert len(seen) >= 10
    assert not seen & held_out()


def test_draw_is_for_good_whatever_fraction_and_seed_become(
    operador: Client, make_aluno: MakeAluno, hold_out: SetHoldOut
) -> None:
    hold_out(HALF)
    many_risky(make_aluno, 60)
    shown(operador, 15)
    before = groups()
    hold_out("0.1", seed="outra")
    days_pass(8)
    shown(operador, 50)
    assert len(groups()) > len(before) == 30
    assert {aluno_id: groups()[aluno_id] for aluno_id in before} == before


def test_draw_goes_by_seed_and_member_alone(
    operador: Client, make_aluno: MakeAluno, hold_out: SetHoldOut
) -> None:
    many_risky(make_aluno, 60)

    def draw(share: str, seed: str) -> set[int]:
        execute("DELETE FROM retencao_elegiveis")
        execute("DELETE FROM grupos_retencao")
        hold_out(share, seed)
        shown(operador, 30)
        shown(operador, 60)
        return held_out()

    first = draw(HALF, "a")
    assert draw(HALF, "a") == first
    assert draw(HALF, "b") != first
    # Whom a small fraction holds out, a larger one does, too.
    assert draw("0.2", "a") < first


def test_held_out_share_is_as_set(
    operador: Client, make_aluno: MakeAluno, hold_out: SetHoldOut
) -> None:
    hold_out("0.1")
    many_risky(make_aluno, 222)
    shown(operador, 200)
    n = len(groups())
    assert n == population_size(200) == 222
    # Four standard deviations of a binomial count; the seed is fixed, so this does not flicker.
    assert abs(len(held_out()) - 0.1 * n) < 4 * sqrt(n * 0.1 * 0.9)
    assert held_out()


# How it is made.


def test_list_of_a_day_stands_and_is_continued(
    operador: Client,
    make_aluno: MakeAluno,
    make_risky: Callable[[float], int],
    hold_out: SetHoldOut,
) -> None:
    hold_out(NOBODY)
    members = many_risky(make_aluno, 10)
    assert shown(operador, 4) == members[:4]
    late = make_risky(0.99)
    assert shown(operador, 4) == members[:4]
    assert shown(operador, 6) == [*members[:4], late, members[4]]
    assert shown(operador, 3) == members[:3]


def test_two_who_ask_first_at_once_make_one_list(
    operador: Client, make_aluno: MakeAluno, hold_out: SetHoldOut
) -> None:
    hold_out(HALF)
    many_risky(make_aluno, 60)
    with ThreadPoolExecutor(4) as pool:
        lists = list(pool.map(lambda _: shown(operador, 10), range(4)))
    assert all(found == lists[0] for found in lists)
    assert count("retencao_elegiveis") == count("grupos_retencao") == 20


def test_only_who_works_on_it_makes_it(
    operador: Client, client_of: MakeUser, make_risky: Callable[[float], int], hold_out: SetHoldOut
) -> None:
    hold_out(NOBODY)
    aluno_id = make_risky(0.9)
    leitor = client_of(Role.LEITOR)
    found = leitor.get(FILA).json
    assert (found["items"], count("retencao_elegiveis")) == ([], 0)
    assert "ainda não foi aberta" in found["aviso"]
    assert shown(operador) == [aluno_id]
    assert shown(leitor) == [aluno_id]


def test_statements_do_not_grow_with_the_list(
    operador: Client, make_aluno: MakeAluno, hold_out: SetHoldOut
) -> None:
    hold_out(HALF)
    many_risky(make_aluno, 60)
    app: Engine = engine(DatabaseRole.APP)
    with statements(app) as few:
        shown(operador, 2)
    with statements(app) as many:
        shown(operador, 30)
    assert len(many) == len(few) <= 12


def test_capacity_is_bounded(operador: Client) -> None:
    for capacidade in (0, 201):
        assert operador.get(FILA, capacidade=capacidade).status == 422


def test_a_visit_keeps_a_member_from_being_called_absent(
    operador: Client, make_aluno: MakeAluno, hold_out: SetHoldOut
) -> None:
    hold_out(NOBODY)
    _rule(operador)
    aluno_id = make_aluno((20,))
    visit(aluno_id, utc_now() - timedelta(hours=2))
    assert shown(operador) == []
