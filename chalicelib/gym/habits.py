"""What a member's visits say of their habits, once they are counted."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from chalicelib.gym.reports import WEEKDAYS
from chalicelib.gym.schemas_calendar import (
    DiaDaSemanaOut,
    HabitoOut,
    HoraOut,
    SequenciaOut,
    Tendencia,
)

FEWEST_VISITS_OF_HABIT = 8
USUAL_SHARE = 0.2
LEAST_CHANGE = 0.5  # Visits a week.
LEAST_SHARE_OF_CHANGE = 0.25  # Of what is habitual.
A_WEEK = timedelta(weeks=1)


def habit(entries: Iterable[Sequence[int]]) -> HabitoOut | None:
    """When a member usually comes.

    Args:
        entries: (weekday, 0 on Mondays; hour; visits) of the last weeks, each pair once.

    Returns:
        Shares by weekday and hour; None where the visits are too few to speak of.
    """
    weekdays, hours = Counter[int](), Counter[int]()
    for weekday, hour, visits in entries:
        weekdays[weekday] += visits
        hours[hour] += visits
    total = weekdays.total()
    if total < FEWEST_VISITS_OF_HABIT:
        return None
    return HabitoOut(
        visitas=total,
        dias_da_semana=[
            DiaDaSemanaOut(
                dia=name,
                visitas=weekdays[weekday],
                parcela=round(weekdays[weekday] / total, 3),
                usual=weekdays[weekday] / total >= USUAL_SHARE,
            )
            for weekday, (name, _, _) in enumerate(WEEKDAYS)
        ],
        horas=[
            HoraOut(
                hora=hour,
                visitas=visits,
                parcela=round(visits / total, 3),
                usual=visits / total >= USUAL_SHARE,
            )
            for hour, visits in sorted(hours.items())
        ],
    )


def streaks(weeks: Sequence[date], this_week: date) -> SequenciaOut:
    """Weeks in a row with a visit.

    Args:
        weeks: Mondays of the weeks that had one, each once, oldest first.
        this_week: Monday of the running week.
    """
    run, longest = 0, 0
    longest_since: date | None = None
    for place, week in enumerate(weeks):
        run = run + 1 if place and week - weeks[place - 1] == A_WEEK else 1
        if run >= longest:
            longest, longest_since = run, week - (run - 1) * A_WEEK
    is_alive = bool(weeks) and weeks[-1] >= this_week - A_WEEK
    return SequenciaOut(
        atual_semanas=run if is_alive else 0, maior_semanas=longest, maior_desde=longest_since
    )


def trend(recent: float, usual: float) -> Tendencia | None:
    """The word for a rhythm beside the member's own; None where there is nothing to compare.

    Args:
        recent: Visits a week of late.
        usual: Visits a week before that.
    """
    if recent == usual == 0:
        return None
    change = recent - usual
    if abs(change) < max(LEAST_CHANGE, LEAST_SHARE_OF_CHANGE * usual):
        return Tendencia.ESTAVEL
    return Tendencia.SUBINDO if change > 0 else Tendencia.CAINDO
