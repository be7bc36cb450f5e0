"""Who the members are: drawn once, before any of them has come."""

from dataclasses import dataclass

import numpy as np

from infra.local.simulation.agenda import DAY, HOUR, UTC_BEHIND, Window, month, weekday
from infra.local.simulation.arrays import NEVER, Bools, Floats, Ints
from infra.local.simulation.habits import Habits, Timing

JOIN_WEEKDAYS = np.array((1.3, 1.15, 1.1, 1.0, 0.9, 0.7, 0.1))
LONGEST_TENURE_DAYS = 10 * 365


@dataclass
class Routine:
    """Own days and hours. Changes when life does, so it is the one part that is written to."""

    days: Floats  # (n, 7) share of the week's visits on each day, rows sum to 1
    hour: Floats  # (n,) usual local hour from Monday to Friday
    other_hour: Floats  # (n,) the one used now and then
    weekend_hour: Floats  # (n,)


@dataclass(frozen=True, eq=False)
class Members:
    """(n,) each, in order of joining."""

    matriculado: Ints  # UTC seconds
    joined: Ints  # local day
    plano: Ints
    never_comes: Bools
    log_rhythm: Floats  # log of own visits per week
    volatility: Floats  # of the weekly innovation
    weekend: Floats  # appeal of Saturday and Sunday
    stop_risk: Floats  # multiplies the hazard, unseen frailty included
    pause_risk: Floats
    forgetful: Bools
    decline_start: Ints  # local day, NEVER for most
    decline_per_week: Floats  # in logs
    decline_floor: Floats  # the decline ends here, in logs: not everyone who fades leaves
    hour_jitter: Floats  # hours
    other_hour_share: Floats
    log_minutes: Floats
    minutes_within: Floats  # standard deviation of the log duration between own visits
    shortening: Floats  # log duration per log of lost rhythm
    missing_exit: Floats  # chance per visit

    def __len__(self) -> int:
        return len(self.joined)


def draw_members(rng: np.random.Generator, n: int, habits: Habits, window: Window) -> Members:
    matriculado, veteran = _joins(rng, n, habits, window)
    joined = (matriculado - UTC_BEHIND) // DAY
    persona = _personas(rng, joined, veteran, habits)

    def of_persona(name: str) -> Floats:
        return np.array([getattr(each, name) for each in habits.personas], dtype=float)[persona]

    leaving, timing = habits.leaving, habits.timing
    shares = np.array([plano.share for plano in habits.planos])
    since = np.maximum(joined, window.first_day)
    halving = of_persona("halving_weeks") * np.exp(rng.normal(0, 0.35, n))
    return Members(
        matriculado=matriculado,
        joined=joined,
        plano=rng.choice(len(shares), size=n, p=shares / shares.sum()),
        never_comes=(rng.random(n) < habits.joining.never_comes) & ~veteran,
        log_rhythm=np.log(of_persona("visits_per_week"))
        + of_persona("spread") * rng.standard_normal(n),
        volatility=habits.rhythm.volatility * rng.gamma(4.0, 0.25, n),
        weekend=of_persona("weekend"),
        stop_risk=of_persona("stop_risk") * np.exp(leaving.frailty * rng.standard_normal(n)),
        pause_risk=of_persona("pause_risk"),
        forgetful=rng.random(n) < leaving.forgetful,
        decline_start=_decline_start(rng, of_persona("decline_after_weeks"), since),
        decline_per_week=np.log(2.0) / halving,
        decline_floor=-rng.uniform(0.5, 3.5, n),
        hour_jitter=timing.hour_jitter * rng.gamma(3.0, 1 / 3, n),
        other_hour_share=rng.beta(1.0, 1 / timing.other_hour - 1, n),
        log_minutes=np.log(timing.minutes) + timing.minutes_between * rng.standard_normal(n),
        minutes_within=timing.minutes_within * rng.gamma(6.0, 1 / 6, n),
        shortening=np.where(rng.random(n) < timing.shortening, rng.uniform(0.1, 0.5, n), 0.0),
        missing_exit=_missing_exit(rng, n, timing),
    )


