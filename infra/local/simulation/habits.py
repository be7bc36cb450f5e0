"""The parameters of a simulated gym: who joins, how they come, why they leave.

Every number here is an assumption of ours, chosen to be plausible, not measured in a real
gym. `presets` holds three consistent sets; `dataclasses.replace` makes any other.

Churn is an event of the latent life of a member (engagement, absence, plan, season, tenure,
bad luck). Nothing in the simulation reads the visits it has produced, so no feature
computed from visits can be the cause of a label.
"""

from dataclasses import dataclass, field
from decimal import Decimal

Months = tuple[float, ...]
"""Twelve multipliers, January first."""

Week = tuple[float, ...]
"""Seven numbers, Monday first."""


@dataclass(frozen=True)
class PlanoOffer:
    """A plano on sale and what holding it does to its holder."""

    nome: str
    mensalidade: Decimal  # BRL per month
    share: float  # of those who join
    commitment_months: int = 0  # cancelling is rare until these have passed, then again
    visits_per_week: float = 7.0  # the most it allows


@dataclass(frozen=True)
class Persona:
    """A way of being a member. Members of one persona still differ by `spread`."""

    name: str
    share: float  # of those who join in an ordinary month
    visits_per_week: float  # median rhythm
    spread: float = 0.3  # standard deviation of the log rhythm between members
    veterans: float = 1.0  # over- or under-represented among those already there at the start
    january: float = 1.0  # over-represented among those who join in January
    weekend: float = 1.0  # multiplies the appeal of Saturday and Sunday
    stop_risk: float = 1.0  # multiplies the hazard of stopping
    pause_risk: float = 1.0  # multiplies the hazard of vanishing for weeks, and that of restarting
    decline_after_weeks: float | None = None  # mean time to the start of a decline; None: none
    halving_weeks: float = 12.0  # once it declines, the rhythm halves in about this time


@dataclass(frozen=True)
class Joining:
    """Who is there at the start and when the others come."""

    veterans: float = 0.45  # share of all members who joined before the window
    veteran_months: float = 14.0  # their mean tenure at the start
    season: Months = (1.8, 1.25, 1.1, 0.9, 0.85, 0.8, 0.75, 1.0, 1.2, 1.2, 1.1, 0.6)
    never_comes: float = 0.015  # pays and is not seen
    mean_age: float = 33.0  # years, on the day of joining


@dataclass(frozen=True)
class Rhythm:
    """How a member's engagement moves, in logs of visits per week."""

    memory: float = 0.94  # AR(1) coefficient between weeks
    volatility: float = 0.12  # weekly innovation; members differ around it
    drift: float = 0.02  # weekly step of a random walk that has no way back
    honeymoon: float = 0.35  # extra log rhythm right after joining
    honeymoon_weeks: float = 5.0  # its decay
    routine: float = 1.0  # 0: any day as the gym's; 2: fixed own days
    season: Months = (1.03, 1.0, 1.05, 1.05, 1.0, 0.96, 0.88, 1.03, 1.05, 1.05, 1.0, 0.8)
    weather: float = 0.07  # standard deviation of the whole gym's day, in logs
    new_routine_per_year: float = 0.25  # new job or course: other days, other hours


@dataclass(frozen=True)
class Absences:
    """Weeks without a visit that end. They are what makes "days since" a poor judge."""

    busy_spells_per_year: float = 3.5  # 4 to 12 days: a cold, a deadline, exams
    trips_per_year: float = 1.3  # 5 to 21 days
    trip_season: Months = (2.2, 1.0, 0.6, 0.7, 0.6, 0.8, 2.4, 0.6, 0.6, 0.7, 0.7, 2.0)
    injuries_per_year: float = 0.12  # 3 to 14 weeks
    injury_ends_it: float = 0.3  # share of the injured who do not return
    pauses_per_year: float = 0.15  # 3 to 12 weeks, for no reason the gym knows


