"""The simulated gym keeps the rules a real one's records keep, and is as uneven as one."""

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache

import numpy as np
import pytest

from infra.local.simulation import PRESETS, SimulatedGym, academia_de_bairro, simulate
from infra.local.simulation.agenda import easter, window
from infra.local.simulation.arrays import Bools, Floats, Instants
from infra.local.simulation.habits import Habits

UNTIL = datetime(2026, 6, 10, 21, 30, tzinfo=UTC)  # a Wednesday, 18:30 at the gym
NOW = np.datetime64("2026-06-10T21:30:00", "us")
DAY = np.timedelta64(1, "D")
SIX_HOURS = np.timedelta64(6, "h")
every_preset = pytest.mark.parametrize("preset", sorted(PRESETS))


@cache
def gym(preset: str = "academia_de_bairro", alunos: int = 2000, seed: int = 7) -> SimulatedGym:
    return simulate(alunos=alunos, until=UNTIL, seed=seed, habits=PRESETS[preset]())


def columns(of: SimulatedGym) -> dict[str, bytes]:
    return {
        f"{table}.{name}": column.tobytes()
        for table in ("alunos", "mudancas", "visitas")
        for name, column in vars(getattr(of, table)).items()
    }


def local(instants: Instants) -> Instants:
    return instants - np.timedelta64(3, "h")


def local_hours(of: SimulatedGym) -> Floats:
    """(24,) share of the entries in each local hour."""
    hours = local(of.visitas.entrada).astype("datetime64[h]").astype(np.int64) % 24
    return np.asarray(np.bincount(hours, minlength=24) / len(hours))


def weekdays(of: SimulatedGym) -> Floats:
    """(7,) share of the entries on each local day, Monday first."""
    days = local(of.visitas.entrada).astype("datetime64[D]").astype(np.int64)
    return np.asarray(np.bincount((days + 3) % 7, minlength=7) / len(days))


def same_aluno_follows(of: SimulatedGym) -> Bools:
    return np.asarray(of.visitas.aluno[1:] == of.visitas.aluno[:-1])


def gaps_in_days(of: SimulatedGym) -> Floats:
    between = np.diff(of.visitas.entrada)[same_aluno_follows(of)]
    return np.asarray(between / DAY)


def came(of: SimulatedGym, since: np.datetime64, until: np.datetime64) -> Bools:
    """(n,) alunos with an entry after `since` and up to `until`."""
    entrada = of.visitas.entrada
    seen = np.zeros(len(of.alunos), dtype=bool)
    seen[of.visitas.aluno[(entrada > since) & (entrada <= until)]] = True
    return seen


def monthly_churn(of: SimulatedGym) -> float:
    """No visit in 30 days, or cancelled in them, of those seen in the 30 days before."""
    lost = 0
    active = 0
    for back in range(30, 400, 30):
        then = NOW - back * DAY
        cancelled = of.alunos.cancelado_em
        here = came(of, then - 30 * DAY, then) & ~(cancelled <= then)
        gone = ~came(of, then, then + 30 * DAY) | (cancelled <= then + 30 * DAY)
        lost += int((here & gone).sum())
        active += int(here.sum())
    return lost / active


def test_the_same_arguments_give_the_same_arrays_bit_for_bit() -> None:
    again = simulate(alunos=2000, until=UNTIL, seed=7)
    assert columns(again) == columns(gym())


def test_another_seed_gives_another_gym() -> None:
    assert columns(gym(seed=8))["visitas.entrada"] != columns(gym())["visitas.entrada"]


@every_preset
def test_visits_of_one_aluno_never_overlap(preset: str) -> None:
    visitas = gym(preset).visitas
    same = same_aluno_follows(gym(preset))
    free_at = np.where(np.isnat(visitas.saida), visitas.entrada + SIX_HOURS, visitas.saida)
    assert (np.diff(visitas.aluno) >= 0).all()
    assert (visitas.entrada[1:] >= free_at[:-1])[same].all()
    assert (np.diff(visitas.entrada)[same] > np.timedelta64(0)).all()


@every_preset
def test_nothing_is_recorded_outside_membership_nor_after_now(preset: str) -> None:
    of = gym(preset)
    aluno, entrada, saida = of.visitas.aluno, of.visitas.entrada, of.visitas.saida
    left = of.alunos.cancelado_em[aluno]
    assert of.until == NOW
    assert (entrada >= np.datetime64("2024-12-10T03:00:00")).all()
    assert entrada.max() <= NOW
    assert np.nanmax(saida) <= NOW
    assert (entrada >= of.alunos.matriculado_em[aluno]).all()
    assert not (entrada > left).any()
    assert not (saida > left).any()
    assert (of.alunos.matriculado_em <= NOW).all()
    assert not (of.alunos.cancelado_em > NOW).any()
    assert not (of.alunos.cancelado_em <= of.alunos.matriculado_em).any()


