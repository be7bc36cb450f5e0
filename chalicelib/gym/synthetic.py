"""Made-up members for trying the model: a habit, and the visits that come of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from random import Random

from chalicelib.gym.schemas_members import Perfil

Visit = tuple[datetime, datetime]

FADING_DAYS = 70
HOURS = (6, 7, 7, 12, 17, 18, 18, 19, 19, 20)
MINUTES = (40, 95)


@dataclass(frozen=True)
class Habit:
    """How members of a profile come.

    Attributes:
        registered: How many days ago they registered, between these two.
        last_visit: How many days ago they came last, between these two.
        weekly: Days ago and what chance says of that week, 0 to 1 -> visits a week then.
    """

    registered: tuple[int, int]
    last_visit: tuple[int, int]
    weekly: Callable[[int, float], float]


def _fading(days_ago: int, _: float) -> float:
    return 0.4 + 3.2 * min(days_ago / FADING_DAYS, 1.0) ** 2


def _by_fits_and_starts(_: int, chance: float) -> float:
    return (0.0, 0.0, 1.0, 2.0, 4.0)[int(chance * 5)]


HABITS = {
    Perfil.ASSIDUO: Habit((300, 420), (1, 2), lambda _days_ago, _chance: 4.2),
    Perfil.EM_QUEDA: Habit((240, 400), (8, 16), _fading),
    Perfil.IRREGULAR: Habit((200, 330), (2, 12), _by_fits_and_starts),
    Perfil.NOVO: Habit((10, 25), (1, 4), lambda _days_ago, _chance: 2.5),
    Perfil.SUMIDO: Habit((300, 420), (45, 90), lambda _days_ago, _chance: 2.8),
}


@dataclass(frozen=True)
class SyntheticHistory:
    """One made-up member's history.

    Attributes:
        matriculado_em: When they registered.
        visits: Entry and exit of each visit, oldest first, one a day at the most.
    """

    matriculado_em: datetime
    visits: list[Visit]


def make_history(perfil: Perfil, now: datetime, seed: str) -> SyntheticHistory:
    """The history of one member; the same seed gives the same one, counted back from now.

    Args:
        perfil: How they come.
        now: Aware; its time zone is the one they live in.
        seed: Of all that is left to chance.
    """
    chance, habit = Random(seed), HABITS[perfil]
    registered, last = chance.randint(*habit.registered), chance.randint(*habit.last_visit)
    weeks = [chance.random() for _ in range(registered // 7 + 1)]
    visits = []
    for days_ago in range(registered - 1, last - 1, -1):
        comes = chance.random() < habit.weekly(days_ago, weeks[days_ago // 7]) / 7
        visit = _visit(chance, now, days_ago)
        if comes or days_ago == last:
            visits.append(visit)
    return SyntheticHistory(now.astimezone(UTC) - timedelta(days=registered + 1), visits)


def _visit(chance: Random, now: datetime, days_ago: int) -> Visit:
    day = now.date() - timedelta(days=days_ago)
    begins = time(chance.choice(HOURS), chance.randrange(60), chance.randrange(60))
    entrada = datetime.combine(day, begins, now.tzinfo).astimezone(UTC)
    return entrada, entrada + timedelta(minutes=chance.randint(*MINUTES))
