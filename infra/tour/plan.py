"""What a film is made of: scenes of captioned steps, each of a few acts of known length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from infra.tour.pages import Who
from infra.tour.stage import Stage

CHARACTERS_PER_SECOND = 13.0
"""How fast captions are read, by those who read slowly."""

GLANCE_SECONDS = 1.2  # To see that there is a new caption.
LINGER_SECONDS = 2.4  # On what the acts led to.
SHORTEST_SECONDS, LONGEST_SECONDS = 180.0, 300.0


class Act(Protocol):
    """Something that a hand does, or an eye waits for."""

    @property
    def seconds(self) -> float:
        """How long it takes in the film."""

    def perform(self, stage: Stage) -> None:
        """Do it."""


@dataclass(frozen=True)
class Step:
    """A caption, and what happens while it stands.

    Attributes:
        caption: In Portuguese, for people.
        acts: In their order.
    """

    caption: str
    acts: tuple[Act, ...] = ()

    @property
    def acted_seconds(self) -> float:
        """How long its acts take."""
        return sum(act.seconds for act in self.acts)

    @property
    def reading_seconds(self) -> float:
        """How long its caption takes to read."""
        return GLANCE_SECONDS + len(self.caption) / CHARACTERS_PER_SECOND

    @property
    def seconds(self) -> float:
        """How long it stands."""
        return max(self.acted_seconds + LINGER_SECONDS, self.reading_seconds)


@dataclass(frozen=True)
class Scene:
    """A part of the product.

    Attributes:
        title: What it is called in the film.
        who: Who is signed in.
        steps: What is shown of it.
    """

    title: str
    who: Who
    steps: tuple[Step, ...]


def steps_of(scenes: Sequence[Scene]) -> Iterator[tuple[Scene, Step]]:
    """Every step, in the film's order."""
    for scene in scenes:
        for step in scene.steps:
            yield scene, step


def length_seconds(scenes: Sequence[Scene]) -> float:
    """How long the film is."""
    return sum(step.seconds for _, step in steps_of(scenes))