@every_preset
def test_a_visit_lasts_minutes_to_less_than_the_six_hours_of_an_open_one(preset: str) -> None:
    visitas = gym(preset).visitas
    minutes = (visitas.saida - visitas.entrada) / np.timedelta64(1, "m")
    assert np.nanmin(minutes) > 0
    assert np.nanmax(minutes) < 360
    assert 45 <= np.nanmedian(minutes) <= 90


def test_some_are_inside_now_and_each_only_once() -> None:
    of = gym()
    inside = of.inside()
    assert 5 <= inside.sum() <= 200
    assert (of.visitas.entrada[inside] > NOW - SIX_HOURS).all()
    assert len(np.unique(of.visitas.aluno[inside])) == inside.sum()


@every_preset
def test_about_as_many_exits_are_missing_as_the_habits_say(preset: str) -> None:
    of = gym(preset)
    missing = np.isnat(of.visitas.saida) & ~of.inside()
    assert missing.mean() == pytest.approx(PRESETS[preset]().timing.missing_exit, rel=0.25)


@every_preset
def test_every_person_is_made_up_and_reachable_by_nobody(preset: str) -> None:
    alunos = gym(preset).alunos
    assert len(np.unique(alunos.email)) == len(alunos)
    assert all(email.isascii() and email.endswith("@example.com") for email in alunos.email)
    assert all(telefone[:6] in ("", "+55009") for telefone in alunos.telefone)
    joined = alunos.matriculado_em.astype("datetime64[D]")
    years = (joined - alunos.data_nascimento) / np.timedelta64(1, "D") / 365.25
    assert 0.02 < np.isnat(alunos.data_nascimento).mean() < 0.15
    assert 13.9 <= np.nanmin(years) <= np.nanmax(years) <= 86


@every_preset
def test_monthly_churn_is_that_of_a_gym_that_lives(preset: str) -> None:
    assert 0.04 <= monthly_churn(gym(preset)) <= 0.10


@every_preset
def test_active_alunos_come_once_to_three_times_a_week_and_differ_widely(preset: str) -> None:
    of = gym(preset)
    recent = of.visitas.aluno[of.visitas.entrada > NOW - 56 * DAY]
    active = came(of, NOW - 30 * DAY, NOW) & (of.alunos.matriculado_em < NOW - 56 * DAY)
    weekly = np.bincount(recent, minlength=len(of.alunos))[active] / 8
    assert 1.0 <= weekly.mean() <= 3.0
    assert np.quantile(weekly, 0.9) > 4 * np.quantile(weekly, 0.1)


@every_preset
def test_many_vanish_for_a_month_and_some_of_them_come_back(preset: str) -> None:
    of = gym(preset)
    follows = same_aluno_follows(of)
    returned = np.unique(of.visitas.aluno[1:][follows][gaps_in_days(of) > 30])
    vanished = ~came(of, NOW - 30 * DAY, NOW)
    vanished[returned] = True
    assert 0.3 <= len(returned) / vanished.sum() <= 0.7


def test_some_cancel_while_attending_some_weeks_later_and_some_never() -> None:
    of = gym()
    last = np.full(len(of.alunos), np.datetime64("NaT", "us"))
    last[of.visitas.aluno] = of.visitas.entrada  # visits come in order, so the last one stays
    wait = (of.alunos.cancelado_em - last) / DAY
    silent = np.isnat(of.alunos.cancelado_em) & (last < NOW - 90 * DAY)
    assert (wait < 7).sum() > 50
    assert (wait > 21).sum() > 50
    assert silent.sum() > 50


def test_an_annual_commitment_turns_cancelling_into_silence() -> None:
    of = gym(alunos=10_000)
    gone = ~came(of, NOW - 60 * DAY, NOW) & (of.alunos.matriculado_em < NOW - 60 * DAY)
    annual = of.alunos.plano == [plano.nome for plano in of.planos].index("Anual")
    cancelled = ~np.isnat(of.alunos.cancelado_em)
    assert cancelled[gone & annual].mean() < 0.8 * cancelled[gone & ~annual].mean()
    assert cancelled[gone & ~annual].mean() > 0.5


def test_mornings_and_evenings_peak_and_the_night_is_shut() -> None:
    hours = local_hours(gym())
    assert hours[6:9].sum() > 0.15
    assert hours[17:20].sum() > 0.2
    assert hours[[0, 1, 2, 3, 4, 23]].sum() == 0


def test_sundays_are_quiet_and_closed_in_the_studio() -> None:
    assert 0 < weekdays(gym())[6] < 0.5 * weekdays(gym())[0]
    assert weekdays(gym("studio_premium"))[6] == 0


def test_only_the_gym_that_never_closes_sees_visits_past_midnight() -> None:
    past_midnight = {}
    for preset in PRESETS:
        visitas = gym(preset).visitas
        ended = ~np.isnat(visitas.saida)
        days = local(visitas.saida[ended]).astype("datetime64[D]") - local(
            visitas.entrada[ended]
        ).astype("datetime64[D]")
        past_midnight[preset] = float((days > np.timedelta64(0)).mean())
    assert 0.005 < past_midnight.pop("rede_24h") < 0.05
    assert set(past_midnight.values()) == {0.0}


