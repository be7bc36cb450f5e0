"""An app in parts, each imported when a path of it is first asked for.

A cold function then imports what it serves, not every product (ADR 0049). Whoever lists the
routes, as packaging and the local gateway do, finds all of them.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

from chalice.app import Blueprint, Chalice

from chalicelib.core.preflights import answer_preflights

Methods = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Part:
    """Some of an app's routes.

    Attributes:
        begins: What its paths begin with, in whole segments and without the first slash; of two
            parts that a path could belong to, it does to the one that says more of it.
        blueprints: Imports and gives its blueprints.
    """

    begins: tuple[str, ...]
    blueprints: Callable[[], Iterable[Blueprint]]

    def fit(self, path: str) -> int:
        """How many characters of a path it answers for; -1 for a path that is not its own."""
        inside = path.strip("/") + "/"
        return max(
            (len(b) for b in self.begins if inside.startswith(f"{b}/" if b else "")), default=-1
        )


class PartedApp(Chalice):
    """A Chalice app that imports its parts when they are asked for."""

    def __init__(self, app_name: str, parts: Iterable[Part]) -> None:
        """Take the parts; nothing of them is imported yet."""
        super().__init__(app_name=app_name, configure_logs=False)
        self.routes = Routes(self, parts)  # type: ignore[assignment]  # Chalice asks no more of it.


class Routes(MutableMapping[str, Methods]):
    """Path -> method -> route, as Chalice keeps them, with parts that are not imported yet.

    To look a path up imports its part; to go through all of them imports all.

    Attributes:
        parts: Of the app, imported or not.
    """

    def __init__(self, app: Chalice, parts: Iterable[Part]) -> None:
        self._app = app
        self.parts = tuple(parts)
        self._asleep = set(self.parts)
        self._waking: set[Part] = set()
        self._awake: dict[str, Methods] = {}
        self._lock = threading.RLock()

    def __getitem__(self, path: str) -> Methods:
        self._wake_part_of(path)
        return self._awake.setdefault(path, {})  # Chalice registers by looking a path up.

    def __setitem__(self, path: str, methods: Methods) -> None:
        self._awake[path] = methods

    def __delitem__(self, path: str) -> None:
        del self._awake[path]

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, str):
            return False
        self._wake_part_of(path)
        return bool(self._awake.get(path))  # A place alone says nothing.

    def __iter__(self) -> Iterator[str]:
        self._wake_all()
        return iter(self._filled())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _filled(self) -> dict[str, Methods]:
        return {path: methods for path, methods in self._awake.items() if methods}

    def _wake_part_of(self, path: str) -> None:
        if self._asleep:
            part = max(self.parts, key=lambda part: part.fit(path))
            if part.fit(path) >= 0:
                self._wake(part)

    def _wake_all(self) -> None:
        for part in self.parts:
            self._wake(part)

    def _wake(self, part: Part) -> None:
        with self._lock:  # Others that ask for it wait until all of it is here.
            if part not in self._asleep or part in self._waking:
                return
            self._waking.add(part)
            try:
                # What fails, fails before anything is registered: the next to ask tries again.
                for blueprint in tuple(part.blueprints()):
                    self._app.register_blueprint(blueprint)
                answer_preflights(self._app, self._filled())
            finally:
                self._waking.remove(part)
            self._asleep.remove(part)
