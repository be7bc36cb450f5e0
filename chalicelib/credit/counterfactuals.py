"""The nearest change that would turn a refusal into an approval.

Pure, over whatever predicts. A change is near if it concerns few columns, then if it uses little of
the room that the company's policy allows each of them: from its value now to the farthest one
permitted is 1. Every change that is answered was scored by the model that decided and put to the
company's rules; the model is called at most three times and scores at most `MOST_ROWS` rows.

First each column alone, at about `STEPS_ALONE` places and where a rule that speaks falls silent;
where none helps alone, pairs of the `MOST_PAIRED` columns that help most and all columns together,
by the same share each. Around what helps, up to `STEPS_BETWEEN` nearer places. So the answer is the
nearest of what was tried, not of everything; of one column, to a thousandth of its room.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import ceil, floor

from chalicelib.credit.cases import Case
from chalicelib.credit.columns import as_number
from chalicelib.credit.features import BASE_COLUMNS
from chalicelib.credit.policy import Alteravel, Limiares, Politica
from chalicelib.credit.rules import RULES, Rule, edges_of, is_silent, speaking

STEPS_ALONE = 12
STEPS_BETWEEN = 100
MOST_PAIRED = 4
STEPS_PAIRED = 4
STEPS_TOGETHER = 40
MOST_ROWS = 600

MONEY_UNIT = "R$"
UNITS = {column.name: column.unit for column in BASE_COLUMNS}
LEAST_ROOM_OF_HUNDREDTHS = 10  # So that they are a thousandth of it.
FEWEST_WHOLE = 4  # Of less room, one is too much: a share of 0 to 1 has its fractions.
WHOLE = ("títulos", "ocorrências", "protestos", "pontos")

Changes = Mapping[str, float]
Predict = Callable[[Sequence[Changes]], Sequence[float]]
"""n changes of the case -> n probabilities of the bad outcome."""


@dataclass(frozen=True)
class Nearest:
    """What the search found.

    Attributes:
        changes: Column -> the value that would do; None where nothing tried did.
        distance: Sum over these columns of the share of their room that is used.
        probability: Of the bad outcome after the change.
        rows: How many rows the model was asked about.
        reason: Why there is none, in pt-BR.
    """

    changes: Changes | None
    distance: float | None
    probability: float | None
    rows: int
    reason: str | None = None


@dataclass(frozen=True)
class Room:
    """How a column of one case may be changed.

    Attributes:
        name: The column.
        now: Its value.
        ends: The farthest values permitted, one per direction.
        step: Values are multiples of it away from `now`, unless they are an end.
        room: From `now` to the farthest end.
    """

    name: str
    now: float
    ends: tuple[float, ...]
    step: float

    @property
    def room(self) -> float:
        """From now to the farthest end."""
        return max(abs(end - self.now) for end in self.ends)

    def distance(self, value: float) -> float:
        """How much of the room a value uses: 0 to 1."""
        return abs(value - self.now) / self.room

    def places(self, end: float, count: int) -> list[float]:
        """Up to `count` values on the way to an end, the nearest first, the end included."""
        return self.between(self.now, end, count)

    def between(self, start: float, end: float, count: int) -> list[float]:
        """Up to `count` values behind `start` up to `end`, as evenly as the steps allow."""
        sign = 1 if end >= self.now else -1
        first = floor(abs(start - self.now) / self.step + 1e-9) + 1
        last = floor(abs(end - self.now) / self.step + 1e-9)
        steps = last - first + 1
        picked = range(first, last + 1) if steps <= count else _spread(first, last, count)
        values = [_tidy(self.name, self.now + sign * step * self.step) for step in picked]
        return values if values and values[-1] == end else [*values, end]

    def allowed(self, value: float) -> float | None:
        """The first permitted value at or behind one; None where there is none."""
        for end in self.ends:
            sign = 1 if end >= self.now else -1
            ahead = sign * (value - self.now)
            if 0 < ahead <= abs(end - self.now):
                steps = ceil(ahead / self.step - 1e-9)
                stepped = _tidy(self.name, self.now + sign * steps * self.step)
                return stepped if sign * (end - stepped) >= 0 else end
        return None


def _tidy(name: str, value: float) -> float:
    return round(value, 2) if UNITS.get(name) == MONEY_UNIT else float(f"{value:.12g}")


def _spread(first: int, last: int, count: int) -> list[int]:
    """`count` whole numbers from near `first` to `last`, evenly."""
    return sorted({first - 1 + ceil((last - first + 1) * i / count) for i in range(1, count + 1)})


def nearest_approval(
    case: Case, policy: Politica, limits: Limiares | None, predict: Predict | None
) -> Nearest:
    """Search.

    Args:
        case: An order that was denied.
        policy: What may be changed, and the rules.
        limits: The model's thresholds; None where no model may answer.
        predict: Scores changes of the case; None where no model may answer.
    """
    if predict is None or limits is None:
        return _none("Sem modelo que possa responder, nenhum pedido é aprovado automaticamente.")
    rooms = [room for name, how in policy.alteraveis.items() if (room := room_of(case, name, how))]
    if not rooms:
        return _none("Nenhuma coluna que a política declara alterável tem para onde mudar.")
    if blocked := _blocked_by(case, policy, rooms):
        return _none(f"A regra {blocked} não depende de nada que possa mudar.")
    return _Search(
        case,
        policy,
        limits.aprova_abaixo_de,
        predict,
        rooms,
        edges_of(case, policy.regras),
        speaking(case, policy.regras),
    ).run()


def room_of(case: Case, name: str, how: Alteravel) -> Room | None:
    """How far a column of a case can go; None where it has no number, or nowhere to go."""
    now = case.number(name)
    if now is None:
        return None
    ends = []
    if how.direcao != "diminui" and how.maximo > now:
        ends.append(how.maximo)
    least_share = _tidy(name, max(now, 0) * (how.parcela_minima or 0))
    lowest = max(how.minimo, least_share) if now > 0 else how.minimo
    if how.direcao != "aumenta" and lowest < now:
        ends.append(lowest)
    if not ends:
        return None
    return Room(name, now, tuple(ends), how.passo or _least_step(name, now, ends))


def _least_step(name: str, now: float, ends: Sequence[float]) -> float:
    """A hundredth of BRL, one of what is counted, else a hundredth, as people are told of it; of
    little room a millionth.

    What a company has in whole numbers, with room for some, is counted, too: months of a term.
    """
    unit, room = UNITS.get(name), max(abs(end - now) for end in ends)
    if unit == MONEY_UNIT:
        return 0.01
    looks_counted = room >= FEWEST_WHOLE and all(each.is_integer() for each in (now, *ends))
    if unit in WHOLE or looks_counted:
        return 1.0
    return 0.01 if room >= LEAST_ROOM_OF_HUNDREDTHS else room / 1e6


def _none(reason: str, rows: int = 0) -> Nearest:
    return Nearest(None, None, None, rows, reason)


def _blocked_by(case: Case, policy: Politica, rooms: Sequence[Room]) -> str | None:
    """A rule that speaks and looks at nothing that can be changed."""
    names = {room.name for room in rooms}
    for name, rule in RULES.items():
        terms = getattr(policy.regras, name)
        if terms.ativa and not rule.columns & names and rule.speaks(case, terms):
            return name
    return None


@dataclass
class _Search:
    """One search; `rows` counts what the model was asked."""

    case: Case
    policy: Politica
    approved_below: float
    predict: Predict
    rooms: Sequence[Room]
    edges: Mapping[str, list[float]]
    blocking: Sequence[Rule]
    rows: int = 0

    def run(self) -> Nearest:
        alone = list(self._alone())
        scores = self._ask(alone)
        found = self._first_approved(alone, scores)
        if found is None:
            combined = list(self._combined(self._most_helpful(alone, scores)))
            found = self._first_approved(combined, self._ask(combined))
        if found is None:
            return _none(
                "Nenhuma mudança tentada nas colunas alteráveis, dentro dos limites da política, "
                "levaria à aprovação.",
                self.rows,
            )
        nearer = list(self._nearer(found[0], alone))
        change, score = self._first_approved(nearer, self._ask(nearer)) or found
        return Nearest(change, self._distance(change), as_number(score), self.rows)

    def _alone(self) -> Iterator[Changes]:
        for room in self.rooms:
            yield from ({room.name: value} for value in self._places(room, STEPS_ALONE))

    def _places(self, room: Room, count: int) -> list[float]:
        """Values to try of a column: evenly spread, and where a rule that speaks falls silent."""
        spread = [v for end in room.ends for v in room.places(end, count // len(room.ends))]
        return list(dict.fromkeys([*spread, *self._at_edges(room)]))

    def _at_edges(self, room: Room) -> list[float]:
        found = (room.allowed(edge) for edge in self.edges.get(room.name, ()))
        return [value for value in found if value is not None]

    def _nearer(self, found: Changes, alone: Sequence[Changes]) -> Iterator[Changes]:
        """Changes nearer than one that was approved: of one of its columns, the others as found.

        Of a column alone, those behind the last nearer value that was not approved.
        """
        for room in self.rooms:
            value = found.get(room.name)
            if value is None or (len(found) == 1 and value in self._at_edges(room)):
                continue  # Alone, nothing nearer than where a rule falls silent would do.
            start = self._last_before(room, value, alone) if len(found) == 1 else room.now
            for place in room.between(start, value, STEPS_BETWEEN // len(found)):
                if room.distance(place) < room.distance(value):
                    yield {**found, room.name: place}

    @staticmethod
    def _last_before(room: Room, value: float, alone: Sequence[Changes]) -> float:
        tried = [v for each in alone for name, v in each.items() if name == room.name]
        same_side = [v for v in tried if (v > room.now) == (value > room.now)]
        nearer = [v for v in same_side if room.distance(v) < room.distance(value)]
        return max(nearer, key=room.distance, default=room.now)

    def _most_helpful(self, alone: Sequence[Changes], scores: Sequence[float]) -> list[Room]:
        """The columns whose change alone lowers the probability most, or frees of a rule."""
        lowest: dict[str, float] = {}
        for change, score in zip(alone, scores, strict=True):
            ((name, _),) = change.items()
            lowest[name] = min(score, lowest.get(name, 1.0))
        ruled = {column for rule in self.blocking for column in rule.columns}
        by_help = sorted(self.rooms, key=lambda room: (room.name not in ruled, lowest[room.name]))
        return by_help[:MOST_PAIRED]

    def _combined(self, helpful: Sequence[Room]) -> Iterator[Changes]:
        places = {room.name: self._places(room, STEPS_PAIRED) for room in helpful}
        for one, other in combinations(helpful, 2):
            for values in product(places[one.name], places[other.name]):
                yield dict(zip((one.name, other.name), values, strict=True))
        if len(self.rooms) > 2:
            for share in range(1, STEPS_TOGETHER + 1):
                yield {room.name: self._share(room, share / STEPS_TOGETHER) for room in self.rooms}

    @staticmethod
    def _share(room: Room, share: float) -> float:
        end = room.ends[0]
        places = room.places(end, STEPS_TOGETHER)
        return places[max(0, ceil(share * len(places)) - 1)]

    def _ask(self, changes: Sequence[Changes]) -> Sequence[float]:
        if not changes:
            return []
        self.rows += len(changes)
        return self.predict(changes)

    def _first_approved(
        self, changes: Sequence[Changes], scores: Sequence[float]
    ) -> tuple[Changes, float] | None:
        """The nearest change that model and rules approve, with its probability."""
        passing = [
            (change, score)
            for change, score in zip(changes, scores, strict=True)
            if score < self.approved_below
            and all(rule.columns & change.keys() for rule in self.blocking)
        ]
        passing.sort(key=lambda each: (len(each[0]), self._distance(each[0])))
        return next((each for each in passing if self._frees(each[0])), None)

    def _frees(self, change: Changes) -> bool:
        """Whether no rule speaks after a change; those it does not touch are silent already."""
        return is_silent(self.case.changed(change), self.policy.regras, change.keys())

    def _distance(self, change: Changes) -> float:
        return sum(room.distance(change[room.name]) for room in self.rooms if room.name in change)