def test_january_fills_and_holidays_empty_the_gym() -> None:
    of = gym(alunos=10_000)
    joined = of.alunos.matriculado_em.astype("datetime64[M]")
    january, june = ((joined == np.datetime64(m)).sum() for m in ("2026-01", "2025-06"))
    days, visits = np.unique(local(of.visitas.entrada).astype("datetime64[D]"), return_counts=True)
    on = dict(zip(days.astype(str).tolist(), visits.tolist(), strict=True))
    assert january > 1.5 * june
    assert on["2026-02-17"] < 0.6 * on["2026-03-03"]  # carnival Tuesday
    assert on["2025-12-25"] < 0.2 * on["2025-12-11"]


def test_a_minority_changes_plano_while_a_member() -> None:
    of = gym(alunos=10_000)
    mudancas = of.mudancas
    assert 0.01 < len(np.unique(mudancas.aluno)) / len(of.alunos) < 0.15
    assert (mudancas.desde > of.alunos.matriculado_em[mudancas.aluno]).all()
    assert not (mudancas.desde > of.alunos.cancelado_em[mudancas.aluno]).any()
    assert mudancas.desde.max() <= NOW
    assert set(mudancas.plano.tolist()) <= set(range(len(of.planos)))


def test_the_plano_of_an_instant_is_the_last_one_chosen_by_then() -> None:
    of = gym()
    aluno, desde, plano = of.mudancas.aluno[-1], of.mudancas.desde[-1], of.mudancas.plano[-1]
    assert of.planos_at(UNTIL)[aluno] == plano
    assert of.planos_at(desde - 1)[aluno] != plano
    assert (of.planos_at(datetime(2020, 1, 1, tzinfo=UTC)) == of.alunos.plano).all()


def test_event_keys_are_unique_and_name_the_visit() -> None:
    visitas = gym().visitas
    keys = visitas.chaves_evento(slice(0, 1000))
    assert len(set(keys)) == 1000
    assert (
        keys[0]
        == f"sim-{visitas.aluno[0]}-{visitas.entrada[0].astype('datetime64[s]').astype(int)}"
    )


def test_churn_does_not_come_from_the_visits() -> None:
    """Other durations, exits, holidays and luck at the door: the same members leave."""
    habits = academia_de_bairro()
    door = replace(habits.timing, minutes=30.0, missing_exit=0.3, holiday=0.9, second_visit=0.1)
    weather = replace(habits.rhythm, weather=0.5)
    other = simulate(until=UNTIL, habits=replace(habits, timing=door, rhythm=weather))
    left, usually_left = other.alunos.cancelado_em, gym().alunos.cancelado_em
    assert left.tobytes() == usually_left.tobytes()
    assert len(other.visitas) != len(gym().visitas)


def test_the_presets_are_different_gyms() -> None:
    shares = [local_hours(gym(preset)) for preset in sorted(PRESETS)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(shares[one] - shares[other]).sum() > 0.15
    churn = {preset: monthly_churn(gym(preset)) for preset in PRESETS}
    assert churn["studio_premium"] < churn["rede_24h"]
    assert len({gym(preset).planos for preset in PRESETS}) == len(PRESETS)


@pytest.mark.parametrize("alunos", [1, 50, 8000])
def test_any_size_gives_that_many_alunos_and_visits_in_proportion(alunos: int) -> None:
    of = gym(alunos=alunos)
    assert len(of.alunos) == alunos
    if alunos >= 1000:
        each = len(gym().visitas) / len(gym().alunos)
        assert len(of.visitas) / alunos == pytest.approx(each, rel=0.15)


def test_a_gym_with_one_plano_has_no_changes() -> None:
    habits: Habits = replace(academia_de_bairro(), planos=academia_de_bairro().planos[:1])
    of = simulate(alunos=200, meses=3, until=UNTIL, habits=habits)
    assert len(of.mudancas.aluno) == 0
    assert of.visitas.entrada.min() >= np.datetime64("2026-03-10T03:00:00")


@pytest.mark.parametrize(
    "wrong", [{"alunos": 0}, {"meses": 0}, {"until": UNTIL.replace(tzinfo=None)}]
)
def test_what_makes_no_gym_is_refused(wrong: dict[str, int]) -> None:
    arguments: dict[str, object] = {"alunos": 10, "until": UNTIL, **wrong}
    with pytest.raises(ValueError, match=next(iter(wrong))):
        simulate(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("meses", [1, 6, 18, 25])
def test_the_window_is_whole_months_and_survives_the_31st(meses: int) -> None:
    period = window(datetime(2026, 3, 31, 12, tzinfo=UTC), meses)
    assert 28 * meses <= period.last_day - period.first_day <= 31 * meses + 3


@pytest.mark.parametrize(
    "sunday",
    [date(2019, 4, 21), date(2024, 3, 31), date(2025, 4, 20), date(2026, 4, 5), date(2038, 4, 25)],
)
def test_easter_falls_where_the_church_put_it(sunday: date) -> None:
    assert easter(sunday.year) == sunday
