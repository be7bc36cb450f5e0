"""An answer taken apart as a waterfall: from what a model starts from, step by step, to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST_STEPS = 8
HEADROOM = 1.05
FAR_FROM_ZERO = 0.6  # Of the chart's height; what lies that far up is shown without its foot.


@dataclass(frozen=True)
class Step:
    """One bar.

    Attributes:
        label: What pushes.
        text: Why, in a sentence.
        value: How far it pushes; of the first and the last bar, the answer itself.
        said: The same, written.
        left: Where the bar begins, as a share of the chart.
        width: How long it is, as a share of the chart.
        kind: `total`, `up` or `down`.
    """

    label: str
    text: str
    value: float
    said: str
    left: float
    width: float
    kind: str


@dataclass(frozen=True)
class Waterfall:
    """The bars from the base value to the answer.

    Attributes:
        steps: Base value, pushes with the strongest first, answer.
        marks: Levels to compare with, as shares of the chart.
        foot: What the chart's left edge stands for.
    """

    steps: list[Step]
    marks: list[float]
    foot: float


@dataclass(frozen=True)
class Push:
    """What pushes an answer: its name, why in a sentence, and how far."""

    label: str
    text: str
    value: float


@dataclass(frozen=True)
class Writing:
    """How a waterfall is written.

    Attributes:
        start, end: What the first and the last bar are called.
        why_start: What the first one stands for.
        total: Writes an answer.
        push: Writes how far something pushes, with its sign.
        greatest: No answer is above this.
        whole: The bars begin at zero even where that makes the pushes small.
    """

    start: str
    end: str
    why_start: str
    total: Callable[[float], str]
    push: Callable[[float], str]
    greatest: float = float("inf")
    whole: bool = True


def waterfall(
    base: float,
    pushes: Sequence[Push],
    answer: float,
    writing: Writing,
    marks: Sequence[float] = (),
) -> Waterfall:
    """An answer as a waterfall.

    Args:
        base: What the pushes start from.
        pushes: They sum to answer minus base; the weakest of many become one step.
        answer: What the model says.
        writing: How it is written.
        marks: Levels to compare the answer with.
    """
    shown = _few(pushes)
    levels = [base]
    for each in shown:
        levels.append(levels[-1] + each.value)
    everything = (*levels, answer, *marks)
    foot = _foot(everything, whole=writing.whole)
    reach = (max(*everything, foot + 1e-9) - foot) * HEADROOM
    if writing.whole:
        reach = min(max(reach, 0.01 * HEADROOM), writing.greatest - foot)
    steps = [_total(writing.start, writing.why_start, base, writing, foot, reach)]
    for each, before in zip(shown, levels, strict=False):
        left = (min(before, before + each.value) - foot) / reach
        kind = "up" if each.value > 0 else "down"
        width, said = abs(each.value) / reach, writing.push(each.value)
        steps.append(Step(each.label, each.text, each.value, said, left, width, kind))
    steps.append(_total(writing.end, "", answer, writing, foot, reach))
    return Waterfall(steps, [(mark - foot) / reach for mark in marks], foot)


def _few(pushes: Sequence[Push]) -> list[Push]:
    rest = pushes[MOST_STEPS:]
    if not rest:
        return list(pushes)
    others = Push(f"Outras {len(rest)}", "As que menos pesam.", sum(each.value for each in rest))
    return [*pushes[:MOST_STEPS], others]


def _foot(levels: Sequence[float], *, whole: bool) -> float:
    low, high = min(levels), max(levels)
    if whole or low <= 0 or low < FAR_FROM_ZERO * high:
        return min(0.0, low)
    return low - (high - low) * (HEADROOM - 1) * 4


def _total(
    label: str, text: str, value: float, writing: Writing, foot: float, reach: float
) -> Step:
    zero = max(0.0, -foot) / reach if foot < 0 else 0.0
    end = (value - foot) / reach
    left, width = min(zero, end), abs(end - zero)
    return Step(label, text, value, writing.total(value), left, width, "total")
