"""From chances to visits: instants of entry and exit, as a turnstile would have kept them."""

import numpy as np

from infra.local.simulation.agenda import (
    DAY,
    HOUR,
    UTC_BEHIND,
    Window,
    holiday_factors,
    instants,
    weekday,
)
from infra.local.simulation.arrays import Bools, Floats, Ints
from infra.local.simulation.habits import Habits
from infra.local.simulation.lives import Lives
from infra.local.simulation.result import SimulatedVisitas

LONGEST_MINUTES = 290.0  # below the six hours after which a visit counts as left open
SHORTEST_MINUTES = 5.0
OPEN_SECONDS = 6 * HOUR
BETWEEN_VISITS = 300  # seconds
BROKEN_READER_SHARE = 0.25  # of the missing exits come from days on which the reader failed
BROKEN_READER_MISSES = 0.5  # of the exits on such a day


class Turnstile:
    """Collects the visits of one week after the other, then puts them in order."""

    def __init__(self, rng: np.random.Generator, habits: Habits, window: Window) -> None:
        self.rng, self.timing, self.window = rng, habits.timing, window
        n_days = len(window.mondays) * 7
        self.first_day = window.mondays[0]
        holidays = holiday_factors(self.first_day, n_days, self.timing.holiday)
        weather = np.exp(habits.rhythm.weather * rng.standard_normal(n_days))
        self.day_factors = (holidays * weather).astype(np.float32)
        broken = self.timing.missing_exit * BROKEN_READER_SHARE / BROKEN_READER_MISSES
        self.broken: Bools = rng.random(n_days) < broken
        self.weeks: list[tuple[Ints, Ints, Ints]] = []  # aluno, entrada, seconds inside or 0

    def record_week(self, lives: Lives) -> None:
        """Draw the visits of the week the members are living."""
        day = lives.monday - self.first_day
        chance = lives.chances() * self.day_factors[day : day + 7]
        came = self.rng.random(chance.shape, dtype=np.float32) < chance
        aluno, offset = np.nonzero(came)
        again = self.rng.random(len(aluno)) < self.timing.second_visit
        aluno = np.concatenate([aluno, aluno[again]])
        days = lives.monday + np.concatenate([offset, offset[again]])
        hour = self._hours(lives, aluno, days)
        minutes = self._minutes(lives, aluno)
        minutes = np.minimum(minutes, (self._limits(days)[1] - hour) * 60 + 5)
        local = days * DAY + (hour * HOUR).astype(np.int64)
        # Half the memory of int64; 68 years of seconds since the start of the window fit.
        entrada = (local + UTC_BEHIND - self.window.start).astype(np.int32)
        inside = np.where(self._missed(lives, aluno, days), 0, minutes * 60).astype(np.int32)
        self.weeks.append((aluno.astype(np.int32), entrada, inside))

    def visitas(self, lives: Lives) -> SimulatedVisitas:
        """Every visit of the window in order, the impossible ones left out."""
        aluno, entrada, inside = (np.concatenate(part) for part in zip(*self.weeks, strict=True))
        self.weeks.clear()
        start, until = self.window.start, self.window.until - self.window.start
        members = lives.members
        begin = np.maximum(members.matriculado - start, 0)[aluno]
        end = np.minimum(lives.cancelado - start, until + DAY)[aluno]
        keep = (entrada >= begin) & (entrada <= until) & (entrada + inside <= end)
        aluno, entrada, inside = aluno[keep], entrada[keep], inside[keep]
        order = np.argsort(aluno.astype(np.int64) << 32 | entrada)
        aluno, entrada, inside = _without_clashes(aluno[order], entrada[order], inside[order])
        saida = instants(entrada.astype(np.int64) + inside + start)
        saida[(inside == 0) | (entrada + inside > until)] = np.datetime64("NaT")
        return SimulatedVisitas(aluno, instants(entrada.astype(np.int64) + start), saida)

    def _hours(self, lives: Lives, aluno: Ints, days: Ints) -> Floats:
        """(v,) local hour of entry within the opening hours; beyond 24 is the next day."""
        routine, members, n = lives.routine, lives.members, len(aluno)
        other = self.rng.random(n) < members.other_hour_share[aluno]
        hour = np.where(other, routine.other_hour[aluno], routine.hour[aluno])
        hour = np.where(weekday(days) >= 5, routine.weekend_hour[aluno], hour)
        hour += members.hour_jitter[aluno] * self.rng.standard_normal(n)
        if self.timing.class_slots:
            hour = np.round(hour) - self.rng.gamma(2.0, 0.06, n)
        opens, closes = self._limits(days)
        # Who would stand before a closed door comes as much after opening, or before closing.
        hour = np.where(hour < opens, 2 * opens - hour, hour)
        last = closes - 0.5
        hour = np.where(hour > last, 2 * last - hour, hour)
        return np.asarray(np.clip(hour, opens, last))

    def _limits(self, days: Ints) -> tuple[Floats, Floats]:
        """(v,) local hours of opening and closing on these days."""
        week, weekend = self.timing.weekday_opening, self.timing.weekend_opening
        on_weekend = weekday(days) >= 5
        return (
            np.where(on_weekend, weekend.opens, week.opens),
            np.where(on_weekend, weekend.closes, week.closes),
        )

    def _minutes(self, lives: Lives, aluno: Ints) -> Floats:
        """(v,) log-normal around the own usual; shorter, for some, as engagement falls."""
        members = lives.members
        lost = members.shortening * np.minimum(lives.mood, 0.0)
        log_minutes = (members.log_minutes + lost)[aluno]
        log_minutes += members.minutes_within[aluno] * self.rng.standard_normal(len(aluno))
        minutes = np.exp(log_minutes)
        turned_back = self.rng.random(len(aluno)) < 0.01
        minutes[turned_back] *= self.rng.uniform(0.1, 0.5, int(turned_back.sum()))
        return np.asarray(np.clip(minutes, SHORTEST_MINUTES, LONGEST_MINUTES))

    def _missed(self, lives: Lives, aluno: Ints, days: Ints) -> Bools:
        """(v,) whether the exit was not registered."""
        chance = lives.members.missing_exit[aluno] * (1 - BROKEN_READER_SHARE)
        chance = np.where(self.broken[days - self.first_day], BROKEN_READER_MISSES, chance)
        return np.asarray(self.rng.random(len(aluno)) < chance)


def _without_clashes(aluno: Ints, entrada: Ints, inside: Ints) -> tuple[Ints, Ints, Ints]:
    """Leave out entries of members who are still inside. Ordered by aluno, then entrada.

    A visit without an exit occupies its member for the six hours in which a desk would
    take the next entry for a mistake.
    """
    while True:
        free_at = entrada + np.where(inside == 0, OPEN_SECONDS, inside + BETWEEN_VISITS)
        keep = np.ones(len(aluno), dtype=bool)
        keep[1:] = (aluno[1:] != aluno[:-1]) | (entrada[1:] >= free_at[:-1])
        if keep.all():
            return aluno, entrada, inside
        aluno, entrada, inside = aluno[keep], entrada[keep], inside[keep]