@dataclass(frozen=True)
class Leaving:
    """Hazards of stopping (no more visits) and of cancelling (no more paying)."""

    stop_per_month: float = 0.014  # of an average member, engaged as usual
    engagement_weight: float = 1.1  # log hazard per log of rhythm lost against the own usual
    rhythm_weight: float = 0.4  # log hazard per log of usual rhythm below twice a week
    frailty: float = 0.5  # standard deviation of the log hazard nobody can see
    early_peak: float = 1.3  # extra hazard at the end of the third month of membership
    season: Months = (0.8, 1.1, 1.1, 1.0, 1.0, 1.15, 1.15, 0.95, 0.9, 0.9, 1.0, 1.25)
    move_away_per_year: float = 0.05  # half of them come until the day they cancel
    cancel_attending_per_month: float = 0.006
    cancel_stopped_per_month: float = 0.38  # stopped members remember to cancel
    price_weight: float = 0.5  # log hazard of cancelling per log of mensalidade
    forgetful: float = 0.3  # share who stop and hardly ever cancel
    committed: float = 0.12  # multiplies cancelling inside a commitment
    renewal: float = 2.5  # multiplies it in the month a commitment ends
    price_rise_month: int = 3  # everybody's mensalidade rises
    price_rise: float = 1.5  # multiplies cancelling in that month
    restart_per_month: float = 0.03  # stopped, still paying, comes back
    restart_season: Months = (2.5, 1.5, 1.0, 0.8, 0.7, 0.6, 0.7, 1.1, 1.4, 1.2, 0.9, 0.5)
    change_plano_per_year: float = 0.06
    rival_chance: float = 0.3  # that a rival opens nearby, on some day of the window
    rival: float = 1.6  # multiplies leaving in the eight weeks after it did


@dataclass(frozen=True)
class Turno:
    """A time of day around which members come."""

    share: float
    hour: float  # local, 18.5 is 18:30; beyond 24 is the small hours
    spread: float  # hours between members


@dataclass(frozen=True)
class Opening:
    """Local hours of opening; `closes` above 24 never interrupts a visit."""

    opens: float
    closes: float


@dataclass(frozen=True)
class Timing:
    """Days, hours, durations and what the turnstile misses."""

    weekdays: Week = (1.2, 1.15, 1.15, 1.05, 0.85, 0.55, 0.05)  # 0 is closed
    turnos: tuple[Turno, ...] = (
        Turno(0.30, 7.0, 0.9),
        Turno(0.10, 12.2, 0.6),
        Turno(0.12, 15.5, 1.0),
        Turno(0.48, 18.9, 1.1),
    )
    weekend_hour: float = 10.2
    weekday_opening: Opening = Opening(5.5, 23.0)
    weekend_opening: Opening = Opening(8.0, 16.0)
    hour_jitter: float = 0.5  # hours between visits of one member; members differ around it
    other_hour: float = 0.12  # mean share of visits at the member's second hour
    class_slots: bool = False  # entries gather in the quarter before a full hour
    holiday: float = 0.3  # attendance on a holiday against a usual day
    minutes: float = 64.0  # median of the members' own usual durations
    minutes_between: float = 0.2  # standard deviation of its log between members
    minutes_within: float = 0.22  # and between visits of one member
    shortening: float = 0.35  # share of members whose visits shorten as engagement falls
    second_visit: float = 0.006  # visits followed by another on the same day
    missing_exit: float = 0.04  # share of visits whose exit was not registered


@dataclass(frozen=True)
class Habits:
    """A whole gym. The defaults are those of a neighbourhood gym."""

    name: str
    planos: tuple[PlanoOffer, ...]
    personas: tuple[Persona, ...]
    joining: Joining = field(default_factory=Joining)
    rhythm: Rhythm = field(default_factory=Rhythm)
    absences: Absences = field(default_factory=Absences)
    leaving: Leaving = field(default_factory=Leaving)
    timing: Timing = field(default_factory=Timing)
