"""Retention: who left when by the gym's definition, and the curves that are drawn of it."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.gym.training_data import read_record
from chalicelib.gym.training_retention import curve, read_spells
from infra.local.scheduler import run_due, schedules_of
from infra.local.seed import load_gym
from infra.local.simulation import simulate
from tests.client import Client
from tests.conftest import MakeUser
from tests.gym.conftest import MakeAluno
from tests.gym.histories import change, execute, reader
from tests.gym.work import work_off

RETENTION = "/retencao/coortes"
EVERY_DAY = tuple(float(day) for day in range(300, -1, -1))


@pytest.fixture
def gym(make_aluno: MakeAluno) -> MakeAluno:
    """A club that is open every day; its one regular was there before the record began."""
    make_aluno(EVERY_DAY, registered_days_ago=400)
    return make_aluno


def spells() -> pd.DataFrame:
    record = read_record(reader())
    assert record is not None
    return read_spells(reader(), record)


def stays() -> list[tuple[int, bool]]:
    """Days stayed and whether they left, in order of days."""
    found = spells().sort_values("dias")
    return [(int(row.dias), bool(row.saiu)) for row in found.itertuples()]


def test_who_stays_is_counted_until_the_record_ends(gym: MakeAluno) -> None:
    gym(tuple(range(0, 100, 7)), registered_days_ago=100)
    ((days, left),) = stays()
    assert not left
    assert 100 <= days <= 101


def test_thirty_days_without_a_visit_are_a_departure_even_if_they_come_back(
    gym: MakeAluno,
) -> None:
    gym((90, 80, 40, 5), registered_days_ago=100)
    assert stays() == [(50, True)]  # Last came on day 20 and was gone on day 50.


def test_who_never_came_has_left_after_thirty_days(gym: MakeAluno) -> None:
    gym((), registered_days_ago=100)
    assert stays() == [(30, True)]


def test_an_absence_that_is_not_over_yet_is_none(gym: MakeAluno) -> None:
    gym((29,), registered_days_ago=40)
    assert [left for _, left in stays()] == [False]


def test_a_cancellation_is_a_departure_when_it_comes_first(gym: MakeAluno, plano_id: int) -> None:
    aluno_id = gym(tuple(range(60, 100, 7)), registered_days_ago=100)
    change(aluno_id, utc_now() - timedelta(days=55), plano_id, ativo=False)
    assert stays() == [(45, True)]


def test_who_registered_before_the_record_began_is_left_out(gym: MakeAluno) -> None:
    gym((5,), registered_days_ago=350)
    assert stays() == []


def test_absence_while_the_club_was_not_recording_is_nobodys(gym: MakeAluno) -> None:
    gym(tuple(range(0, 200, 7)), registered_days_ago=200)
    execute(
        "DELETE FROM checkins WHERE entrada BETWEEN now() - interval '120 days'"
        " AND now() - interval '70 days'"
    )
    assert [left for _, left in stays()] == [False]


def test_the_plan_is_that_of_the_registration(gym: MakeAluno) -> None:
    aluno_id = gym(tuple(range(0, 100, 7)), registered_days_ago=100)
    execute("INSERT INTO planos (nome, mensalidade) VALUES ('Premium', 200)")
    change(aluno_id, utc_now() - timedelta(days=50), 2)
    assert spells()["plano"].tolist() == ["Padrão"]


def test_a_curve_is_kaplan_and_meiers() -> None:
    # 40 members: 10 leave on day 15, 10 are last seen there on day 45, 10 leave on day 75.
    days = np.repeat([15.0, 45.0, 75.0, 90.0], 10)
    rows = pd.DataFrame({"dias": days, "saiu": np.repeat([True, False, True, False], 10)})
    found = curve(rows, plano="Padrão")
    assert [point.dia for point in found.pontos] == [0, 30, 60, 90]
    assert [point.retencao for point in found.pontos] == pytest.approx([1, 0.75, 0.75, 0.375])
    assert [point.em_risco for point in found.pontos] == [40, 30, 20, 10]
    # Greenwood, "The natural duration of cancer", 1926, on the log-log scale.
    s, spread = 0.75, np.sqrt(10 / (40 * 30)) / np.log(0.75)
    bounds = s ** np.exp(1.959964 * np.array([-spread, spread]))
    point = found.pontos[1]
    assert (point.low, point.high) == pytest.approx(tuple(bounds), abs=1e-6)
    assert (found.alunos, found.saidas, found.mediana_dias) == (40, 20, 75)


def test_where_nobody_left_the_curve_stays_on_top_and_has_no_median() -> None:
    rows = pd.DataFrame({"dias": np.arange(100.0), "saiu": np.zeros(100, dtype=bool)})
    found = curve(rows)
    assert {(p.retencao, p.low, p.high) for p in found.pontos} == {(1, 1, 1)}
    assert found.mediana_dias is None


def test_a_small_group_has_no_curve() -> None:
    rows = pd.DataFrame({"dias": np.arange(29.0), "saiu": np.ones(29, dtype=bool)})
    found = curve(rows, coorte="2026-01")
    assert (found.alunos, found.saidas, found.pontos) == (29, 29, [])
    assert found.aviso


def test_curves_are_drawn_each_night_and_read_with_their_date(client_of: MakeUser) -> None:
    leitor = client_of(Role.LEITOR)
    empty = leitor.get(RETENTION).json
    assert (empty["calculado_em"], empty["retencao"]) == (None, None)
    assert "Ainda não calculado" in empty["aviso"]
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, simulate(alunos=300, meses=9, until=utc_now()))
    now = utc_now()
    (nightly,) = [s for s in schedules_of(Client.app, now) if s.name == "analyse_gym"]
    run_due([nightly], nightly.due)
    assert work_off() == 1
    found = leitor.get(RETENTION).json
    assert found["calculado_em"]
    curves = found["retencao"]["curvas"]
    everybody = curves[0]
    assert (everybody["coorte"], everybody["plano"]) == (None, None)
    by_plan = [c for c in curves if c["coorte"] is None and c["plano"]]
    by_month = [c for c in curves if c["coorte"] and c["plano"] is None]
    for parts in (by_plan, by_month):
        assert sum(c["alunos"] for c in parts) == everybody["alunos"] > 100
        assert sum(c["saidas"] for c in parts) == everybody["saidas"] > 0
    retained = [point["retencao"] for point in everybody["pontos"]]
    assert retained == sorted(retained, reverse=True)
    assert all(p["low"] <= p["retencao"] <= p["high"] for p in everybody["pontos"])


def test_a_club_without_a_visit_has_no_curves(client_of: MakeUser) -> None:
    leitor = client_of(Role.LEITOR)
    (nightly,) = [s for s in schedules_of(Client.app, utc_now()) if s.name == "analyse_gym"]
    run_due([nightly], nightly.due)
    work_off()
    found = leitor.get(RETENTION).json
    assert found["retencao"]["curvas"] == []
    assert found["retencao"]["desde"] is None
