"""Habits, weeks in a row and trends, of counts made by hand."""

from datetime import date, timedelta

import pytest

from chalicelib.gym.habits import habit, streaks, trend

THIS_WEEK = date(2026, 3, 16)


def _weeks(*ago: int) -> list[date]:
    """Mondays so many weeks before the running one, oldest first."""
    return sorted(THIS_WEEK - timedelta(weeks=weeks) for weeks in ago)


@pytest.mark.parametrize(
    ("ago", "current", "longest", "longest_since"),
    [
        ((), 0, 0, None),
        ((0,), 1, 1, 0),
        # The running week has no visit yet: it does not count, and breaks nothing.
        ((1, 2), 2, 2, 2),
        ((0, 1, 2), 3, 3, 2),
        ((2, 3, 4), 0, 3, 4),
        ((0, 2, 3, 4, 9), 1, 3, 4),
        # Of two that are as long the later one.
        ((1, 2, 5, 6), 2, 2, 2),
    ],
)
def test_weeks_in_a_row(
    ago: tuple[int, ...], current: int, longest: int, longest_since: int | None
) -> None:
    found = streaks(_weeks(*ago), THIS_WEEK)
    assert (found.atual_semanas, found.maior_semanas) == (current, longest)
    expected = None if longest_since is None else THIS_WEEK - timedelta(weeks=longest_since)
    assert found.maior_desde == expected


def test_weeks_in_a_row_go_on_over_new_year() -> None:
    # 2026 has 53 ISO weeks, and the first of 2027 begins on 4 January.
    weeks = [date(2026, 12, 21), date(2026, 12, 28), date(2027, 1, 4)]
    assert streaks(weeks, date(2027, 1, 4)).atual_semanas == 3


@pytest.mark.parametrize(
    ("recent", "usual", "word"),
    [
        (2.0, 2.0, "estável"),
        (1.5, 2.0, "caindo"),  # Half a visit and a quarter: both bounds, to the digit.
        (1.75, 2.0, "estável"),
        (2.5, 2.0, "subindo"),
        (4.25, 5.0, "estável"),  # More than half a visit, but less than a quarter.
        (3.75, 5.0, "caindo"),
        (0.25, 0.5, "estável"),  # Half of what was usual, but a quarter of a visit.
        (0.0, 0.5, "caindo"),
        (0.5, 0.0, "subindo"),
        (0.0, 0.0, None),
    ],
)
def test_word_for_a_rhythm_beside_the_usual_one(
    recent: float, usual: float, word: str | None
) -> None:
    assert trend(recent, usual) == word


def test_habit_gives_shares_by_weekday_and_hour() -> None:
    found = habit([(0, 18, 4), (0, 19, 1), (2, 18, 4), (5, 9, 1)])
    assert found is not None
    assert found.visitas == 10
    assert [(d.dia, d.visitas, d.parcela) for d in found.dias_da_semana if d.usual] == [
        ("segunda-feira", 5, 0.5),
        ("quarta-feira", 4, 0.4),
    ]
    assert [d.visitas for d in found.dias_da_semana] == [5, 0, 4, 0, 0, 1, 0]
    assert [(h.hora, h.parcela, h.usual) for h in found.horas] == [
        (9, 0.1, False),
        (18, 0.8, True),
        (19, 0.1, False),
    ]


def test_seven_visits_are_no_habit_and_eight_are() -> None:
    assert habit([(0, 18, 7)]) is None
    assert habit([(0, 18, 7), (1, 18, 1)]) is not None
    assert habit([]) is None