def draw_routine(rng: np.random.Generator, weekend: Floats, habits: Habits) -> Routine:
    """New days and hours for members to whom the weekend appeals this much, (n,)."""
    n, timing = len(weekend), habits.timing
    own = habits.rhythm.routine * rng.gamma(4.0, 0.25, (n, 1))
    appeal = np.array(timing.weekdays) * np.exp(own * rng.standard_normal((n, 7)))
    appeal[:, 5:] *= weekend[:, None]
    return Routine(
        days=(appeal / appeal.sum(axis=1, keepdims=True)).astype(np.float32),
        hour=_usual_hour(rng, n, timing),
        other_hour=_usual_hour(rng, n, timing),
        weekend_hour=rng.normal(timing.weekend_hour, 1.4, n),
    )


def birthdays(rng: np.random.Generator, joined: Ints, mean_age: float) -> Ints:
    """(n,) local days: 14 to 85 years old on joining, most around the mean, a long older tail."""
    years = np.clip(14.0 + rng.gamma(3.0, (mean_age - 14.0) / 3.0, len(joined)), 14.0, 85.0)
    return np.asarray(joined - np.ceil(years * 365.25).astype(np.int64))


def _joins(rng: np.random.Generator, n: int, habits: Habits, window: Window) -> tuple[Ints, Bools]:
    """(n,) instants of joining in order, and who is a veteran (was there before the window)."""
    joining = habits.joining
    n_veterans = round(n * joining.veterans)
    before = np.ceil(rng.exponential(joining.veteran_months * 30.4, n_veterans))
    veterans = window.first_day - np.minimum(before, LONGEST_TENURE_DAYS).astype(np.int64)
    days = np.arange(window.first_day, window.last_day)
    weights = np.array(joining.season)[month(days)] * JOIN_WEEKDAYS[weekday(days)]
    newcomers = rng.choice(days, size=n - n_veterans, p=weights / weights.sum())
    joined = np.sort(np.concatenate([veterans, newcomers]))
    # The desk works from 7 to 21.
    instants = joined * DAY + UTC_BEHIND + rng.integers(7 * HOUR, 21 * HOUR, n)
    return np.sort(instants), joined < window.first_day


def _personas(rng: np.random.Generator, joined: Ints, veteran: Bools, habits: Habits) -> Ints:
    share = np.array([each.share for each in habits.personas])
    january = np.array([each.january for each in habits.personas])
    veterans = np.array([each.veterans for each in habits.personas])
    persona = np.empty(len(joined), dtype=np.int64)
    in_january = (month(joined) == 0) & ~veteran
    for rows, weights in (
        (veteran, share * veterans),
        (in_january, share * january),
        (~veteran & ~in_january, share),
    ):
        persona[rows] = rng.choice(len(share), size=int(rows.sum()), p=weights / weights.sum())
    return persona


def _decline_start(rng: np.random.Generator, mean_weeks: Floats, since: Ints) -> Ints:
    """(n,) local days; NEVER for personas that do not decline (mean_weeks is nan)."""
    wait = rng.exponential(7.0, len(since)) * np.nan_to_num(mean_weeks)
    return np.where(np.isnan(mean_weeks), NEVER, since + wait.astype(np.int64))


def _usual_hour(rng: np.random.Generator, n: int, timing: Timing) -> Floats:
    shares = np.array([turno.share for turno in timing.turnos])
    turno = rng.choice(len(shares), size=n, p=shares / shares.sum())
    centre = np.array([each.hour for each in timing.turnos])[turno]
    spread = np.array([each.spread for each in timing.turnos])[turno]
    return np.asarray(centre + spread * rng.standard_normal(n))


def _missing_exit(rng: np.random.Generator, n: int, timing: Timing) -> Floats:
    """Some members always leave through the open gate, most hardly ever."""
    return np.minimum(timing.missing_exit * rng.gamma(1.5, 1 / 1.5, n), 0.6)
