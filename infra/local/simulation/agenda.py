"""Time as the gym lives it: local days in Brazil, weeks, months, holidays.

Local time is America/Sao_Paulo taken as UTC-3 throughout: Brazil has had no daylight saving
since 2019, and the simulation does not reach back further. A local day is an integer, days
since 1970-01-01; an instant is an integer, UTC seconds since 1970-01-01.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from infra.local.simulation.arrays import Floats, Instants, Ints

DAY = 86_400  # seconds
HOUR = 3_600
UTC_BEHIND = 3 * HOUR  # add to local seconds to get UTC
EPOCH = date(1970, 1, 1)
EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday
FIXED_HOLIDAYS = ((21, 4), (1, 5), (7, 9), (12, 10), (2, 11), (15, 11), (20, 11))
QUIET_DAYS = ((1, 1), (24, 12), (25, 12), (31, 12))
FROM_EASTER = (-50, -49, -48, -47, -2, 60)  # carnival, Good Friday, Corpus Christi


@dataclass(frozen=True)
class Window:
    """The period of the records: instants `start` to `until`, both included."""

    start: int
    until: int

    @property
    def first_day(self) -> int:
        return (self.start - UTC_BEHIND) // DAY

    @property
    def last_day(self) -> int:
        return (self.until - UTC_BEHIND) // DAY

    @property
    def mondays(self) -> range:
        """The local Mondays of every week the window touches."""
        first = self.first_day - int(weekday(np.array(self.first_day)))
        return range(first, self.last_day + 1, 7)


def window(until: datetime, meses: int) -> Window:
    """The `meses` calendar months that end at `until`, an aware instant.

    Raises:
        ValueError: `until` has no time zone, or there is less than one month.
    """
    if until.tzinfo is None:
        raise ValueError("until must be an aware datetime")
    if meses < 1:
        raise ValueError("meses must be at least 1")
    end = int(until.timestamp())
    last = EPOCH + timedelta(days=(end - UTC_BEHIND) // DAY)
    months = last.year * 12 + last.month - 1 - meses
    # The 31st has no counterpart in shorter months; the 28th always has one.
    first = date(months // 12, months % 12 + 1, min(last.day, 28))
    return Window(start=(first - EPOCH).days * DAY + UTC_BEHIND, until=end)


def weekday(days: Ints) -> Ints:
    """0 is Monday."""
    return (days + EPOCH_WEEKDAY) % 7


def month(days: Ints) -> Ints:
    """0 is January, so that twelve multipliers can be indexed."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12


def instants(seconds: Ints) -> Instants:
    """UTC seconds as datetime64[us]."""
    return seconds.astype("datetime64[s]").astype("datetime64[us]")


def holiday_factors(first_day: int, n_days: int, holiday: float) -> Floats:
    """(n_days,) attendance against a usual day: `holiday`, or a sixth of it on quiet days."""
    factors = np.ones(n_days)
    first = EPOCH + timedelta(days=first_day)
    for year in range(first.year, (first + timedelta(days=n_days)).year + 1):
        holidays = [date(year, m, d) for d, m in FIXED_HOLIDAYS]
        holidays += [easter(year) + timedelta(days=offset) for offset in FROM_EASTER]
        for days, factor in (
            (holidays, holiday),
            ([date(year, m, d) for d, m in QUIET_DAYS], holiday / 6),
        ):
            at = np.array([(day - first).days for day in days])
            factors[at[(at >= 0) & (at < n_days)]] = factor
    return factors


def easter(year: int) -> date:
    """Easter Sunday of a Gregorian year: the first Sunday after the full moon of spring.

    The moon is the church's: epacts with the century's corrections (Clavius, 1582).
    """
    golden = year % 19 + 1
    century = year // 100 + 1
    solar = 3 * century // 4 - 12
    lunar = (8 * century + 5) // 25 - 5
    epact = (11 * golden + 20 + lunar - solar) % 30
    if epact == 24 or (epact == 25 and golden > 11):
        epact += 1
    full_moon = 44 - epact
    if full_moon < 21:
        full_moon += 30
    moon = date(year, 3, 1) + timedelta(days=full_moon - 1)
    return moon + timedelta(days=7 - (moon.weekday() + 1) % 7)
