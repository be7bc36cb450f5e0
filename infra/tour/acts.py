"""What happens in a scene; each act knows how long it takes in the film."""

from collections.abc import Callable
from dataclasses import dataclass

from infra.tour.stage import (
    KEY_SECONDS,
    MOVE_SECONDS,
    PRESS_SECONDS,
    SCROLL_SECONDS,
    Stage,
)


@dataclass(frozen=True)
class Open:
    """Go to a page."""

    path: str
    seconds: float = 0.0

    def perform(self, stage: Stage) -> None:
        """See `Act`."""
        stage.open(self.path)


@dataclass(frozen=True)
class Hold:
    """Let the page be seen."""

    seconds: float

    def perform(self, stage: Stage) -> None:
        """See `Act`."""
        stage.hold(self.seconds)


@dataclass(frozen=True)
class Point:
    """Move the hand onto something."""

    place: str
    seconds: float = MOVE_SECONDS

    def perform(self, stage: Stage) -> None:
        """See `Act`."""
        stage.move_to(self.place)


@dataclass(frozen=True)
class Press:
    """Click something; `then` is what is to be seen after."""

    place: str
    then: str = ""
    seconds: float = MOVE_SECONDS + PRESS_SECONDS

    def perform(self, stage: Stage) -> None:
        """See `Act`."""
        stage.press(self.place, self.then)


@dataclass(frozen=True)
class Write:
    """Type into a field."""

    place: str
    text: str

    @property
    def seconds(self) -> float:
        """How long the letters take."""
        return MOVE_SECONDS + KEY_SECONDS * len(self.text)

    def perform(self, stage: Stage) -> None:
        """See `Act`."""
        stage.write(self.place, self.text)


@dataclass(frozen=True)
class Attach:
    """Choose a file, which is made when it is needed."""

    place: str
    name: str
    content: Callable[[], bytes]
    seconds: float = MOVE_SECONDS

    def perform(self, stage: Stage) -> None:
        """See `Act`."""
        stage.attach(self.place, self.name, self.content())


@dataclass(frozen=True)
class Choose:
    """Choose an option by its text, or by its place."""

    place: str
    label: str
    seconds: float = MOVE_SECONDS

    def perform(self, stage: Stage) -> None:
        """See `Act`."""
        stage.choose(self.place, self.label)


@dataclass(frozen=True)
class Slide:
    """Drag a slider to a share of its way."""

    place: str
    share: float
    slid_seconds: float = 1.2

    @property
    def seconds(self) -> float:
        """How long the hand takes."""
        return MOVE_SECONDS + self.slid_seconds

    def perform(self, stage: Stage) -> None:
        """See `Act`."""
        stage.slide(self.place, self.share, self.slid_seconds)


@dataclass(frozen=True)
class Scroll:
    """Bring something to the top of the window."""

    place: str
    seconds: float = SCROLL_SECONDS

    def perform(self, stage: Stage) -> None:
        """See `Act`."""
        stage.scroll_to(self.place)


@dataclass(frozen=True)
class Watch:
    """See how something goes on until `until` is there; it takes `seconds` in the film."""

    until: str
    seconds: float

    def perform(self, stage: Stage) -> None:
        """See `Act`."""
        stage.watch(self.until, self.seconds)
