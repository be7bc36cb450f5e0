"""The latent life of every member, one week at a time.

The state of a member is its mood (log of rhythm against its own usual: an AR(1), a drift and,
for some, a decline), an absence (a span of days), and whether it has stopped or cancelled.
Each week the state moves by chance and hazards; the visits are drawn from it afterwards, in
`turnstile`, and never flow back.
"""

import numpy as np

from infra.local.simulation.agenda import DAY, HOUR, UTC_BEHIND, Window, month
from infra.local.simulation.arrays import NEVER, Floats, Ints
from infra.local.simulation.habits import Habits
from infra.local.simulation.members import Members, draw_routine

WEEKS_PER_YEAR = 52.18
WEEKS_PER_MONTH = WEEKS_PER_YEAR / 12
MOST_LIKELY_DAY = 0.95  # even a fixed habit misses a day now and then
EARLY_WEEKS = 12.0  # when the extra risk of newcomers peaks


class Lives:
    """(n,) arrays of state, moved in place by `live_week`."""

    def __init__(
        self, rng: np.random.Generator, members: Members, habits: Habits, window: Window
    ) -> None:
        n, rhythm = len(members), habits.rhythm
        self.rng, self.members, self.habits = rng, members, habits
        self.routine = draw_routine(rng, members.weekend, habits)
        stationary = members.volatility / np.sqrt(1 - rhythm.memory**2)
        self.wave = stationary * rng.standard_normal(n)  # the part of the mood that reverts
        self.drift = np.zeros(n)
        self.decline_start = members.decline_start.copy()
        self.absent_from = np.full(n, NEVER)  # local days; the span is half open
        self.absent_until = np.full(n, NEVER)
        self.absent_until[~members.never_comes] = -NEVER
        self.absent_from[members.never_comes] = -NEVER
        self.stopped = members.never_comes.copy()
        self.cancelado = np.full(n, NEVER * DAY)  # UTC seconds
        self.plano = members.plano.copy()
        self.changes: list[tuple[Ints, Ints, Ints]] = []  # aluno, UTC seconds, plano
        rival_opens = rng.integers(window.first_day, window.last_day + 1)
        self.rival_opens = rival_opens if rng.random() < habits.leaving.rival_chance else NEVER
        self._prices()

    def live_week(self, monday: int) -> None:
        """Move every member through the week that begins on this local day."""
        self.monday = monday
        self.week_start = monday * DAY + UTC_BEHIND  # UTC seconds
        self.month = int(month(np.array(monday)))
        self.tenure_weeks = np.maximum(monday - self.members.joined, 0) / 7.0
        self.here = (self.members.joined < monday) & (self.cancelado > self.week_start)
        self._move_mood()
        self._change_routine()
        self._go_absent()
        self._stop()
        self._restart()
        self._cancel()
        self._change_plano()

    def chances(self) -> Floats:
        """(n, 7) chance of a visit on each day of the week, before holidays and weather."""
        rhythm, members = self.habits.rhythm, self.members
        honeymoon = rhythm.honeymoon * np.exp(-self.tenure_weeks / rhythm.honeymoon_weeks)
        per_week = np.exp(members.log_rhythm + self.mood + honeymoon)
        per_week = np.minimum(per_week * rhythm.season[self.month], self.most_visits[self.plano])
        chance = per_week.astype(np.float32)[:, None] * self.routine.days
        cap = np.float32(MOST_LIKELY_DAY) * (self.routine.days > 0)
        # Whoever comes more often than the own days allow fills the others.
        excess = np.maximum(chance - cap, 0).sum(axis=1, keepdims=True)
        np.minimum(chance, cap, out=chance)
        room = cap - chance
        total = np.maximum(room.sum(axis=1, keepdims=True), 1e-6)
        chance += room * np.minimum(excess / total, 1)
        days = np.arange(self.monday, self.monday + 7)
        absent = (days >= self.absent_from[:, None]) & (days < self.absent_until[:, None])
        chance[absent | (days < members.joined[:, None])] = 0
        chance[self.cancelado <= self.week_start] = 0
        return np.asarray(chance)

    def _move_mood(self) -> None:
        rhythm, n = self.habits.rhythm, len(self.members)
        self.wave *= rhythm.memory
        self.wave += self.members.volatility * self.rng.standard_normal(n)
        self.drift += np.where(self.here, rhythm.drift * self.rng.standard_normal(n), 0.0)
        weeks = np.maximum(self.monday - self.decline_start, 0) / 7.0
        decline = np.maximum(-self.members.decline_per_week * weeks, self.members.decline_floor)
        self.mood = self.wave + self.drift + decline

    def _change_routine(self) -> None:
        """A new job or course brings other days, other hours, and more or less time."""
        rows = self._happens(self.habits.rhythm.new_routine_per_year / WEEKS_PER_YEAR)
        new = draw_routine(self.rng, self.members.weekend[rows], self.habits)
        self.routine.days[rows] = new.days
        self.routine.hour[rows] = new.hour
        self.routine.other_hour[rows] = new.other_hour
        self.routine.weekend_hour[rows] = new.weekend_hour
        self.drift[rows] += self.rng.normal(-0.1, 0.35, len(rows))

    def _go_absent(self) -> None:
        absences, risk = self.habits.absences, self.members.pause_risk
        rows = self._happens(absences.busy_spells_per_year / WEEKS_PER_YEAR)
        self._absent(rows, self.rng.integers(4, 13, len(rows)))
        trip = absences.trips_per_year / WEEKS_PER_YEAR * absences.trip_season[self.month]
        rows = self._happens(trip)
        self._absent(rows, self.rng.integers(5, 22, len(rows)))
        rows = self._happens(absences.injuries_per_year / WEEKS_PER_YEAR)
        self._absent(rows, self.rng.integers(21, 99, len(rows)))
        self.wave[rows] -= 0.4
        self._end_for_good(rows[self.rng.random(len(rows)) < absences.injury_ends_it])
        rows = self._happens(absences.pauses_per_year / WEEKS_PER_YEAR * risk)
        self._absent(rows, self.rng.integers(21, 85, len(rows)))

    def _stop(self) -> None:
        """Engagement, tenure, plano, season and bad luck; not the visits."""
        leaving, members = self.habits.leaving, self.members
        newcomer = self.tenure_weeks / EARLY_WEEKS
        early = 1 + leaving.early_peak * newcomer * np.exp(1 - newcomer)
        rare = np.maximum(np.log(2.0) - members.log_rhythm, -0.5)
        hazard = (leaving.stop_per_month / WEEKS_PER_MONTH) * members.stop_risk * early
        hazard *= np.exp(leaving.rhythm_weight * rare - leaving.engagement_weight * self.mood)
        hazard *= leaving.season[self.month] * self._rival()
        self._end_for_good(self._happens(np.minimum(hazard, 0.6)))
        rows = self._happens(leaving.move_away_per_year / WEEKS_PER_YEAR)
        packing = self.rng.random(len(rows)) < 0.5
        self._end_for_good(rows[~packing])
        self._cancel_rows(rows[packing])

    def _restart(self) -> None:
        """Stopped members who still pay come back, most of them in January."""
        leaving = self.habits.leaving
        chance = leaving.restart_per_month / WEEKS_PER_MONTH * leaving.restart_season[self.month]
        risk = np.where(self.stopped, chance * np.sqrt(self.members.pause_risk), 0.0)
        rows = self._happens(risk)
        self.absent_until[rows] = self.monday + self.rng.integers(0, 7, len(rows))
        self.stopped[rows] = False
        self.wave[rows] = self.rng.normal(0.0, 0.3, len(rows))
        declining = self.decline_start[rows] < self.monday
        self.decline_start[rows[declining]] = self.monday + 28

    def _cancel(self) -> None:
        leaving = self.habits.leaving
        attending = leaving.cancel_attending_per_month * np.exp(-0.5 * self.mood) * self._rival()
        stopped = leaving.cancel_stopped_per_month * np.where(self.members.forgetful, 0.08, 1.0)
        hazard = np.where(self.stopped, stopped, attending) / WEEKS_PER_MONTH
        hazard *= self.price_factor[self.plano] * self._commitment()
        if self.month + 1 == leaving.price_rise_month:
            hazard *= leaving.price_rise
        hazard[self.tenure_weeks < 1] = 0
        self._cancel_rows(self._happens(hazard))

    def _change_plano(self) -> None:
        planos = len(self.habits.planos)
        chance = self.habits.leaving.change_plano_per_year / WEEKS_PER_YEAR
        rows = self._happens(np.where(self.stopped | (planos == 1), 0.0, chance))
        step = self.rng.integers(1, max(planos, 2), len(rows))
        self.plano[rows] = (self.plano[rows] + step) % planos
        self.changes.append((rows, self._office_hours(len(rows)), self.plano[rows]))

    def _happens(self, chance: Floats | float) -> Ints:
        """Rows of members to whom something of this weekly chance happens."""
        return np.flatnonzero(self.here & (self.rng.random(len(self.members)) < chance))

    def _absent(self, rows: Ints, days: Ints) -> None:
        """An absence begins on some day of this week, unless one is under way."""
        free = self.absent_until[rows] <= self.monday
        begin = self.monday + self.rng.integers(0, 7, len(rows))
        self.absent_from[rows[free]] = begin[free]
        self.absent_until[rows[free]] = (begin + days)[free]

    def _end_for_good(self, rows: Ints) -> None:
        self._absent(rows, np.zeros(len(rows), dtype=np.int64))
        self.absent_until[rows] = NEVER
        self.stopped[rows] = True

    def _cancel_rows(self, rows: Ints) -> None:
        rows = rows[self.cancelado[rows] == NEVER * DAY]
        self.cancelado[rows] = self._office_hours(len(rows))

    def _office_hours(self, n: int) -> Ints:
        """(n,) UTC seconds of this week at which the desk is open, Monday to Saturday."""
        days = self.monday + self.rng.integers(0, 6, n)
        return days * DAY + UTC_BEHIND + self.rng.integers(8 * HOUR, 20 * HOUR, n)

    def _commitment(self) -> Floats:
        """(n,) factor on cancelling: low inside a commitment, high in the month it ends."""
        leaving, months = self.habits.leaving, self.commitment[self.plano]
        bound = months > 0
        into = (self.tenure_weeks / WEEKS_PER_MONTH) % np.where(bound, months, 1)
        factor = np.where(into > months - 1, leaving.renewal, leaving.committed)
        return np.where(bound, factor, 1.0)

    def _rival(self) -> float:
        weeks = (self.monday - self.rival_opens) / 7
        return self.habits.leaving.rival if 0 <= weeks < 8 else 1.0

    def _prices(self) -> None:
        """(p,) what holding each plano does."""
        planos, leaving = self.habits.planos, self.habits.leaving
        price = np.array([float(plano.mensalidade) for plano in planos])
        self.price_factor: Floats = (price / price.mean()) ** leaving.price_weight
        self.commitment: Floats = np.array([float(plano.commitment_months) for plano in planos])
        self.most_visits: Floats = np.array([plano.visits_per_week for plano in planos])
